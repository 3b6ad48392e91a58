// Dead producers: last records drained, open requests folded as aborted, then removed.
#include <filesystem>

#include "tests/agent/agent_fixture.h"

namespace ringside::agent {
namespace {

class LivenessTest : public AgentTest {
 protected:
  LivenessTest() : producer_(segments_.path()) { producer_.Live(); }

  size_t BaselineFiles() const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(segments_.path() + "/.agent")) {
      count += entry.path().extension() == ".base" ? 1 : 0;
    }
    return count;
  }

  SegmentBuilder producer_;
};

TEST_F(LivenessTest, Dead_LastSamplesAreDeliveredThenSegmentAndBaselineGo) {
  const uint32_t decode = producer_.AddDuration("decode");
  producer_.Record(0, decode, 10);
  StartAgent();
  CloseInterval();
  producer_.Record(0, decode, 20);
  producer_.PushTiming(0, decode, Ticks(), 20);
  producer_.Die();
  CloseInterval();
  EXPECT_NE(producer_.header()->control.load() & proto::kControlRetired, 0u);
  EXPECT_TRUE(producer_.Exists()) << "one interval between the retired bit and the last copy";
  producer_.Record(0, decode, 30);  // a writer that was in the middle of a record
  CloseInterval();
  EXPECT_FALSE(producer_.Exists());
  EXPECT_EQ(BaselineFiles(), 0u);
  EXPECT_EQ(Delivered("decode").Count(), 3u);
  EXPECT_TRUE(Last(producer_.uuid()).is_final);
  EXPECT_EQ(Last(producer_.uuid()).totals.recorded, 3u);
  EXPECT_EQ(Timings().size(), 1u);
  EXPECT_EQ(agent_->counters().removed, 1u);
}

TEST_F(LivenessTest, Dead_BeforeAnyAgentSawIt) {
  const uint32_t decode = producer_.AddDuration("decode");
  producer_.Record(0, decode, 10);
  producer_.Die();
  StartAgent();
  CloseIntervals(2);
  EXPECT_FALSE(producer_.Exists());
  EXPECT_EQ(Delivered("decode").Count(), 1u);
}

TEST_F(LivenessTest, Alive_WithoutItsLockWhileItMapsTheFile) {
  const uint32_t decode = producer_.AddDuration("decode");
  StartAgent();
  CloseInterval();
  producer_.LoseLock();
  CloseIntervals(3);
  EXPECT_TRUE(producer_.Exists());
  producer_.Record(0, decode, 10);
  CloseInterval();
  EXPECT_EQ(Delivered("decode").Count(), 1u) << "suspect, and still read";
  producer_.Die();
  CloseIntervals(3);
  EXPECT_FALSE(producer_.Exists());
}

TEST_F(LivenessTest, Aborted_AnOpenRequestKeepsTheStageItDiedIn) {
  const uint32_t request = producer_.AddDuration("transcribe");
  const uint32_t read = producer_.AddDuration("transcribe/read");
  const uint32_t decode = producer_.AddDuration("transcribe/decode");
  StartAgent();
  EntryWriter entries;
  entries.Attribute("file", "a.wav");
  entries.Step(read, Ticks() + 10, 90);
  entries.Step(decode, Ticks() + 100, 0, false);
  producer_.OpenRequest(1, request, Ticks(), entries.bytes());
  CloseInterval();
  const uint64_t start = Ticks() - 1000000000;
  producer_.Die();
  CloseIntervals(2);
  EXPECT_FALSE(producer_.Exists());
  ASSERT_EQ(Requests().size(), 1u);
  const proto::RequestRow row = Requests()[0];
  EXPECT_EQ(row.outcome, proto::Outcome::kAborted);
  EXPECT_EQ(row.operation, "transcribe");
  ASSERT_EQ(row.steps.size(), 2u);
  EXPECT_EQ(row.steps[0].outcome, proto::Outcome::kOk);
  EXPECT_EQ(row.steps[1].name, "decode");
  EXPECT_EQ(row.steps[1].outcome, proto::Outcome::kAborted);
  // It was found dead two intervals after its start.
  EXPECT_EQ(row.duration_ns, 2000000000u);
  EXPECT_EQ(row.start_unix_ns, unix_ns_ - (Ticks() - start));
  EXPECT_EQ(Delivered("transcribe", proto::Outcome::kAborted).Count(), 1u);
  EXPECT_EQ(Delivered("transcribe/decode", proto::Outcome::kAborted).Count(), 1u);
  EXPECT_EQ(Delivered("transcribe/read").Count(), 0u);
  const proto::ProducerTotals totals = Last(producer_.uuid()).totals;
  EXPECT_EQ(totals.recorded, 2u);
  EXPECT_EQ(totals.detail_written, totals.detail_sent);
}

TEST_F(LivenessTest, Aborted_AnEntryThatNobodyFinishedDoesNotHideTheRest) {
  const uint32_t request = producer_.AddDuration("transcribe");
  StartAgent();
  EntryWriter entries;
  entries.Attribute("file", "a.wav");
  std::string bytes = entries.bytes();
  const uint32_t reserved[2] = {
      static_cast<uint32_t>(proto::EntryType::kReserved) << proto::kEntryTypeShift | 16u, 0};
  bytes.append(reinterpret_cast<const char*>(reserved), 8);
  bytes.append(8, '\x7f');
  EntryWriter more;
  more.Integer("size_bytes", 7);
  producer_.OpenRequest(0, request, Ticks(), bytes + more.bytes() + std::string(16, '\0'));
  CloseInterval();
  producer_.Die();
  CloseIntervals(2);
  ASSERT_EQ(Requests().size(), 1u);
  EXPECT_EQ(Requests()[0].attributes.size(), 3u);
}

TEST_F(LivenessTest, Stop_FoldsADeadProducerWithoutWaiting) {
  const uint32_t decode = producer_.AddDuration("decode");
  StartAgent();
  CloseInterval();
  producer_.Record(0, decode, 10);
  producer_.Die();
  agent_->FlushAndStop(std::chrono::milliseconds(0));
  EXPECT_FALSE(producer_.Exists());
  EXPECT_EQ(Delivered("decode").Count(), 1u);
  EXPECT_TRUE(Last(producer_.uuid()).is_final);
}

TEST_F(LivenessTest, Stop_LeavesALivingProducerToTheNextAgent) {
  const uint32_t decode = producer_.AddDuration("decode");
  producer_.Record(0, decode, 10);
  StartAgent();
  agent_->FlushAndStop(std::chrono::milliseconds(0));
  KillAgent();
  producer_.Record(0, decode, 20);
  StartAgent();
  CloseInterval();
  EXPECT_EQ(Delivered("decode").Count(), 2u);
  EXPECT_EQ(Last(producer_.uuid()).totals.recorded, 2u);
}

}  // namespace
}  // namespace ringside::agent
