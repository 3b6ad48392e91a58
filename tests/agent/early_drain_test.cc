// Rings that would fill up before the close are drained ahead of it; what was taken early is
// committed with the interval, or counted.
#include <csignal>
#include <limits>
#include <numeric>

#include <sys/resource.h>

#include "tests/agent/agent_fixture.h"

namespace ringside::agent {
namespace {

using proto::DropReason;

constexpr uint64_t kRing = 16;  // records, as SegmentBuilder makes it

class EarlyDrainTest : public AgentTest {
 protected:
  EarlyDrainTest() : producer_(segments_.path()) {
    producer_.Live();
    decode_ = producer_.AddDuration("decode");
    request_ = producer_.AddDuration("transcribe");
  }

  // The rings of the idle are looked at every ten polls.
  AgentConfig Config() const {
    AgentConfig config = AgentTest::Config();
    config.poll = std::chrono::milliseconds(1);
    return config;
  }
  AgentConfig WithTimings(uint32_t timings) const {
    AgentConfig config = Config();
    config.detail.timings = timings;
    return config;
  }
  // Ten milliseconds pass; no interval closes.
  void Poll() {
    monotonic_ns_ += 10000000;
    unix_ns_ += 10000000;
    agent_->DoWork(monotonic_ns_, unix_ns_);
  }
  // The next `count` values: 0, 1, 2, ...
  void Push(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      ASSERT_TRUE(producer_.PushTiming(0, decode_, Ticks(), next_value_++));
    }
  }
  uint64_t Dropped(DropReason reason) const {
    return Last(producer_.uuid()).totals.dropped[static_cast<size_t>(reason)];
  }
  void ExpectBalanced() const {
    const proto::ProducerTotals totals = Last(producer_.uuid()).totals;
    const uint64_t dropped =
        std::accumulate(totals.dropped.begin(), totals.dropped.end(), uint64_t{0});
    EXPECT_EQ(totals.detail_written, totals.detail_sent + dropped);
  }
  std::vector<int64_t> Values() const {
    std::vector<int64_t> values;
    for (const proto::TimingRow& row : Timings()) values.push_back(row.value);
    return values;
  }

