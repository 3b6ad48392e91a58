// Agent to aggregator: everything arrives once, in spite of what happens to the connection.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>

#include <time.h>

#include "proto/inflight_word.h"
#include "tests/agent/agent_fixture.h"
#include "tests/agent/collector.h"
#include "tests/golden/golden_wire.h"

namespace ringside::agent {
namespace {

// In welcome and ack: the head of the array and the epoch come first, nine bytes of it.
constexpr size_t kBehindEpoch = sizeof(proto::WireHeader) + 10;

class UplinkTest : public AgentTest {
 protected:
  UplinkTest() : collector_("ipc://" + state_.path() + "/wire"), producer_(segments_.path()) {
    producer_.Live();
    decode_ = producer_.AddDuration("decode");
  }

  AgentConfig Connected() const {
    AgentConfig config = Config();
    config.aggregator = "ipc://" + state_.path() + "/wire";
    return config;
  }
  // The agent's clock runs up to ten times as fast as the sockets: its time-outs need no patience.
  bool RunUntil(const std::function<bool()>& condition) {
    for (int i = 0; i < 20000; ++i) {
      if (condition()) return true;
      monotonic_ns_ += 10000000;
      unix_ns_ += 10000000;
      agent_->DoWork(monotonic_ns_, unix_ns_);
      const timespec millisecond{0, 1000000};
      nanosleep(&millisecond, nullptr);
    }
    return false;
  }
  ::testing::AssertionResult RunUntilAcknowledged() {
    if (RunUntil([&] { return agent_->counters().unacknowledged == 0; })) {
      return ::testing::AssertionSuccess();
    }
    const UplinkCounters& uplink = agent_->counters().uplink;
    return ::testing::AssertionFailure()
           << agent_->counters().unacknowledged << " batches are not acknowledged; greetings "
           << uplink.greetings << ", seen by the aggregator " << collector_.greetings()
           << ", disconnects " << uplink.disconnects << ", sent " << uplink.frames_sent
           << ", resent " << uplink.frames_resent << ", bad " << uplink.bad_frames;
  }
  uint64_t Count() const { return CountOf(collector_); }
  static uint64_t CountOf(const Collector& collector) {
    uint64_t count = 0;
    for (const proto::Batch& batch : collector.Batches()) {
      for (const auto& delta : batch.producers) {
        for (const auto& series : delta.series) {
          if (series.key->path == "decode") count += series.delta.Count();
        }
      }
    }
    return count;
  }
  void Record() { producer_.Record(0, decode_, 5); }

