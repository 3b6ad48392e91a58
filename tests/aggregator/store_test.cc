// The store: what comes in is kept exactly, in whatever order, in whichever tier.
#include "aggregator/store.h"

#include <algorithm>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aggregator/query_select.h"
#include "tests/aggregator/batch_builder.h"

namespace ringside::aggregator {
namespace {

constexpr uint64_t kAll = std::numeric_limits<uint64_t>::max();

class StoreTest : public testing::Test {
 protected:
  StoreTest() : store_(Options(&now_)) {}

  static StoreOptions Options(const uint64_t* now) {
    StoreOptions options;
    options.now_unix_ns = [now] { return *now; };
    return options;
  }

  void Apply(const proto::Batch& batch) {
    now_ = std::max(now_, batch.interval_end_unix_ns);
    store_.Apply(batch);
  }
  // Lets `seconds` pass, with nothing but empty intervals, so that what is old moves on.
  void Pass(double from_seconds, double seconds, double step) {
    for (double at = step; at <= seconds; at += step) {
      for (int i = 0; i < 3; ++i) Apply(BatchBuilder(from_seconds + at, step).batch());
    }
  }
  proto::Distribution Merged(const std::string& name, Window window = {0, kAll}) const {
    proto::Distribution merged = EmptyDistribution(0);
    store_.ForEachSeries(name, [&](const StoredSeries& s) { s.MergeInto(window, &merged); });
    return merged;
  }
  size_t TierSize(const std::string& name, size_t tier) const {
    size_t size = 0;
    store_.ForEachSeries(name,
                         [&](const StoredSeries& s) { size += s.intervals().tier(tier).size(); });
    return size;
  }