  SegmentBuilder producer_;
  uint32_t decode_ = 0;
  uint32_t request_ = 0;
  uint64_t next_value_ = 0;
};

TEST_F(EarlyDrainTest, Timings_ManyTimesTheRingInOneIntervalAreAllKept) {
  StartAgent(WithTimings(1000));
  for (int i = 0; i < 20; ++i) {
    Push(12);
    Poll();
  }
  CloseInterval();
  std::vector<int64_t> expected(240);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(Values(), expected);
  EXPECT_EQ(Dropped(DropReason::kRingFull), 0u);
  ExpectBalanced();
}

TEST_F(EarlyDrainTest, Timings_TheSlowestOfTheWholeIntervalAreKept) {
  StartAgent(WithTimings(8));
  for (int i = 0; i < 20; ++i) {
    if (i == 15) producer_.PushTiming(0, decode_, Ticks(), 1 << 20);
    Push(12);
    Poll();
  }
  CloseInterval();
  EXPECT_EQ(Values().size(), 8u);
  EXPECT_THAT(Values(), testing::Contains(1 << 20));
  EXPECT_THAT(Values(), testing::Contains(testing::Lt(40))) << "the spread begins at its beginning";
  EXPECT_THAT(Values(), testing::Contains(testing::AllOf(testing::Gt(100), testing::Lt(200))));
  EXPECT_EQ(Dropped(DropReason::kNotSampled), 241u - 8u);
  ExpectBalanced();
}

TEST_F(EarlyDrainTest, Timings_ARingThatIsHalfEmptyIsLeftAlone) {
  StartAgent(WithTimings(1000));
  Push(kRing / 2);
  Poll();
  EXPECT_EQ(producer_.lane(0)->timing_tail.load(), 0u);
  Push(1);
  Poll();
  EXPECT_EQ(producer_.lane(0)->timing_tail.load(), kRing / 2 + 1);
}

TEST_F(EarlyDrainTest, Requests_ManyTimesTheRingInOneIntervalAreAllKept) {
  StartAgent(Config());
  EntryWriter entries;
  entries.Attribute("file", std::string(900, 'x'));
  for (int i = 0; i < 20; ++i) {
    for (int k = 0; k < 2; ++k) {
      ASSERT_TRUE(producer_.PushRequest(0, request_, Ticks(), 1, entries.bytes()));
    }
    Poll();
    Poll();
  }
  CloseInterval();
  EXPECT_EQ(Requests().size(), 40u);
  ExpectBalanced();
}

TEST_F(EarlyDrainTest, Requests_TheBudgetIsOneOfTheWholeInterval) {
  AgentConfig config = Config();
  config.detail.requests = 5;
  StartAgent(config);
  EntryWriter entries;
  entries.Attribute("file", std::string(900, 'x'));
  for (int interval = 0; interval < 2; ++interval) {
    for (int i = 0; i < 4; ++i) {
      for (int k = 0; k < 3; ++k) producer_.PushRequest(0, request_, Ticks(), 1, entries.bytes());
      Poll();
    }
    CloseInterval();
    EXPECT_EQ(Requests().size(), 5u * static_cast<size_t>(interval + 1));
    ExpectBalanced();
  }
}

TEST_F(EarlyDrainTest, Killed_WhatWasTakenEarlyAndNotCommittedIsNotSampled) {
  StartAgent(WithTimings(1000));
  Push(5);
  producer_.PushRequest(0, request_, Ticks(), 1, {});
  CloseInterval();
  EntryWriter entries;
  entries.Attribute("file", std::string(900, 'x'));
  for (int k = 0; k < 3; ++k) producer_.PushRequest(0, request_, Ticks(), 1, entries.bytes());
  Push(12);
  Poll();
  producer_.PushRequest(0, request_, Ticks(), 1, {});
  Push(3);
  KillAgent();
  StartAgent(WithTimings(1000));
  CloseInterval();
  EXPECT_EQ(Timings().size(), 5u + 3u);
  EXPECT_EQ(Requests().size(), 1u + 1u);
  EXPECT_EQ(Dropped(DropReason::kNotSampled), 12u + 3u);
  ExpectBalanced();
}

TEST_F(EarlyDrainTest, Killed_TwiceInOneIntervalCountsEachRecordOnce) {
  StartAgent(WithTimings(1000));
  CloseInterval();
  for (int round = 0; round < 2; ++round) {
    Push(12);
    Poll();
    KillAgent();
    StartAgent(WithTimings(1000));
  }
  Push(2);
  CloseInterval();
  EXPECT_EQ(Timings().size(), 2u);
  EXPECT_EQ(Dropped(DropReason::kNotSampled), 24u);
  ExpectBalanced();
}

TEST_F(EarlyDrainTest, Commit_ThatFailsCostsOnlyTheDetailThatWasTakenEarly) {
  AgentConfig config = WithTimings(1000);
  StartAgent(config);
  CloseInterval();
  Push(12);
  Poll();
  producer_.Record(0, decode_, 7);
  Push(2);
  // The spool's file cannot be appended to.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit none{1, before.rlim_max};
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &none);
  CloseInterval();
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(agent_->counters().postponed, 1u);
  CloseInterval();
  EXPECT_EQ(Delivered("decode").Count(), 1u);
  EXPECT_EQ(Timings().size(), 2u);
  EXPECT_EQ(Dropped(DropReason::kNotSampled), 12u);
  ExpectBalanced();
}

TEST_F(EarlyDrainTest, Malicious_AHeadBeyondTheRingQuarantinesAtTheNextClose) {
  StartAgent(Config());
  producer_.lane(0)->timing_head.store(uint64_t{1} << 40);
  Poll();
  CloseInterval();
  EXPECT_THAT(Last(producer_.uuid()).quarantine, testing::HasSubstr("timing ring's head"));
}

TEST_F(EarlyDrainTest, Malicious_ATailThatTheProducerMovedChangesNothingOfOurCursor) {
  StartAgent(WithTimings(1000));
  Push(4);
  KillAgent();
  producer_.lane(0)->timing_tail.store(uint64_t{1} << 50);
  producer_.lane(0)->request_tail.store(8);
  StartAgent(WithTimings(1000));
  CloseInterval();
  EXPECT_EQ(Timings().size(), 4u);
  ExpectBalanced();
}

// A full spool: what would be dropped at the close is not kept until then.
TEST_F(EarlyDrainTest, Full_NothingIsTakenOutOfTheRings) {
  AgentConfig config = WithTimings(std::numeric_limits<uint32_t>::max());
  config.spool_limit_bytes = 8192;
  StartAgent(config);
  while (agent_->counters().spool_bytes < 6144) CloseInterval();
  // Where nothing came for a while it looks rarely, until it has met something.
  Push(12);
  for (int i = 0; i < 30; ++i) Poll();
  for (int i = 0; i < 19; ++i) {
    Push(12);
    Poll();
  }
  EXPECT_EQ(Dropped(DropReason::kRingFull), 0u);
  CloseIntervals(8);
  EXPECT_TRUE(Timings().empty());
  EXPECT_EQ(Dropped(DropReason::kSpoolFull), 240u);
  EXPECT_EQ(Dropped(DropReason::kNotSampled), 0u);
  ExpectBalanced();
}

}  // namespace
}  // namespace ringside::agent