  Collector collector_;
  SegmentBuilder producer_;
  uint32_t decode_ = 0;
};

TEST_F(UplinkTest, Deliver_InOrderAndForgetWhatIsAcknowledged) {
  collector_.Start();
  StartAgent(Connected());
  for (int i = 0; i < 5; ++i) {
    Record();
    CloseInterval();
  }
  ASSERT_TRUE(RunUntilAcknowledged());
  EXPECT_EQ(Count(), 5u);
  const std::vector<uint64_t> order = collector_.order();
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(collector_.repeated(), 0);
}

TEST_F(UplinkTest, Resend_WhatWasNotAcknowledgedUntilItIs) {
  collector_.Start();
  collector_.Swallow(3);
  StartAgent(Connected());
  for (int i = 0; i < 5; ++i) {
    Record();
    CloseInterval();
  }
  ASSERT_TRUE(RunUntilAcknowledged());
  EXPECT_EQ(Count(), 5u);
  EXPECT_GT(agent_->counters().uplink.frames_resent, 0u);
  EXPECT_EQ(collector_.changed(), 0) << "a batch once sent never changes";
}

TEST_F(UplinkTest, InFlight_IsNotSentToWhoDoesNotTakeIt) {
  collector_.Start();
  StartAgent(Connected());
  ASSERT_TRUE(RunUntil([&] { return collector_.Batches().size() >= 5; }));
  EXPECT_EQ(agent_->counters().uplink.inflight_sent, 0u);
  EXPECT_EQ(collector_.inflight(), 0);
}

TEST_F(UplinkTest, InFlight_OnceASecondBesideTheBatchesAndTheLimitsComeBack) {
  const uint32_t stuck = producer_.AddDuration("stuck");
  producer_.header()->lanes_used.store(1);
  collector_.TakeInFlight();
  collector_.Start();
  StartAgent(Connected());
  CloseInterval();
  producer_.lane(0)->in_flight.store(proto::InFlightWord(stuck, monotonic_ns_));
  ASSERT_TRUE(RunUntil([&] { return Delivered("operation.inflight.stuck").max == 1; }));
  ASSERT_TRUE(RunUntilAcknowledged());
  EXPECT_GT(collector_.inflight(), 0);
  EXPECT_LE(agent_->counters().uplink.inflight_sent, agent_->counters().intervals + 2);
  EXPECT_EQ(collector_.repeated(), 0);
  EXPECT_EQ(agent_->counters().uplink.bad_frames, 0u);
}

TEST_F(UplinkTest, Restart_OfTheAggregatorIsNoticedAndSurvived) {
  collector_.Start();
  StartAgent(Connected());
  Record();
  CloseInterval();
  ASSERT_TRUE(RunUntilAcknowledged());
  collector_.Stop();
  for (int i = 0; i < 3; ++i) {
    Record();
    CloseInterval();
  }
  EXPECT_GT(agent_->counters().unacknowledged, 0u);
  collector_.Start();
  ASSERT_TRUE(RunUntilAcknowledged());
  EXPECT_EQ(Count(), 4u);
  EXPECT_GT(collector_.greetings(), 1);
}

TEST_F(UplinkTest, Two_EachGetsEverythingAndAcknowledgesForItself) {
  Collector second("ipc://" + state_.path() + "/second");
  AgentConfig config = Connected();
  config.aggregator += ", ipc://" + state_.path() + "/second";
  collector_.Start();
  StartAgent(config);
  for (int i = 0; i < 5; ++i) {
    Record();
    CloseInterval();
  }
  ASSERT_TRUE(RunUntil([&] { return Count() == 5; }));
  EXPECT_GE(agent_->counters().unacknowledged, 5u) << "the second one lacks all of it";
  second.Start();
  ASSERT_TRUE(RunUntilAcknowledged());
  EXPECT_EQ(CountOf(second), 5u);
  EXPECT_EQ(Count(), 5u);
  EXPECT_EQ(collector_.repeated() + second.repeated(), 0);
}

TEST_F(UplinkTest, Two_OneThatIsAwayForLongNeitherBlocksNorThinsTheOther) {
  AgentConfig config = Connected();
  config.aggregator += ",ipc://" + state_.path() + "/away";
  config.spool_limit_bytes = 32 << 10;
  collector_.Start();
  StartAgent(config);
  for (int i = 1; i <= 100; ++i) {
    Record();
    CloseInterval();
    ASSERT_TRUE(RunUntil([&] { return Count() == static_cast<uint64_t>(i); })) << i;
    ASSERT_EQ(agent_->counters().joined_intervals, 1u);
  }
  EXPECT_EQ(agent_->counters().postponed, 0u);
  const std::vector<UplinkState>& states = agent_->counters().aggregators;
  ASSERT_EQ(states.size(), 2u);
  EXPECT_TRUE(states[0].is_streaming);
  EXPECT_EQ(states[0].given_up, 0u);
  EXPECT_FALSE(states[1].is_streaming);
  EXPECT_GT(states[1].given_up, 0u);
  EXPECT_GT(states[1].unacknowledged, 0u) << "half of the spool is kept for it";
  Collector away("ipc://" + state_.path() + "/away");
  away.Start();
  ASSERT_TRUE(RunUntilAcknowledged());
  EXPECT_LT(CountOf(away), 100u);
  EXPECT_GE(CountOf(away), 100u - agent_->counters().aggregators[1].given_up);
}

TEST_F(UplinkTest, Late_AggregatorGetsEverything) {
  StartAgent(Connected());
  for (int i = 0; i < 4; ++i) {
    Record();
    CloseInterval();
  }
  EXPECT_EQ(agent_->counters().unacknowledged, 4u);
  collector_.Start();
  ASSERT_TRUE(RunUntilAcknowledged());
  EXPECT_EQ(Count(), 4u);
}

TEST_F(UplinkTest, Epochs_AnOlderOneIsDeliveredFirst) {
  StartAgent(Connected());
  Record();
  CloseInterval();
  KillAgent();
  std::filesystem::remove(segments_.path() + "/.agent/control");
  StartAgent(Connected());
  Record();
  CloseInterval();
  collector_.Start();
  ASSERT_TRUE(RunUntilAcknowledged());
  EXPECT_EQ(Count(), 2u);
  std::set<uint64_t> epochs;
  for (const proto::Batch& batch : collector_.Batches()) epochs.insert(batch.id.epoch);
  EXPECT_EQ(epochs.size(), 2u);
  EXPECT_EQ(collector_.order()[0], 1u);
  EXPECT_EQ(collector_.order()[1], 1u);
}

TEST_F(UplinkTest, Welcome_TellsWhatNeedNotBeSentAgain) {
  StartAgent(Connected());
  for (int i = 0; i < 3; ++i) CloseInterval();
  collector_.SayApplied(2);
  collector_.Start();
  ASSERT_TRUE(RunUntilAcknowledged());
  EXPECT_EQ(collector_.order()[0], 3u);
}

TEST_F(UplinkTest, Refusal_MakesTheAgentWaitAndKeepEverything) {
  collector_.Start();
  collector_.Refuse("wire format 2.0, this aggregator speaks 1.0");
  StartAgent(Connected());
  Record();
  CloseInterval();
  ASSERT_TRUE(RunUntil([&] { return agent_->counters().uplink.refusals >= 2; }));
  EXPECT_LE(collector_.greetings(), 4) << "it does not hammer";
  EXPECT_EQ(Count(), 0u);
  collector_.Refuse("");
  ASSERT_TRUE(RunUntilAcknowledged());
  EXPECT_EQ(Count(), 1u);
}

TEST_F(UplinkTest, Malicious_AnswersAreCountedAndPassedOver) {
  collector_.Start();
  collector_.Babble(true);
  StartAgent(Connected());
  Record();
  CloseInterval();
  ASSERT_TRUE(RunUntilAcknowledged());
  EXPECT_EQ(Count(), 1u);
  EXPECT_GT(agent_->counters().uplink.bad_frames, 0u);
}

// An aggregator of wire 1.0: its own frames, made to fit this agent.
TEST_F(UplinkTest, Version_AnOlderAggregatorIsServedAndHearsNothingNew) {
  const auto golden = proto::GoldenFrames(RINGSIDE_GOLDEN_DIR, "1.0");
  ASSERT_EQ(golden.size(), 5u);
  collector_.TakeInFlight();  // 1.0 could not say so
  collector_.Rewrite([&golden](const std::string& frame) {
    const proto::FrameView view = *proto::OpenFrame(frame);
    proto::Uuid agent;
    std::copy(std::begin(view.header.agent), std::end(view.header.agent), agent.bytes.begin());
    if (view.header.type == proto::MessageType::kWelcome) {
      std::string welcome = golden.at("welcome");
      welcome[kBehindEpoch] = 0;  // nothing is applied yet
      return proto::Readdressed(std::move(welcome), agent, view.header.epoch);
    }
    const proto::Ack ack = *proto::DecodeAck(view);
    std::string old = golden.at("ack");
    old[kBehindEpoch] = static_cast<char>(ack.first_sequence);
    old[kBehindEpoch + 1] = static_cast<char>(ack.last_sequence);
    return proto::Readdressed(std::move(old), agent, view.header.epoch);
  });
  collector_.Start();
  StartAgent(Connected());
  for (int i = 0; i < 5; ++i) {
    Record();
    CloseInterval();
  }
  ASSERT_TRUE(RunUntilAcknowledged());
  EXPECT_EQ(Count(), 5u);
  EXPECT_EQ(collector_.inflight(), 0);
  EXPECT_EQ(agent_->counters().uplink.bad_frames, 0u);
}

TEST_F(UplinkTest, Version_AnAggregatorOfAnotherMajorIsNamedAndNothingIsLost) {
  collector_.Rewrite([](std::string frame) {
    proto::PutInFrame(offsetof(proto::WireHeader, major_version), uint16_t{2}, &frame);
    return frame;
  });
  collector_.Start();
  testing::internal::CaptureStdout();
  StartAgent(Connected());
  Record();
  CloseInterval();
  const bool was_heard = RunUntil([&] { return agent_->counters().uplink.bad_frames > 0; });
  const std::string log = testing::internal::GetCapturedStdout();
  ASSERT_TRUE(was_heard);
  EXPECT_THAT(log, testing::HasSubstr("wire version 2.1, this side speaks 1.1"));
  EXPECT_EQ(Count(), 0u);
  EXPECT_EQ(agent_->counters().unacknowledged, agent_->counters().intervals);
  collector_.Stop();
  collector_.Rewrite(nullptr);
  collector_.Start();
  ASSERT_TRUE(RunUntilAcknowledged());
  EXPECT_EQ(Count(), 1u);
}

TEST_F(UplinkTest, Stop_WaitsForTheLastAcknowledgement) {
  collector_.Start();
  StartAgent(Connected());
  Record();
  EXPECT_TRUE(agent_->FlushAndStop());
  EXPECT_EQ(agent_->counters().unacknowledged, 0u);
  EXPECT_EQ(Count(), 1u);
}

TEST_F(UplinkTest, Stop_WithoutAnAggregatorIsBounded) {
  StartAgent(Connected());
  Record();
  EXPECT_FALSE(agent_->FlushAndStop(std::chrono::milliseconds(50)));
  EXPECT_EQ(agent_->counters().unacknowledged, 1u) << "it stays in the spool";
}

TEST_F(UplinkTest, Endpoint_ThatCannotBeIsNamed) {
  AgentConfig config = Config();
  config.aggregator = "tcp://no/such/thing";
  const auto agent = Agent::Start(config);
  ASSERT_FALSE(agent.ok());
  EXPECT_THAT(agent.message(), testing::HasSubstr("tcp://no/such/thing"));
}

}  // namespace
}  // namespace ringside::agent
