// Interval lines and those that define series: read as they were written, and left alone where they
// are of another form.
#include "aggregator/archive_interval.h"

#include <limits>
#include <random>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "aggregator/archive_definition.h"
#include "aggregator/archive_interval_reader.h"

namespace ringside::aggregator {
namespace {

std::string LineOf(uint64_t series, const proto::SeriesDelta& delta) {
  IntervalLines lines;
  lines.Begin("2025-03-01T00:00:00Z", "2025-03-01T00:00:01Z");
  std::string line;
  lines.Append(series, delta, &line);
  return line;
}

// As the archive's parser calls it: the newline is behind the line.
bool Read(const std::string& line, uint64_t* series, proto::Distribution* delta) {
  return IntervalReader().Read(std::string_view(line).substr(0, line.size() - 1), series, delta);
}

void ExpectSame(const proto::SeriesDelta& delta) {
  const std::string line = LineOf(7, delta);
  uint64_t series = 0;
  proto::Distribution read;
  ASSERT_TRUE(Read(line, &series, &read)) << line;
  read.resolution = delta.key->resolution;
  EXPECT_EQ(series, 7u);
  EXPECT_EQ(read, delta.delta) << line;
}

TEST(ArchiveInterval, RoundTrip_Lognormal) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> draw(16, 0.5);
  for (int samples = 1; samples < 3000; samples = samples * 3 / 2 + 1) {
    proto::SeriesDelta delta;
    for (int i = 0; i < samples; ++i) {
      const auto value = static_cast<int64_t>(draw(random));
      delta.delta.Record(i % 7 == 0 ? -value : value % 1000 == 0 ? 0 : value);
    }
    ExpectSame(delta);
  }
}

// What came as bytes is written from them, what was merged from cells: the same line.
TEST(ArchiveInterval, FromBytesAndFromCells_IsTheSameText) {
  std::mt19937_64 random(2);
  for (int bits = 0; bits < 52; ++bits) {
    for (const int density : {1, 3, 40}) {
      proto::SeriesDelta delta;
      proto::Histogram& histogram = delta.delta.histogram;
      for (int i = 0; i < 4000; ++i) {
        if (random() % static_cast<uint64_t>(density) != 0) continue;
        const uint64_t count = 1 + random() % (uint64_t{1} << bits);
        if (bits % 3 != 1) histogram.AddPositive(i - 100, count);
        if (bits % 3 != 0) histogram.AddNegative(i - 100, count);
      }
      const std::string from_cells = LineOf(7, delta);
      std::string bytes;
      histogram.Encode(&bytes);
      histogram = *proto::Histogram::Decode(bytes);
      EXPECT_EQ(LineOf(7, delta), from_cells);
      ExpectSame(delta);
    }
  }
}

TEST(ArchiveInterval, Buckets_AreWrittenAsTheDocumentSays) {
  proto::SeriesDelta delta;
  proto::Histogram& histogram = delta.delta.histogram;
  for (const auto& [index, count] :
       {std::pair(-5, 3), {-4, 1}, {-2, 12}, {1, 1}, {20, 1000}, {21, 2}}) {
    histogram.AddPositive(index, static_cast<uint64_t>(count));
  }
  const auto expect_list = [&] {
    EXPECT_NE(LineOf(7, delta).find(R"("buckets":[-5,3,1,0,12,-2,1,-18,1000,2])"),
              std::string::npos)
        << LineOf(7, delta);
  };
  expect_list();
  std::string bytes;
  histogram.Encode(&bytes);
  histogram = *proto::Histogram::Decode(bytes);
  expect_list();
}

// Every series is named with whose it is, whatever text was kept for others.
TEST(ArchiveDefinition, Lines_NameTheirOwnProducerAndKey) {
  DefinitionLines lines;
  proto::SeriesKey plain;
  plain.path = "decode";
  const proto::SharedKey decode(plain);
  plain.path = "encode";
  const proto::SharedKey encode(plain);
  uint64_t number = 0;
  for (const std::string service : {"one", "two", "one"}) {
    proto::ProducerDelta producer;
    producer.service = service;
    const std::string host = "host-" + service;
    lines.Begin(host, producer);
    for (const proto::SharedKey& key : {decode, encode, decode}) {
      std::string line;
      lines.Append(++number, key, &line);
      EXPECT_EQ(line,
                "{\"type\":\"series\",\"series\":" + std::to_string(number) + ",\"path\":\"" +
                    key->path + R"(","kind":"duration","unit":"","resolution":0,"signed":false,)" +
                    R"("outcome":"ok","error_type":"","labels":{},"resource_labels":{},)" +
                    "\"host\":\"" + host + "\",\"service\":\"" + service +
                    R"(","instance":"","producer":"00000000-0000-0000-0000-000000000000"})" + "\n");
    }
  }
}

