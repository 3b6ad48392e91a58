// Archives of all formats there have been are read, each for good: tests/golden/archive-FORMAT
// holds six batches of RandomAgent, of which these sums were taken when they were written.
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "aggregator/archive_reader.h"

namespace ringside::aggregator {
namespace {

struct Sums {
  uint64_t batches = 0;
  uint64_t samples = 0;
  uint64_t sum = 0;    // of all distributions, modulo 2^64
  int64_t places = 0;  // index * count over all buckets, negative ones taken off
  uint64_t negative_buckets = 0;
  uint64_t requests = 0;
  uint64_t timings = 0;

  void Add(const proto::Distribution& delta) {
    std::vector<proto::BucketRange::Bucket> positive;
    std::vector<proto::BucketRange::Bucket> negative;
    delta.histogram.ListFilled(&positive, &negative);
    samples += delta.Count();
    sum += static_cast<uint64_t>(delta.sum);
    negative_buckets += negative.size();
    for (const auto& [index, count] : positive) places += index * static_cast<int64_t>(count);
    for (const auto& [index, count] : negative) places -= index * static_cast<int64_t>(count);
  }
  void Add(const proto::Batch& batch) {
    ++batches;
    for (const proto::ProducerDelta& producer : batch.producers) {
      requests += producer.requests.size();
      timings += producer.timings.size();
      for (const proto::SeriesDelta& series : producer.series) Add(series.delta);
    }
  }
};

TEST(ArchiveVersions, FormatOneIsReadToTheLastBucket) {
  Sums sums;
  ArchiveReport report;
  const proto::Status status = ReadArchive(
      RINGSIDE_SOURCE "/tests/golden/archive-1",
      [&sums](const proto::Batch& batch) { sums.Add(batch); }, &report);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_TRUE(report.IsClean());
  EXPECT_EQ(sums.batches, 6u);
  EXPECT_EQ(sums.samples, 202u);
  EXPECT_EQ(sums.sum, 15644488153977986523u);
  EXPECT_EQ(sums.places, 225645);
  EXPECT_EQ(sums.negative_buckets, 32u);
  EXPECT_EQ(sums.requests, 10u);
  EXPECT_EQ(sums.timings, 20u);
}

}  // namespace
}  // namespace ringside::aggregator
