// The archive as a specification: what is written is read back, whatever happens to the bytes.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <sstream>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "aggregator/archive_reader.h"
#include "aggregator/archive_repair.h"
#include "aggregator/archive_writer.h"
#include "tests/aggregator/random_batch.h"

namespace ringside::aggregator {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kNow = 1'740'787'200'000'000'000;  // 2025-03-01T00:00:00Z
constexpr uint64_t kDay = 24ull * 3600 * 1'000'000'000;

std::string ReadText(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void WriteText(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

// Batches that are complete before byte `at`.
size_t CommitsBefore(const std::string& text, size_t at) {
  size_t commits = 0;
  for (size_t found = 0; (found = text.find("{\"type\":\"commit\"", found)) < at; ++commits) {
    found = text.find('\n', found);
    if (found >= at) break;
  }
  return commits;
}

class ArchiveTest : public testing::Test {
 protected:
  ArchiveTest() {
    // On tmpfs: thousands of fsyncs cost nothing there.
    std::string name = "/dev/shm/ringside-archive-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~ArchiveTest() override { fs::remove_all(directory_); }

  // Starts as the aggregator does: reads, repairs, opens a file.
  void Start(uint64_t rotate_bytes = 1 << 20) {
    Read();
    notes_.clear();
    auto position = RepairArchive(report_, &notes_);
    ASSERT_TRUE(position.ok()) << position.message();
    applied_ = report_.applied;
    writer_.emplace(ArchiveWriterOptions{directory_, rotate_bytes}, *position);
    const proto::Status opened = writer_->Open(applied_, now_);
    ASSERT_TRUE(opened.ok()) << opened.message();
  }
  void Stop() { writer_.reset(); }

  proto::Status TryCommit(const std::vector<proto::Batch>& batches) {
    std::vector<const proto::Batch*> pointers;
    for (const proto::Batch& batch : batches) pointers.push_back(&batch);
    proto::Status status = writer_->Commit(pointers, applied_, now_);
    if (!status.ok()) return status;
    for (const proto::Batch& batch : batches) {
      applied_.Add(batch.id, now_);
      written_.push_back(batch);
    }
    return status;
  }
  void Commit(const std::vector<proto::Batch>& batches) {
    const proto::Status status = TryCommit(batches);
    ASSERT_TRUE(status.ok()) << status.message();
  }
  void CommitSome(int count) {
    for (int i = 0; i < count; ++i) Commit({agent_.Next()});
  }

  std::vector<proto::Batch> Read() {
    std::vector<proto::Batch> batches;
    report_ = {};
    history_ = {};
    const proto::Status status = ReadArchive(
        directory_, [&](const proto::Batch& batch) { batches.push_back(batch); }, &report_,
        [this](const AppliedSets& before) { history_ = before; });
    EXPECT_TRUE(status.ok()) << status.message();
    return batches;
  }

  // What is read is what was written, all of it, in order.
  void ExpectAllRead() {
    const std::vector<proto::Batch> batches = Read();
    ASSERT_EQ(batches.size(), written_.size());
    for (size_t i = 0; i < batches.size(); ++i) {
      ASSERT_TRUE(SameBatch(batches[i], written_[i])) << "batch " << i;
    }
    EXPECT_TRUE(report_.IsClean()) << report_.problems[0].ToString();
  }
  // What is read was written, each once; returns how many.
  size_t ExpectSubsetRead() {
    const std::vector<proto::Batch> batches = Read();
    AppliedSets seen;
    for (const proto::Batch& batch : batches) {
      EXPECT_TRUE(seen.Add(batch.id, 0)) << "twice: " << batch.id.sequence;
      const auto same = [&](const proto::Batch& b) { return SameBatch(b, batch); };
      EXPECT_TRUE(std::any_of(written_.begin(), written_.end(), same));
    }
    return batches.size();
  }

  std::vector<fs::path> Files() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(directory_)) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
  }
  fs::path OnlyFile() const {
    const std::vector<fs::path> files = Files();
    EXPECT_EQ(files.size(), 1u);
    return files.front();
  }
  bool Names(const std::string& text) const {
    for (const ArchiveProblem& problem : report_.problems) {
      if (problem.ToString().find(text) != std::string::npos) return true;
    }
    return false;
  }

  std::string directory_;
  uint64_t now_ = kNow;
  RandomAgent agent_{1};
  std::optional<ArchiveWriter> writer_;
  AppliedSets applied_;
  AppliedSets history_;
  std::vector<proto::Batch> written_;
  std::vector<std::string> notes_;
  ArchiveReport report_;
};

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
    series.key.path = "extremes" + std::to_string(direction);
    series.key.resolution = series.delta.resolution = -128;
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
  fractional.key.path = "fractional";
  fractional.delta.histogram.Record(12345, 3);
  fractional.delta.histogram.ShiftOctaves(-7);
  producer.series.push_back(fractional);
  producer.totals.lost.fill(UINT64_MAX);
  producer.totals.dropped.fill(UINT64_MAX);
  Start();
  Commit({batch});
  ExpectAllRead();
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
  Start(4096);
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

TEST_F(ArchiveTest, Missing_FileInTheMiddleIsNamed) {
  Start(1);
  CommitSome(4);
  Stop();
  const std::string gone = Files()[1].filename().string();
  fs::remove(Files()[1]);
  EXPECT_EQ(ExpectSubsetRead(), 3u);
  EXPECT_TRUE(Names("missing: " + gone));
  EXPECT_EQ(report_.chain_breaks, 1u);
  EXPECT_TRUE(report_.applied.Contains(written_[1].id)) << "lost, but never to be counted anew";
}

TEST_F(ArchiveTest, Torn_TailAtEveryByteCostsOnlyTheLastBatch) {
  agent_ = RandomAgent(7, "h", 1);
  Start();
  CommitSome(3);
  Stop();
  const fs::path file = OnlyFile();
  const std::string whole = ReadText(file);
  const size_t last = whole.rfind("{\"type\":\"commit\"");
  const size_t second = whole.find('\n', whole.rfind("{\"type\":\"commit\"", last - 1)) + 1;
  for (size_t size = second; size < whole.size(); ++size) {
    WriteText(file, whole.substr(0, size));
    ASSERT_EQ(ExpectSubsetRead(), 2u) << size;
    ASSERT_EQ(report_.IsClean(), size == second) << size;
    Start();
    ASSERT_EQ(ReadText(file), whole.substr(0, second)) << size;
    Commit({written_[2]});
    written_.pop_back();
    Stop();
    ExpectAllRead();
    for (const fs::path& path : Files()) fs::remove(path);
  }
}

TEST_F(ArchiveTest, Flipped_ByteAnywhereNeverCountsTwiceAndCostsLittle) {
  agent_ = RandomAgent(3, "h", 1);
  Start();
  CommitSome(5);
  Stop();
  const fs::path file = OnlyFile();
  const std::string whole = ReadText(file);
  const size_t head_end = whole.find('\n') + 1;
  ASSERT_EQ(ExpectSubsetRead(), 5u);
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const char flip : {'\x01', '\x80', static_cast<char>(whole[at] ^ '\n')}) {
      if (flip == 0) continue;
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      WriteText(file, damaged);
      const size_t read = ExpectSubsetRead();
      ASSERT_FALSE(report_.IsClean()) << at;
      // Batches before the damage count; after it those that need no series defined in it.
      const size_t before = CommitsBefore(whole, at);
      // Without the head the batches still prove themselves, unless it claims another format.
      const size_t least = at >= head_end ? before : Names("format") ? 0 : 4;
      ASSERT_GE(read, least) << at;
    }
  }
}