TEST(ArchiveInterval, RoundTrip_Gauge) {
  proto::SeriesDelta delta;
  delta.delta.Record(std::numeric_limits<int64_t>::max(), 1'740'787'200'000'000'000);
  ExpectSame(delta);
}

TEST(ArchiveInterval, RoundTrip_CounterAndNothing) {
  proto::SeriesDelta delta;
  ExpectSame(delta);
  delta.delta.sum = -12345;
  ExpectSame(delta);
}

TEST(ArchiveInterval, OtherForms_AreLeftAlone) {
  const std::string begin(R"({"type":"interval","series":1,"start":"s","end":"e","count":1,)");
  uint64_t series = 0;
  proto::Distribution delta;
  ASSERT_TRUE(Read(begin + "\"sum\":5,\"scale\":6,\"buckets\":[1,2,0,3,-5,1]}\n", &series, &delta));
  EXPECT_EQ(delta.Count(), 6u);
  for (const char* const other : {
           R"("sum":5})",                                      // no scale
           R"("sum": 5,"scale":6})",                           // a space
           R"("sum":05,"scale":6})",                           // no JSON
           R"("sum":-0,"scale":6})",                           //
           R"("sum":5,"scale":9})",                            // beyond the scales
           R"("sum":5,"scale":6,"fractional":true})",          //
           R"("sum":5,"scale":6,"resolution":1})",             //
           R"("sum":5,"scale":6}})",                           //
           R"("sum":"170141183460469231731","scale":6})",      //
           R"("sum":9223372036854775808,"scale":6})",          //
           R"("sum":5,"min":1,"scale":6})",                    //
           R"("sum":5,"scale":6,"buckets":[[1,[2]]]})",        // runs, of format 1
           R"("sum":5,"scale":6,"buckets":[99999999,2]})",     // no such index
           R"("sum":5,"scale":6,"buckets":[1,-99999999,2]})",  //
           R"("sum":5,"scale":6,"buckets":[1,2,-0,3]})",       //
           R"("sum":5,"scale":6,"buckets":[1,2})",             //
           R"("sum":5,"scale":6,"buckets":[1,2,]})",           //
           R"("sum":5,"scale":6,"buckets":[1,]})",             //
           R"("sum":5,"scale":6,"buckets":[1]})",              //
           R"("sum":5,"scale":6,"buckets":[1,0]})",            // nothing filled
           R"("sum":5,"scale":6,"buckets":[1,18446744073709551616]})",
       }) {
    EXPECT_FALSE(Read(begin + other + "\n", &series, &delta)) << other;
  }
}

TEST(ArchiveInterval, CutAnywhere_IsLeftAlone) {
  proto::SeriesDelta delta;
  delta.delta.Record(1000, 17);
  const std::string line = LineOf(7, delta);
  for (size_t size = 0; size + 2 < line.size(); ++size) {
    uint64_t series = 0;
    proto::Distribution read;
    EXPECT_FALSE(Read(line.substr(0, size) + "\n", &series, &read)) << size;
  }
}

}  // namespace
}  // namespace ringside::aggregator
