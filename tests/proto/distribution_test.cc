#include "proto/distribution.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace ringside::proto {
namespace {

constexpr Int128 kMostSum = ~(static_cast<Int128>(1) << 127);

Distribution Of(std::initializer_list<int64_t> values, int8_t resolution = 0) {
  Distribution distribution;
  distribution.resolution = resolution;
  for (const int64_t value : values) distribution.Record(value);
  return distribution;
}

TEST(Distribution_Record, KeepsSumExtremesAndCount) {
  const Distribution distribution = Of({5, -3, 100});
  EXPECT_EQ(distribution.Count(), 3u);
  EXPECT_TRUE(distribution.sum == 102);
  EXPECT_TRUE(distribution.has_extremes);
  EXPECT_EQ(distribution.min, -3);
  EXPECT_EQ(distribution.max, 100);
  EXPECT_EQ(distribution.last_unix_ns, 0u);
}

TEST(Distribution_Record, TakesTheLatestValueAsTheLast) {
  Distribution distribution;
  distribution.Record(1, 100);
  distribution.Record(2, 300);
  distribution.Record(3, 200);
  EXPECT_EQ(distribution.last, 2);
  EXPECT_EQ(distribution.last_unix_ns, 300u);
}

TEST(Distribution_Merge, OfNothingChangesNothing) {
  const Distribution values = Of({5, 7}, -4);
  Distribution merged;
  EXPECT_TRUE(merged.empty());
  merged.Merge(values);
  EXPECT_EQ(merged, values);
  merged.Merge(Distribution());
  EXPECT_EQ(merged, values);
}

TEST(Distribution_Merge, OfCountersAddsSums) {
  Distribution a;
  a.sum = 40;
  Distribution b;
  b.sum = 2;
  a.Merge(b);
  EXPECT_TRUE(a.sum == 42);
  EXPECT_FALSE(a.has_extremes);
  EXPECT_EQ(a.Count(), 0u);
}

TEST(Distribution_Merge, OfOneWithoutExtremesKeepsThem) {
  Distribution a = Of({5, 7});
  Distribution b;
  b.histogram.Record(1000);
  b.sum = 1000;
  a.Merge(b);
  EXPECT_EQ(a.min, 5);
  EXPECT_EQ(a.max, 7);
  EXPECT_EQ(a.Count(), 3u);
}

TEST(Distribution_Merge, TakesTheFinerResolutionWhicheverComesFirst) {
  const Distribution coarse = Of({3, 10}, 0);  // 3, 10
  const Distribution fine = Of({1, 100}, -5);  // 1/32, 100/32
  Distribution coarse_first = coarse;
  coarse_first.Merge(fine);
  Distribution fine_first = fine;
  fine_first.Merge(coarse);
  EXPECT_EQ(coarse_first, fine_first);
  EXPECT_EQ(coarse_first, Of({96, 320, 1, 100}, -5));
}

TEST(Distribution_Merge, ShiftsTheLastValueToo) {
  Distribution coarse;
  coarse.Record(3, 200);
  Distribution fine = Of({}, -2);
  fine.Record(1, 100);
  fine.Merge(coarse);
  EXPECT_EQ(fine.last, 12);
  EXPECT_EQ(fine.last_unix_ns, 200u);
}

TEST(Distribution_Merge, SaturatesExtremesThatNoLongerFit) {
  Distribution coarse = Of({INT64_MAX / 2, -7}, 0);
  coarse.Merge(Of({1}, -3));
  EXPECT_EQ(coarse.max, INT64_MAX);
  EXPECT_EQ(coarse.min, -56);
  EXPECT_TRUE(coarse.sum == (static_cast<Int128>(INT64_MAX / 2) - 7) * 8 + 1);
}

TEST(Distribution_Merge, SurvivesTheWidestDifferenceOfResolutions) {
  Distribution coarse = Of({1, -1}, 127);
  coarse.Merge(Of({1}, -128));
  EXPECT_EQ(coarse.resolution, -128);
  EXPECT_EQ(coarse.max, INT64_MAX);
  EXPECT_EQ(coarse.min, INT64_MIN);
  EXPECT_EQ(coarse.Count(), 3u);
  // What can be made can also be sent.
  std::string bytes;
  coarse.histogram.Encode(&bytes);
  EXPECT_TRUE(Histogram::Decode(bytes).ok());
}

TEST(Distribution_Merge, OfSumsIsModulo128Bits) {
  Distribution a;
  a.sum = kMostSum;
  Distribution b;
  b.sum = 2;
  a.Merge(b);
  EXPECT_TRUE(a.sum == -kMostSum);
}

TEST(Distribution_Merge, GivesTheSameInAnyOrder) {
  std::mt19937_64 random(9);
  std::vector<Distribution> parts;
  for (int i = 0; i < 8; ++i) {
    Distribution part;
    part.resolution = static_cast<int8_t>(-3 * (i % 3));
    for (int k = 0; k < 50; ++k) {
      part.Record(static_cast<int64_t>(random() % 100000) - 1000, random() % 4);
    }
    parts.push_back(part);
  }
  Distribution expected;
  for (const Distribution& part : parts) expected.Merge(part);
  for (int round = 0; round < 500; ++round) {
    std::shuffle(parts.begin(), parts.end(), random);
    Distribution left;
    Distribution right;
    for (size_t i = 0; i < parts.size(); ++i) (i % 2 == 0 ? left : right).Merge(parts[i]);
    left.Merge(right);
    ASSERT_EQ(left, expected) << round;
  }
}

TEST(Distribution_Quantile, NeverLiesBeyondTheExtremes) {
  const Distribution distribution = Of({20'000'000, 20'000'001}, 0);
  EXPECT_GT(*distribution.histogram.Quantile(0.99), 20'000'001.0);  // the bucket's own value
  EXPECT_EQ(*distribution.Quantile(0.99), 20'000'001.0);
  EXPECT_EQ(Distribution().Quantile(0.5), std::nullopt);
}

TEST(Distribution_Quantile, OfLateExtremesStaysInItsBucket) {
  Distribution distribution = Of({20'000'000}, 0);
  distribution.min = distribution.max = 10;  // the true extreme comes with the next interval
  EXPECT_EQ(*distribution.Quantile(0.5), *distribution.histogram.Quantile(0.5));
  distribution.min = 20;  // hostile: min above max
  EXPECT_EQ(*distribution.Quantile(0.5), *distribution.histogram.Quantile(0.5));
}

TEST(Distribution_Refine, MultipliesTheIntegers) {
  Distribution distribution = Of({3}, 2);
  distribution.Refine(-1);
  EXPECT_EQ(distribution, Of({24}, -1));
}

}  // namespace
}  // namespace ringside::proto
