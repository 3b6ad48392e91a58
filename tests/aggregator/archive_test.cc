// The archive as a specification: what is written is read back.
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "tests/aggregator/archive_fixture.h"

namespace ringside::aggregator {
namespace {

namespace fs = std::filesystem;

TEST_F(ArchiveTest, RoundTrip_RandomBatches) {
  Start();
  for (int i = 0; i < 100; ++i) Commit({agent_.Next(), agent_.Next(), agent_.Next()});
  ExpectAllRead();
  EXPECT_EQ(report_.applied.Contiguous(agent_.uuid(), agent_.epoch()), 300u);
}

TEST_F(ArchiveTest, RoundTrip_Extremes) {
  proto::Batch batch = agent_.Next();
  batch.id = {agent_.uuid(), UINT64_MAX, UINT64_MAX};
  batch.interval_start_unix_ns = 0;
  batch.interval_end_unix_ns = UINT64_MAX;
  batch.producers.resize(1);
  proto::ProducerDelta& producer = batch.producers[0];
  producer.series.clear();
  for (const int direction : {1, -1}) {
    proto::SeriesDelta series;
    series.key.Edit().path = "extremes" + std::to_string(direction);
    series.key.Edit().resolution = series.delta.resolution = -128;
    const proto::Int128 half = static_cast<proto::Int128>(1) << 126;
    series.delta.sum = direction * (half - 1 + half);
    series.delta.has_extremes = true;
    series.delta.min = INT64_MIN;
    series.delta.max = INT64_MAX;
    series.delta.last = INT64_MIN;
    series.delta.last_unix_ns = UINT64_MAX;
    series.delta.histogram.AddPositive(proto::kMaxIndexOctaves << proto::kDefaultScale, 1);
    series.delta.histogram.AddNegative(-(proto::kMaxIndexOctaves << proto::kDefaultScale), 7);
    series.delta.histogram.AddZero(UINT64_MAX - 8);
    producer.series.push_back(series);
  }
  proto::SeriesDelta fractional;
  fractional.key.Edit().path = "fractional";
  fractional.delta.histogram.Record(12345, 3);
  fractional.delta.histogram.ShiftOctaves(-7);
  producer.series.push_back(fractional);
  producer.totals.lost.fill(UINT64_MAX);
  producer.totals.dropped.fill(UINT64_MAX);
  Start();
  Commit({batch});
  ExpectAllRead();
}

// What stands between `key` and the next comma.
std::string Member(const std::string& line, const std::string& key) {
  const size_t begin = line.find("\"" + key + "\":") + key.size() + 3;
  return line.substr(begin, line.find(',', begin) - begin);
}

void ExpectSeriesAreTheirProducers(const std::string& text) {
  std::map<std::string, std::string> owners;  // of series, by number
  std::string producer;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::string type = Member(line, "type");
    if (type == "\"producer\"") producer = Member(line, "producer");
    if (type == "\"series\"") owners[Member(line, "series")] = producer;
    if (type == "\"interval\"") {
      ASSERT_EQ(owners.at(Member(line, "series")), producer) << line;
    }
  }
}

// As the aggregator has them: batches share their keys, so series are found by what came next last.
TEST_F(ArchiveTest, RoundTrip_SharedKeysInAnyOrder) {
  Start(20'000);
  std::mt19937 random(1);
  std::vector<proto::SharedKey> keys;
  for (int i = 0; i < 30; ++i) {
    proto::SeriesKey key;
    key.path = "path-" + std::to_string(i);
    keys.emplace_back(key);
  }
  for (uint64_t sequence = 1; sequence <= 200; ++sequence) {
    if (sequence % 10 == 0) std::shuffle(keys.begin(), keys.end(), random);
    proto::Batch batch = agent_.Next();
    batch.id.sequence = sequence;
    for (proto::ProducerDelta& producer : batch.producers) {
      producer.series.clear();
      producer.timings.clear();
      for (size_t i = 0; i < 1 + random() % keys.size(); ++i) {
        const bool is_own = random() % 16 == 0;
        proto::SeriesDelta& series = producer.series.emplace_back();
        series.key = is_own ? proto::SharedKey(*keys[i]) : keys[i];
        series.delta.sum = random();
      }
    }
    Commit({batch});
  }
  Stop();
  ExpectAllRead();
  // Nor is a series another producer's, which a reader of batches would not notice.
  for (const fs::path& file : Files()) ExpectSeriesAreTheirProducers(ReadText(file));
}

TEST_F(ArchiveTest, RoundTrip_AttributesThatJsonHasNoNumbersFor) {
  proto::Batch batch = agent_.Next();
  batch.producers.resize(1);
  proto::RequestRow request;
  request.operation = "op";
  const double infinity = std::numeric_limits<double>::infinity();
  request.attributes = {{"up", infinity},    {"down", -infinity}, {"none", std::nan("")},
                        {"whole", 3.0},      {"large", 1e300},    {"integer", int64_t{3}},
                        {"minus_zero", -0.0}};
  batch.producers[0].requests = {request};
  Start();
  Commit({batch});
  const auto read = Read().at(0).producers.at(0).requests.at(0).attributes;
  EXPECT_EQ(std::get<double>(read[0].second), infinity);
  EXPECT_EQ(std::get<double>(read[1].second), -infinity);
  EXPECT_TRUE(std::isnan(std::get<double>(read[2].second)));
  EXPECT_EQ(std::get<double>(read[3].second), 3.0);
  EXPECT_EQ(std::get<double>(read[4].second), 1e300);
  EXPECT_EQ(std::get<int64_t>(read[5].second), 3);
  EXPECT_TRUE(std::signbit(std::get<double>(read[6].second)));
}

TEST_F(ArchiveTest, Lines_TypeComesFirstAndFileStartsWithTheDay) {
  Start();
  CommitSome(5);
  EXPECT_EQ(OnlyFile().filename().string(), "20250301-000000-000001.jsonl");
  std::istringstream lines(ReadText(OnlyFile()));
  std::map<std::string, int> types;
  for (std::string line; std::getline(lines, line);) {
    ASSERT_EQ(line.rfind("{\"type\":\"", 0), 0u) << line;
    ++types[line.substr(9, line.find('"', 9) - 9)];
  }
  for (const char* type :
       {"head", "producer", "series", "interval", "request", "timing", "commit"}) {
    EXPECT_GT(types[type], 0) << type;
  }
  EXPECT_EQ(types["commit"], 5);
  EXPECT_EQ(types.size(), 7u);
}

TEST_F(ArchiveTest, Restart_GoesOnInANewFile) {
  for (int run = 0; run < 4; ++run) {
    Start();
    CommitSome(3);
    Stop();
  }
  EXPECT_EQ(Files().size(), 4u);
  ExpectAllRead();
}

TEST_F(ArchiveTest, Restart_WithoutABatchLeavesNoFileBehind) {
  for (int run = 0; run < 5; ++run) {
    Start();
    Stop();
  }
  EXPECT_EQ(Files().size(), 1u);
  Start();
  CommitSome(1);
  ExpectAllRead();
}

TEST_F(ArchiveTest, Rotation_BySizeAndByDay) {
  Start(2048);
  CommitSome(20);
  const size_t by_size = Files().size();
  EXPECT_GT(by_size, 3u);
  now_ += kDay;
  CommitSome(1);
  EXPECT_EQ(Files().size(), by_size + 1);
  EXPECT_EQ(Files().back().filename().string().substr(0, 8), "20250302");
  ExpectAllRead();
}

TEST_F(ArchiveTest, Rotation_OrderIsThatOfTheNumbersWhateverTheClockDid) {
  Start(1);
  CommitSome(3);
  now_ -= 40 * kDay;
  CommitSome(3);
  ExpectAllRead();
}

TEST_F(ArchiveTest, Retention_HeadRemembersWhatIsGone) {
  Start(1);
  CommitSome(6);
  Stop();
  fs::remove(Files()[0]);
  fs::remove(Files()[0]);
  EXPECT_EQ(Read().size(), 4u);
  EXPECT_TRUE(report_.IsClean());
  EXPECT_EQ(history_.Contiguous(agent_.uuid(), agent_.epoch()), 2u);
  EXPECT_EQ(report_.applied.Contiguous(agent_.uuid(), agent_.epoch()), 6u);
}

TEST_F(ArchiveTest, Reader_ChangesNothing) {
  Start();
  CommitSome(2);
  Stop();
  const fs::path file = OnlyFile();
  WriteText(file, ReadText(file) + "torn");
  WriteText(directory_ + "/20250301-000000-000002.jsonl.new", "torn");
  const std::string before = ReadText(file);
  Read();
  EXPECT_EQ(ReadText(file), before);
  EXPECT_EQ(Files().size(), 2u);
}

TEST_F(ArchiveTest, Reader_TakesADataDirectoryToo) {
  const fs::path data = fs::path(directory_) / "data";
  fs::create_directories(data);
  Start();
  CommitSome(2);
  Stop();
  fs::create_directory(data / "archive");
  fs::rename(Files()[0], data / "archive" / Files()[0].filename());
  size_t batches = 0;
  ASSERT_TRUE(ReadArchive(
                  data, [&](const proto::Batch&) { ++batches; }, &report_)
                  .ok());
  EXPECT_EQ(batches, 2u);
}

TEST_F(ArchiveTest, Reader_NamesADirectoryThatIsNotThere) {
  const proto::Status status = ReadArchive(
      directory_ + "/nowhere", [](const proto::Batch&) {}, &report_);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find(directory_ + "/nowhere"), std::string::npos);
}

}  // namespace
}  // namespace ringside::aggregator