TEST_F(ArchiveTest, Flipped_BatchInTheMiddleDoesNotCostTheOnesAfterIt) {
  Start();
  proto::Batch batch = agent_.Next();
  for (uint64_t sequence = 1; sequence <= 5; ++sequence) {
    batch.id.sequence = sequence;
    Commit({batch});
  }
  Stop();
  std::string text = ReadText(OnlyFile());
  const size_t third = text.find("\"sequence\":3,");
  ASSERT_NE(third, std::string::npos);
  text[third + 11] = '2';
  WriteText(OnlyFile(), text);
  EXPECT_EQ(ExpectSubsetRead(), 4u);
  EXPECT_EQ(report_.corrupt_batches, 1u);
  EXPECT_EQ(report_.chain_breaks, 1u);
  EXPECT_FALSE(report_.applied.Contains(written_[2].id)) << "the agent may still send it";
}

TEST_F(ArchiveTest, Foreign_LinesAreSkippedCountedAndNamed) {
  Start();
  CommitSome(2);
  Stop();
  const std::string name = OnlyFile().filename().string();
  std::string text = ReadText(OnlyFile());
  const size_t after_head = text.find('\n') + 1;
  text.insert(after_head, "# a note by hand\n\n");
  text += "{\"type\":\"interval\",\"series\":\n";
  WriteText(OnlyFile(), text);
  EXPECT_EQ(ExpectSubsetRead(), 2u);
  EXPECT_TRUE(Names(name + ":2: 2 lines (18 bytes) skipped"));
  const auto lines = std::count(text.begin(), text.end(), '\n');
  EXPECT_TRUE(Names(name + ":" + std::to_string(lines) + ": 1 line"))
      << report_.problems[1].ToString();
  EXPECT_EQ(report_.skipped_lines, 3u);
  EXPECT_EQ(report_.chain_breaks, 0u);
}

