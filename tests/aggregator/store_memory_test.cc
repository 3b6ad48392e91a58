// The store under a limit of memory: resolution goes before history, counts of what is held stay
// exact, and series beyond the bound are counted in overflow series.
#include <algorithm>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "aggregator/memory_guard.h"
#include "aggregator/query_select.h"
#include "aggregator/store.h"
#include "tests/aggregator/batch_builder.h"

namespace ringside::aggregator {
namespace {

constexpr uint64_t kEver = std::numeric_limits<uint64_t>::max();
constexpr uint64_t kMiB = uint64_t{1} << 20;

class StoreMemoryTest : public testing::Test {
 protected:
  void Open(StoreOptions options) {
    options.now_unix_ns = [this] { return std::max(clock_, now_); };
    store_ = std::make_unique<Store>(std::move(options));
  }
  // One interval of so many series, with some samples each.
  void Apply(double second, int series) {
    BatchBuilder batch(second);
    for (int i = 0; i < series; ++i) {
      std::vector<int64_t> values(8);
      for (int64_t& value : values) value = static_cast<int64_t>(random_() % 90'000'000) + 1;
      batch.Durations("decode", values, {{"model", "m" + std::to_string(i)}});
    }
    now_ = batch.batch().interval_end_unix_ns;
    counts_[now_] = 8 * static_cast<uint64_t>(series);
    store_->Apply(batch);
  }
  uint64_t Count(const std::string& name, Window window = {0, kEver}) const {
    uint64_t count = 0;
    store_->ForEachSeries(name, [&](const StoredSeries& series) {
      proto::Distribution merged = EmptyDistribution(0);
      if (series.MergeInto(window, &merged)) count += merged.Count();
    });
    return count;
  }
  uint64_t Recorded(uint64_t after = 0) const {
    uint64_t sum = 0;
    for (auto it = counts_.upper_bound(after); it != counts_.end(); ++it) sum += it->second;
    return sum;
  }

