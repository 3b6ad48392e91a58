// How often the agent wakes: rarely where nothing moves, at once again where something does, and
// nothing is lost by it.
#include "agent/look_pace.h"

#include <numeric>

#include "proto/inflight_word.h"
#include "tests/agent/agent_fixture.h"

namespace ringside::agent {
namespace {

using Look = LookPace::Look;

constexpr uint64_t kMs = 1000000;
constexpr uint64_t kPoll = 10 * kMs;

class LookPaceTest : public testing::Test {
 protected:
  // The time from this look to the next, which finds that.
  uint64_t After(bool is_filling, bool has_moved) {
    const Look look = pace_.Due(false, now_);
    EXPECT_NE(look, Look::kNone);
    pace_.Looked(look, is_filling, has_moved, now_);
    const uint64_t wait = pace_.UntilDueNs(now_);
    EXPECT_EQ(pace_.Due(false, now_ + wait - 1), Look::kNone);
    now_ += wait;
    return wait;
  }
  void BecomeQuiet() {
    while (!pace_.is_quiet()) After(false, false);
  }

  LookPace pace_{kPoll};
  uint64_t now_ = 1000 * kPoll;
};

TEST_F(LookPaceTest, Filling_IsLookedAtEveryPollTheOthersEveryTen) {
  After(true, true);
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(pace_.Due(false, now_), Look::kFilling);
    EXPECT_EQ(After(true, true), kPoll);
  }
  EXPECT_EQ(pace_.Due(false, now_), Look::kAll);
}

TEST_F(LookPaceTest, Still_BecomesQuietAndAMoveEndsIt) {
  for (uint32_t i = 1; i < LookPace::kQuietAfterLooks; ++i) {
    EXPECT_EQ(After(false, false), LookPace::kMovingPolls * kPoll);
  }
  EXPECT_EQ(After(false, false), (LookPace::kQuietPolls + LookPace::kPatiencePolls) * kPoll);
  EXPECT_EQ(After(false, true), LookPace::kMovingPolls * kPoll);
  BecomeQuiet();
  EXPECT_EQ(After(true, true), kPoll);
}

TEST_F(LookPaceTest, Quiet_SharesTheWakeUpsOfOthersButNotAll) {
  BecomeQuiet();
  After(false, false);
  pace_.Looked(Look::kAll, false, false, now_);
  EXPECT_EQ(pace_.Due(true, now_ + 5 * kPoll), Look::kNone);
  EXPECT_EQ(pace_.Due(true, now_ + (LookPace::kQuietPolls - 1) * kPoll), Look::kAll);
}

// An agent whose clock jumps to when it wants to wake.
class WakingTest : public AgentTest {
 protected:
  WakingTest() : producer_(segments_.path()) {
    decode_ = producer_.AddDuration("decode");
    producer_.header()->lanes_used.store(2);
    producer_.Live();
  }
  // Rounds in that time; with nobody to wake it before.
  int RunFor(uint64_t ns) {
    const uint64_t end = monotonic_ns_ + ns;
    int rounds = 0;
    while (true) {
      const uint64_t wait = agent_->UntilDueNs(monotonic_ns_);
      if (monotonic_ns_ + wait >= end) break;
      monotonic_ns_ += wait;
      unix_ns_ += wait;
      agent_->DoWork(monotonic_ns_, unix_ns_);
      ++rounds;
    }
    unix_ns_ += end - monotonic_ns_;
    monotonic_ns_ = end;
    return rounds;
  }
  uint64_t Dropped(proto::DropReason reason) const {
    return Last(producer_.uuid()).totals.dropped[static_cast<size_t>(reason)];
  }

  SegmentBuilder producer_;
  uint32_t decode_ = 0;
};

TEST_F(WakingTest, Quiet_FiveTimesASecondAndForTheClose) {
  StartAgent();
  RunFor(5000 * kMs);
  EXPECT_LE(RunFor(10000 * kMs), 61);
}

TEST_F(WakingTest, Quiet_ARecordBringsBackTheLooksAtOnce) {
  StartAgent();
  RunFor(5000 * kMs);
  producer_.PushTiming(0, decode_, Ticks(), 1);
  RunFor(250 * kMs);
  EXPECT_GE(RunFor(500 * kMs), 5);
}

TEST_F(WakingTest, Quiet_OperationsInFlightAreMetAsOftenAsIsConfigured) {
  producer_.Record(1, decode_, 1);
  StartAgent();
  RunFor(5000 * kMs);
  // Ten at different times, two seconds each; in between the agent becomes quiet again.
  for (uint64_t i = 0; i < 10; ++i) {
    RunFor((2000 + 17 * i) * kMs);
    producer_.lane(1)->in_flight.store(proto::InFlightWord(decode_, Ticks()));
    RunFor(2000 * kMs);
    producer_.lane(1)->in_flight.store(0);
  }
  RunFor(2000 * kMs);
  EXPECT_NEAR(static_cast<double>(Delivered("operation.inflight.samples").sum), 10 * 40, 15);
}

TEST_F(WakingTest, Quiet_AWorkerThatComesIsLookedAtInEveryRound) {
  StartAgent();
  RunFor(5000 * kMs);
  SegmentBuilder other(segments_.path());
  other.Live();
  agent_->DoWork(monotonic_ns_, unix_ns_);  // inotify has said so
  EXPECT_LE(agent_->UntilDueNs(monotonic_ns_), 50 * kMs);
}

TEST_F(WakingTest, Burst_ThatFillsTheRingOfAQuietAgentCostsDetailAndNoSample) {
  AgentConfig config = Config();
  config.detail.timings = 1000;
  StartAgent(config);
  RunFor(5000 * kMs);
  uint64_t pushed = 0;
  for (int i = 0; i < 100; ++i) {
    producer_.RecordOnlyCells(0, decode_, 7);
    pushed += producer_.PushTiming(0, decode_, Ticks(), 7) ? 1 : 0;
  }
  EXPECT_EQ(pushed, 16u) << "the ring";
  RunFor(250 * kMs);
  EXPECT_EQ(producer_.lane(0)->timing_tail.load(), 16u) << "drained early, no close between";
  // From here on it is looked at every poll.
  for (int i = 0; i < 20; ++i) {
    for (int k = 0; k < 12; ++k) {
      producer_.RecordOnlyCells(0, decode_, 7);
      EXPECT_TRUE(producer_.PushTiming(0, decode_, Ticks(), 7));
    }
    RunFor(11 * kMs);
  }
  RunFor(1000 * kMs);
  EXPECT_EQ(Delivered("decode").Count(), 100u + 240u);
  EXPECT_EQ(Timings().size(), 16u + 240u);
  EXPECT_EQ(Dropped(proto::DropReason::kRingFull), 84u);
  const proto::ProducerTotals totals = Last(producer_.uuid()).totals;
  EXPECT_EQ(totals.detail_written,
            totals.detail_sent +
                std::accumulate(totals.dropped.begin(), totals.dropped.end(), uint64_t{0}));
}

}  // namespace
}  // namespace ringside::agent