TEST_F(ArchiveTest, Foreign_BatchOfAnotherFileNeverCounts) {
  Start(1);
  CommitSome(2);
  Stop();
  std::string first = ReadText(Files()[0]);
  const std::string second = ReadText(Files()[1]);
  written_.pop_back();
  fs::remove(Files()[1]);
  WriteText(Files()[0], first + second.substr(second.find('\n') + 1));
  EXPECT_EQ(ExpectSubsetRead(), 1u);
  EXPECT_EQ(report_.corrupt_batches, 1u);
}

TEST_F(ArchiveTest, Foreign_FormatIsSkippedNamedAndLeftAlone) {
  Start();
  CommitSome(2);
  Stop();
  std::string text = ReadText(OnlyFile());
  text.replace(text.find("\"format\":1"), 10, "\"format\":9");
  WriteText(OnlyFile(), text);
  EXPECT_EQ(Read().size(), 0u);
  EXPECT_TRUE(Names("has archive format 9, this program reads 1"));
  written_.clear();
  Start();
  CommitSome(1);
  Stop();
  EXPECT_EQ(ReadText(Files()[0]), text);
  EXPECT_EQ(ExpectSubsetRead(), 1u);
}

TEST_F(ArchiveTest, Duplicate_BatchInTheArchiveIsAppliedOnce) {
  Start();
  const proto::Batch batch = agent_.Next();
  Commit({batch, batch});
  EXPECT_EQ(Read().size(), 1u);
  EXPECT_EQ(report_.duplicates, 1u);
}

TEST_F(ArchiveTest, Durable_ReadersStopWhereTheNextHeadSays) {
  Start();
  CommitSome(1);
  const ArchiveFileState durable = (Read(), report_.files.back());
  CommitSome(1);  // as if its fsync had failed
  Stop();
  written_.pop_back();
  ArchivePosition position;
  position.link = {durable.name.FileName(), durable.good_bytes, durable.chain};
  position.next_number = durable.name.number + 1;
  writer_.emplace(ArchiveWriterOptions{directory_, 1 << 20}, position);
  CommitSome(1);
  ExpectAllRead();
}

TEST_F(ArchiveTest, Unfinished_FilesOfARotationAreTakenAway) {
  Start();
  CommitSome(1);
  Stop();
  WriteText(directory_ + "/20250301-000000-000002.jsonl.new", "{\"type\":\"head\",");
  WriteText(directory_ + "/20250301-000000-000003.jsonl", "");
  Start();
  CommitSome(1);
  ExpectAllRead();
  EXPECT_EQ(Files().size(), 2u);
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

// The kernel's limit on file sizes stands in for a full disk: a write fails half-way.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(uint64_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(ArchiveTest, Full_NothingCountsUntilThereIsRoom) {
  Start();
  CommitSome(3);
  const std::vector<proto::Batch> group = {agent_.Next(), agent_.Next(), agent_.Next()};
  const uint64_t size = fs::file_size(OnlyFile());
  {
    const FileSizeLimit limit(size + 100);
    for (int attempt = 0; attempt < 3; ++attempt) {
      const proto::Status status = TryCommit(group);
      // The first file is full; a new one has room for a while, but in the end none has.
      if (status.ok()) break;
      EXPECT_NE(status.message().find("cannot be written"), std::string::npos);
    }
  }
  if (written_.size() == 3) Commit(group);
  ExpectAllRead();
}

TEST_F(ArchiveTest, Full_NoRoomEvenForAHead) {
  Start();
  CommitSome(3);
  const proto::Batch batch = agent_.Next();
  const size_t files = Files().size();
  {
    const FileSizeLimit limit(10);
    for (int attempt = 0; attempt < 5; ++attempt) EXPECT_FALSE(TryCommit({batch}).ok());
    EXPECT_EQ(Files().size(), files) << "attempts leave nothing behind";
  }
  Commit({batch});
  CommitSome(2);
  ExpectAllRead();
  Stop();
  Start();
  CommitSome(1);
  ExpectAllRead();
}

}  // namespace
}  // namespace ringside::aggregator