  std::mt19937_64 random_{5};
  uint64_t now_ = kTestStart;            // the end of the newest interval
  uint64_t clock_ = 0;                   // the aggregator's, where it is ahead of that
  std::map<uint64_t, uint64_t> counts_;  // by end of the interval
  std::unique_ptr<Store> store_;
};

TEST_F(StoreMemoryTest, Expect_WhatIsOldWhenItComesGoesToItsTierAtOnce) {
  Open({});
  constexpr int kDay = 24 * 3600;
  clock_ = BatchBuilder::Moment(kDay);
  store_->ExpectUntil(clock_);
  for (int second = 1; second <= 120; ++second) Apply(second, 4);
  EXPECT_EQ(store_->Use().tiers[0].intervals, 0u) << "a day old: no second of it is kept";
  EXPECT_EQ(store_->Use().tiers[1].intervals, 0u);
  EXPECT_EQ(Count("decode"), Recorded());
  Apply(kDay, 4);
  EXPECT_EQ(store_->Use().tiers[0].intervals, 4u) << "what is new is kept as it came";
  EXPECT_EQ(Count("decode"), Recorded());
}

TEST_F(StoreMemoryTest, Limit_ResolutionGoesBeforeHistory) {
  StoreOptions options;
  options.limit_bytes = kMiB;
  Open(options);
  uint64_t most = 0;
  for (int second = 1; second <= 1200; ++second) {
    Apply(second, 40);
    most = std::max(most, store_->Use().bytes);
  }
  const StoreUse use = store_->Use();
  EXPECT_LE(most, kMiB + kMiB / 32 + kMiB / 100);
  EXPECT_EQ(Count("decode"), Recorded()) << "all history is there";
  EXPECT_EQ(store_->FirstUnixNs(), kTestStart);
  EXPECT_GT(use.tiers[0].from_unix_ns, BatchBuilder::Moment(600)) << "seconds of old times are not";
  EXPECT_GT(use.tiers[0].intervals, 0u);
  EXPECT_GT(use.tiers[1].intervals, 0u);
  EXPECT_LT(use.tiers[0].max_age_ns, 15 * kMinuteNs);
  EXPECT_EQ(use.tiers[3].max_age_ns, 30 * kDayNs) << "the coarsest has not given way";
  EXPECT_EQ(store_->ResolutionNs(now_ - kSecondNs), kSecondNs);
  EXPECT_GE(store_->ResolutionNs(kTestStart), 10 * kSecondNs);
}

TEST_F(StoreMemoryTest, Limit_OldestGoesLastAndWhatIsHeldStaysExact) {
  StoreOptions options;
  options.limit_bytes = kMiB / 4;
  Open(options);
  for (int minute = 1; minute <= 3600; ++minute) Apply(minute * 60.0, 20);
  const StoreUse use = store_->Use();
  EXPECT_LE(use.bytes, options.limit_bytes * 11 / 10);
  const uint64_t first = store_->FirstUnixNs();
  EXPECT_GT(first, kTestStart) << "some had to go";
  EXPECT_LT(use.tiers[3].max_age_ns, 30 * kDayNs);
  EXPECT_EQ(Count("decode"), Recorded(first)) << "of what is held nothing is missing";
}

TEST_F(StoreMemoryTest, Limit_ThereIsRoomAgain) {
  StoreOptions options;
  options.limit_bytes = kMiB / 4;
  Open(options);
  for (int second = 1; second <= 600; ++second) Apply(second, 40);
  const uint64_t short_age = store_->Use().tiers[0].max_age_ns;
  EXPECT_LT(short_age, 15 * kMinuteNs);
  store_->SetLimit(64 * kMiB);
  for (int second = 601; second <= 1200; ++second) Apply(second, 1);
  EXPECT_GT(store_->Use().tiers[0].max_age_ns, short_age);
}

TEST_F(StoreMemoryTest, Overflow_ManyLabelsKeepTheirOperationsTotal) {
  StoreOptions options;
  options.series_bytes = kMiB / 4;
  options.overflow_bytes = kMiB / 16;
  Open(options);
  for (int i = 1; i <= 5000; ++i) {
    BatchBuilder batch(1 + i / 100);
    batch.Durations("decode", {i, 2 * i}, {{"id", std::to_string(i)}});
    store_->Apply(batch);
  }
  EXPECT_EQ(Count("decode"), 10'000u);
  const StoreUse use = store_->Use();
  EXPECT_LE(use.series_bytes, options.series_bytes + 4096);
  EXPECT_LT(use.series, 2000u);
  uint64_t overflowed = 0;
  store_->ForEachSeries("decode", [&](const StoredSeries& series) {
    if (series.Label("overflow") != "true") return;
    EXPECT_EQ(series.Label("host"), "alpha");
    proto::Distribution merged = EmptyDistribution(0);
    series.MergeInto({0, kEver}, &merged);
    overflowed += merged.Count();
  });
  EXPECT_EQ(overflowed, use.overflowed_samples);
  EXPECT_GT(overflowed, 6000u);
}

TEST_F(StoreMemoryTest, Overflow_ManyOperationsAndHostsEndInOneForAll) {
  StoreOptions options;
  options.series_bytes = kMiB / 4;
  options.overflow_bytes = kMiB / 16;
  Open(options);
  for (int i = 1; i <= 5000; ++i) {
    BatchBuilder batch(1 + i / 100);
    batch.Host("host-" + std::to_string(i % 700));
    batch.Durations("operation-" + std::to_string(i), {i});
    store_->Apply(batch);
  }
  EXPECT_EQ(Count(""), 5000u);
  EXPECT_GT(Count(std::string(proto::kGlobalOverflowPath)), 2000u);
  EXPECT_LE(store_->Use().series_bytes, options.series_bytes + options.overflow_bytes + 4096);
  const std::vector<Row> rows =
      Select(*store_, {std::string(proto::kGlobalOverflowPath), {}}, std::nullopt, {0, kEver});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_GT(rows[0].covered_seconds, 0) << "of all hosts";
}

TEST_F(StoreMemoryTest, Overflow_IdleSeriesMakeRoomForNewOnes) {
  StoreOptions options;
  options.series_bytes = kMiB / 4;
  options.overflow_bytes = kMiB / 16;
  Open(options);
  uint64_t recorded = 0;
  for (int hour = 0; hour < 8; ++hour) {
    for (int i = 0; i < 300; ++i) {
      BatchBuilder batch(hour * 3600 + i + 1.0);
      batch.Durations("decode", {1, 2, 3},
                      {{"life", std::to_string(hour)}, {"id", std::to_string(i)}});
      now_ = batch.batch().interval_end_unix_ns;
      store_->Apply(batch);
      recorded += 3;
    }
  }
  EXPECT_EQ(Count("decode"), recorded);
  EXPECT_GT(store_->Use().folded_series, 0u);
  uint64_t newest = 0;
  store_->ForEachSeries(
      "decode", [&](const StoredSeries& series) { newest += series.Label("life") == "7" ? 1 : 0; });
  EXPECT_EQ(newest, 300u) << "those of the last hour are all series of their own";
}

TEST(MemoryGuardTest, Store_GetsWhatTheProcessLeaves) {
  MemoryPlan plan;
  plan.limit = 100 * kMiB;
  MemoryGuard guard(plan);
  const uint64_t begin = guard.store_bytes();
  EXPECT_LT(guard.StoreBytes(110 * kMiB), begin) << "too much is resident";
  for (int i = 0; i < 100; ++i) guard.StoreBytes(200 * kMiB);
  EXPECT_EQ(guard.store_bytes(), plan.least_store()) << "but never nothing";
  for (int i = 0; i < 1000; ++i) guard.StoreBytes(50 * kMiB);
  EXPECT_EQ(guard.store_bytes(), plan.most_store());
  const uint64_t known = guard.store_bytes();
  EXPECT_EQ(guard.StoreBytes(0), known) << "not known: as before";
}

TEST(MemoryGuardTest, Resident_IsWhatTheKernelSays) { EXPECT_GT(ResidentBytes(), kMiB); }

}  // namespace
}  // namespace ringside::aggregator