  uint64_t now_ = kTestStart;
  Store store_;
};

TEST_F(StoreTest, Merge_IsTheSameInEveryOrderOfBatches) {
  std::mt19937_64 random(7);
  std::vector<proto::Batch> batches;
  proto::Distribution oracle;
  for (int second = 1; second <= 60; ++second) {
    std::vector<int64_t> values;
    for (int i = 0; i < 20; ++i) {
      values.push_back(static_cast<int64_t>(random() % 5'000'000) + 1);
      oracle.Record(values.back());
    }
    batches.push_back(BatchBuilder(second).Durations("decode", values));
  }
  for (int round = 0; round < 5; ++round) {
    std::shuffle(batches.begin(), batches.end(), random);
    Store store(Options(&now_));
    for (const proto::Batch& batch : batches) store.Apply(batch);
    proto::Distribution merged = EmptyDistribution(0);
    store.ForEachSeries("decode", [&](const StoredSeries& series) {
      series.MergeInto({0, kAll}, &merged);
    });
    EXPECT_EQ(merged.sum, oracle.sum);
    EXPECT_EQ(merged.min, oracle.min);
    EXPECT_EQ(merged.max, oracle.max);
    EXPECT_EQ(merged.histogram, oracle.histogram);
  }
}

TEST_F(StoreTest, Merge_TwoBatchesOfOneIntervalBecomeOneInterval) {
  Apply(BatchBuilder(1).Durations("decode", {10, 20}));
  Apply(BatchBuilder(1).Durations("decode", {30}));
  EXPECT_EQ(TierSize("decode", 0), 1u);
  EXPECT_EQ(Merged("decode").Count(), 3u);
  EXPECT_EQ(Merged("decode").sum, 60);
}

TEST_F(StoreTest, Identity_SeparatesProducersHostsAndLabels) {
  Apply(BatchBuilder(1).Durations("decode", {1}));
  Apply(BatchBuilder(1).Durations("decode", {1}, {{"model", "a"}}));
  Apply(BatchBuilder(1).Producer(2, "worker").Durations("decode", {1}));
  Apply(BatchBuilder(1).Host("beta").Durations("decode", {1}));
  Apply(BatchBuilder(1).Resource({{"zone", "x"}}).Durations("decode", {1}));
  EXPECT_EQ(store_.SeriesCount(), 5u);
  Apply(BatchBuilder(2).Durations("decode", {1}));
  EXPECT_EQ(store_.SeriesCount(), 5u) << "known series must be found again";
}

TEST_F(StoreTest, Identity_NamesMatchWholeElementsOnly) {
  EXPECT_TRUE(NameMatches("decode", "transcribe/decode"));
  EXPECT_TRUE(NameMatches("decode", "decode"));
  EXPECT_TRUE(NameMatches("", "anything"));
  EXPECT_TRUE(NameMatches("b/c", "a/b/c"));
  EXPECT_FALSE(NameMatches("code", "decode"));
  EXPECT_FALSE(NameMatches("transcribe", "transcribe/decode"));
}

TEST_F(StoreTest, Tiers_KeepCountsSumsAndExtremesExactlyWhileAging) {
  uint64_t count = 0;
  int64_t sum = 0;
  // Three hours of seconds: they reach the 1 s, the 10 s and the 1 min tier.
  for (int second = 1; second <= 3 * 3600; ++second) {
    Apply(BatchBuilder(second).Durations("decode", {second, 2 * second}));
    count += 2;
    sum += 3 * second;
  }
  const proto::Distribution merged = Merged("decode");
  EXPECT_EQ(merged.Count(), count);
  EXPECT_EQ(merged.sum, sum);
  EXPECT_EQ(merged.min, 1);
  EXPECT_EQ(merged.max, 2 * 3 * 3600);
  EXPECT_NEAR(static_cast<double>(TierSize("decode", 0)), 900, 12);
  EXPECT_NEAR(static_cast<double>(TierSize("decode", 1)), (7200 - 900) / 10.0, 8);
  EXPECT_NEAR(static_cast<double>(TierSize("decode", 2)), 60, 2);
}

TEST_F(StoreTest, Tiers_LateDataGoesIntoItsOwnTime) {
  for (int second = 1; second <= 3600; ++second) {
    Apply(BatchBuilder(second).Durations("decode", {100}));
  }
  // Half an hour late: that time is in the 10 s tier already.
  Apply(BatchBuilder(1800.5, 0.5).Durations("decode", {777}));
  const Window then{BatchBuilder::Moment(1800), BatchBuilder::Moment(1810)};
  EXPECT_EQ(Merged("decode", then).Count(), 11u);
  EXPECT_EQ(Merged("decode", then).max, 777);
  EXPECT_EQ(Merged("decode").Count(), 3601u);
}

TEST_F(StoreTest, Tiers_DropWhatIsOlderThanTheLastAndForgetTheSeries) {
  Apply(BatchBuilder(1).Durations("once", {5}));
  Pass(0, 31 * 86400.0, 3600);
  EXPECT_EQ(Merged("once").Count(), 0u);
  EXPECT_EQ(store_.SeriesCount(), 0u);
}

TEST_F(StoreTest, Tiers_OneHostsClockAheadDoesNotAgeTheOthers) {
  Apply(BatchBuilder(1).Durations("decode", {5}));
  // The store's clock stays where it is; a host says it is next year.
  store_.Apply(BatchBuilder(365 * 86400.0).Host("ahead").Durations("decode", {7}));
  for (int i = 0; i < 10; ++i) {
    store_.Apply(BatchBuilder(2).Durations("decode", {5}));
  }
  EXPECT_EQ(TierSize("decode", 0), 3u);
}

TEST_F(StoreTest, Archive_NothingAgesOrIsDropped) {
  Store store(StoreOptions::ForArchive());
  store.Apply(BatchBuilder(1).Durations("decode", {5}));
  for (int day = 1; day <= 100; ++day) {
    store.Apply(BatchBuilder(day * 86400.0).Durations("decode", {5}));
  }
  size_t intervals = 0;
  store.ForEachSeries("",
                      [&](const StoredSeries& s) { intervals += s.intervals().tier(0).size(); });
  EXPECT_EQ(intervals, 101u);
}

TEST_F(StoreTest, Coverage_IsTheUnionOverHostsAndCountsGapsAsUncovered) {
  for (int second = 1; second <= 60; ++second) {
    Apply(BatchBuilder(second));
    // The other host was away for a while, and is half a second out of step.
    if (second <= 20 || second > 40) Apply(BatchBuilder(second + 0.5).Host("beta"));
  }
  const Window all{kTestStart, BatchBuilder::Moment(61)};
  EXPECT_DOUBLE_EQ(store_.CoveredSeconds({"alpha"}, all), 60);
  EXPECT_DOUBLE_EQ(store_.CoveredSeconds({"beta"}, all), 40);
  EXPECT_DOUBLE_EQ(store_.CoveredSeconds({"alpha", "beta"}, all), 60.5);
  EXPECT_DOUBLE_EQ(store_.CoveredSeconds({"nobody"}, all), 0);
  const Window part{BatchBuilder::Moment(10), BatchBuilder::Moment(15)};
  EXPECT_DOUBLE_EQ(store_.CoveredSeconds({"alpha"}, part), 5);
}

TEST_F(StoreTest, Coverage_StaysExactForOneHostThroughTheTiers) {
  for (int second = 1; second <= 7200; ++second) {
    if (second % 100 >= 50) continue;  // every other 50 s nothing
    Apply(BatchBuilder(second));
    Apply(BatchBuilder(second));  // a second batch of the same interval covers nothing more
  }
  const Window all{kTestStart, BatchBuilder::Moment(7200)};
  EXPECT_DOUBLE_EQ(store_.CoveredSeconds({"alpha"}, all), 72 * 50);
}

TEST_F(StoreTest, LastClosed_IsTheNewestEndWhateverComesLater) {
  EXPECT_EQ(store_.LastClosedUnixNs(), 0u);
  EXPECT_EQ(store_.FirstUnixNs(), 0u);
  Apply(BatchBuilder(5));
  Apply(BatchBuilder(3));
  EXPECT_EQ(store_.LastClosedUnixNs(), BatchBuilder::Moment(5));
  EXPECT_EQ(store_.FirstUnixNs(), BatchBuilder::Moment(2));
}

TEST_F(StoreTest, Requests_NewestAreKeptWithinTheirBound) {
  StoreOptions options;
  options.max_requests = 3;
  Store store(options);
  for (int i : {5, 1, 4, 2, 3}) {
    proto::RequestRow row;
    row.id = std::to_string(i);
    row.operation = "transcribe";
    row.start_unix_ns = BatchBuilder::Moment(i);
    row.duration_ns = 1;
    store.Apply(BatchBuilder(i + 1).Request(row));
  }
  std::vector<std::string> ids;
  store.ForEachRequest({0, kAll}, [&](const StoredRequest& stored) {
    ids.push_back(stored.row.id);
    return true;
  });
  EXPECT_THAT(ids, testing::ElementsAre("5", "4", "3"));
}

TEST_F(StoreTest, Requests_BytesAreBoundedToo) {
  StoreOptions options;
  options.max_request_bytes = 10'000;
  Store store(options);
  for (int i = 0; i < 100; ++i) {
    proto::RequestRow row;
    row.operation = "transcribe";
    row.start_unix_ns = BatchBuilder::Moment(i);
    row.attributes = {{"text", std::string(1000, 'x')}};
    store.Apply(BatchBuilder(i + 1).Request(row));
  }
  size_t held = 0;
  store.ForEachRequest({0, kAll}, [&](const StoredRequest&) { return ++held > 0; });
  EXPECT_GE(held, 5u);
  EXPECT_LE(held, 10u);
}

TEST_F(StoreTest, Threads_ReadersSeeWholeBatches) {
  std::thread writer([&] {
    for (int second = 1; second <= 500; ++second) {
      store_.Apply(BatchBuilder(second).Durations("a", {1, 2}).Durations("b", {3}));
    }
  });
  for (int i = 0; i < 200; ++i) {
    uint64_t a = 0;
    uint64_t b = 0;
    store_.ForEachSeries("", [&](const StoredSeries& series) {
      proto::Distribution merged = EmptyDistribution(0);
      series.MergeInto({0, kAll}, &merged);
      (series.key().path == "a" ? a : b) += merged.Count();
    });
    ASSERT_EQ(a, 2 * b);
  }
  writer.join();
}

TEST_F(StoreTest, Malicious_IntervalThatEndsBeforeItStartsIsTakenAsEmpty) {
  proto::Batch batch = BatchBuilder(5).Durations("decode", {1});
  batch.interval_start_unix_ns = BatchBuilder::Moment(100);
  Apply(batch);
  EXPECT_EQ(Merged("decode").Count(), 1u);
  EXPECT_DOUBLE_EQ(store_.CoveredSeconds({"alpha"}, {0, kAll}), 0);
}

}  // namespace
}  // namespace ringside::aggregator
