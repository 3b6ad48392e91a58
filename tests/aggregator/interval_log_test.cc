// The compact bytes of a series' intervals: nothing is changed on the way, in whatever order they
// come, and every byte taken is accounted for.
#include "aggregator/interval_log.h"

#include <limits>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "aggregator/store_tiers.h"

namespace ringside::aggregator {
namespace {

constexpr uint64_t kStart = 1'740'787'200ull * kSecondNs;
constexpr uint64_t kEver = std::numeric_limits<uint64_t>::max();

proto::Distribution Samples(std::mt19937_64* random, int count) {
  std::lognormal_distribution<double> draw(16, 0.5);
  proto::Distribution samples;
  for (int i = 0; i < count; ++i) samples.Record(static_cast<int64_t>(draw(*random)) + 1);
  return samples;
}

StoredInterval At(double end_seconds, const proto::Distribution& samples) {
  const uint64_t end = kStart + static_cast<uint64_t>(end_seconds * 1e9);
  return StoredInterval::From(samples, end - kSecondNs, end);
}

void ExpectSame(const IntervalView& a, const StoredInterval& b) {
  EXPECT_EQ(a.start_unix_ns, b.start_unix_ns);
  EXPECT_EQ(a.end_unix_ns, b.end_unix_ns);
  EXPECT_EQ(a.sum, b.sum);
  EXPECT_EQ(a.min, b.min);
  EXPECT_EQ(a.max, b.max);
  EXPECT_EQ(a.has_extremes, b.has_extremes);
  EXPECT_EQ(a.last, b.last);
  EXPECT_EQ(a.last_unix_ns, b.last_unix_ns);
  EXPECT_EQ(a.resolution, b.resolution);
  EXPECT_EQ(a.histogram, b.histogram);
}

class IntervalLogTest : public testing::Test {
 protected:
  void Insert(const StoredInterval& interval, uint64_t width = 0) {
    log_.Insert(interval.View(), width, MergeRule::kSamples, &use_);
  }
  std::vector<StoredInterval> All(uint64_t from = 0, uint64_t to = kEver) const {
    std::vector<StoredInterval> all;
    log_.Visit(from, to, [&](const IntervalView& v) { all.push_back(StoredInterval::CopyOf(v)); });
    return all;
  }
  void Clear() {
    log_.TakeUpTo(kEver, &use_, [](const IntervalView&) {});
  }

  std::mt19937_64 random_{3};
  LogUse use_;
  IntervalLog log_;
};

TEST_F(IntervalLogTest, Values_ComeBackAsTheyWere) {
  proto::Distribution odd;
  odd.sum = -(proto::Int128{1} << 100);
  odd.min = std::numeric_limits<int64_t>::min();
  odd.max = std::numeric_limits<int64_t>::max();
  odd.has_extremes = true;
  odd.last = -7;
  odd.last_unix_ns = kStart + 99 * kSecondNs;
  odd.resolution = -20;
  std::vector<StoredInterval> written = {At(1, Samples(&random_, 100)), At(2, odd),
                                         At(3, proto::Distribution()),
                                         At(7.25, Samples(&random_, 1))};
  written.push_back(written.back());
  written.back().end_unix_ns += 10;
  written.back().start_unix_ns = written.back().end_unix_ns;
  for (const StoredInterval& interval : written) Insert(interval);
  const std::vector<StoredInterval> read = All();
  ASSERT_EQ(read.size(), written.size());
  for (size_t i = 0; i < read.size(); ++i) ExpectSame(read[i].View(), written[i]);
}

TEST_F(IntervalLogTest, Order_IsThatOfTheEndsWhicheverComesFirst) {
  std::map<uint64_t, StoredInterval> oracle;
  for (int i = 0; i < 2000; ++i) {
    // Mostly the newest; every fourth somewhere before, sometimes at an end that is there already.
    const double at = i % 4 == 0 ? static_cast<double>(random_() % 500) : 500.0 + i;
    const StoredInterval interval = At(at, Samples(&random_, 5));
    Insert(interval);
    const auto [place, is_new] = oracle.try_emplace(interval.end_unix_ns, interval);
    if (!is_new) place->second.Merge(interval.View());
    if (i % 100 == 99) {
      const uint64_t cut = kStart + (random_() % 700) * kSecondNs;
      log_.TakeUpTo(cut, &use_, [&](const IntervalView& taken) {
        ASSERT_FALSE(oracle.empty());
        ExpectSame(taken, oracle.begin()->second);
        oracle.erase(oracle.begin());
      });
    }
    EXPECT_EQ(use_.intervals, oracle.size());
  }
  const uint64_t from = kStart + 900 * kSecondNs;
  const uint64_t to = kStart + 1700 * kSecondNs;
  std::vector<StoredInterval> window = All(from, to);
  auto expected = oracle.upper_bound(from);
  for (const StoredInterval& interval : window) ExpectSame(interval.View(), (expected++)->second);
  EXPECT_EQ(expected, oracle.upper_bound(to));
  EXPECT_EQ(log_.size(), oracle.size());
}

TEST_F(IntervalLogTest, Buckets_MergeWhatFallsIntoOne) {
  for (const double at : {1.0, 5.0, 10.0, 11.0, 35.0, 12.0, 2.0}) {
    Insert(At(at, Samples(&random_, 10)), 10 * kSecondNs);
  }
  const std::vector<StoredInterval> all = All();
  ASSERT_EQ(all.size(), 3u);
  proto::Distribution first = EmptyDistribution(0);
  all[0].AddTo(&first);
  EXPECT_EQ(first.Count(), 40u);
  EXPECT_EQ(all[0].start_unix_ns, kStart);
  EXPECT_EQ(all[0].end_unix_ns, kStart + 10 * kSecondNs);
}

TEST_F(IntervalLogTest, Memory_IsNearTheEncodedSizeAndAllGivenBack) {
  uint64_t encoded = 0;
  for (int i = 1; i <= 900; ++i) {
    const StoredInterval interval = At(i, Samples(&random_, 100));
    encoded += interval.histogram.size();
    Insert(interval);
  }
  EXPECT_LT(use_.bytes, encoded * 3 / 2) << "of histograms alone: " << encoded;
  Clear();
  EXPECT_EQ(use_.bytes, 0u);
  EXPECT_EQ(use_.intervals, 0u);
  EXPECT_TRUE(log_.empty());
}

}  // namespace
}  // namespace ringside::aggregator
