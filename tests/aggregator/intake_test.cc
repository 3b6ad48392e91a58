// The intake by itself, with an agent's socket for real: what it does when what it must remember
// has reached its bounds.
#include "aggregator/intake.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aggregator/host_board.h"
#include "tests/aggregator/random_batch.h"
#include "tests/aggregator/temp_dir.h"
#include "tests/aggregator/test_agent.h"

namespace ringside::aggregator {
namespace {

using testing::HasSubstr;

constexpr uint64_t kNow = 1'740'787'200'000'000'000;

class IntakeTest : public testing::Test {
 protected:
  // An aggregator that remembers as many agents as it can; agent i was last heard of at
  // `first_unix_ns` + i.
  void StartFull(uint64_t first_unix_ns) {
    AppliedSets applied;
    for (uint64_t i = 0; i < AppliedSets::kMaxEpochs; ++i) {
      applied.Add({Agent(i), 1, 1}, first_unix_ns + i);
    }
    auto bound = Receiver::Bind("tcp://127.0.0.1:*");
    ASSERT_TRUE(bound.ok()) << bound.message();
    receiver_ = std::move(*bound);
    ArchiveWriterOptions options;
    options.directory = directory_.File("");
    archive_ = std::make_unique<ArchiveWriter>(options, ArchivePosition{});
    intake_ = std::make_unique<Intake>(
        receiver_.get(), archive_.get(), std::move(applied), &hosts_, [](const proto::Batch&) {},
        [](const proto::InFlight&, uint64_t) { return proto::InFlightLimits{}; });
    agent_ = std::make_unique<TestAgent>(receiver_->endpoint());
  }
  static proto::Uuid Agent(uint64_t number) {
    proto::Uuid uuid;
    for (size_t i = 0; i < sizeof number; ++i) {
      uuid.bytes[i] = static_cast<uint8_t>(number >> (8 * i));
    }
    uuid.bytes[15] = 1;
    return uuid;
  }
  bool Until(const std::function<bool()>& done) {
    for (int turn = 0; turn < 2000; ++turn) {
      if (done()) return true;
      intake_->DoWork(now_);
      agent_->Receive(2);
    }
    return false;
  }
  void Send(const proto::Batch& batch) {
    ASSERT_TRUE(Until([&] { return agent_->Send(batch); }));
  }
  void ExpectTaken(const proto::Batch& batch) {
    const uint64_t before = intake_->counters().batches;
    Send(batch);
    EXPECT_TRUE(Until([&] { return agent_->acked().Contains(batch.id); }));
    EXPECT_EQ(intake_->counters().batches, before + 1);
  }
  void ExpectRefused(const proto::Batch& batch, const std::string& why) {
    const size_t before = agent_->refusals().size();
    Send(batch);
    ASSERT_TRUE(Until([&] { return agent_->refusals().size() > before; }));
    EXPECT_THAT(agent_->refusals().back(), HasSubstr(why));
  }
  proto::Batch BatchOf(const proto::Uuid& agent, uint64_t epoch, uint64_t sequence) {
    proto::Batch batch = stream_.Next();
    batch.id = {agent, epoch, sequence};
    return batch;
  }

  TempDir directory_;
  HostBoard hosts_;
  RandomAgent stream_{5};
  uint64_t now_ = kNow;
  std::unique_ptr<Receiver> receiver_;
  std::unique_ptr<ArchiveWriter> archive_;
  std::unique_ptr<Intake> intake_;
  std::unique_ptr<TestAgent> agent_;
};

TEST_F(IntakeTest, Full_NewAgentsAreRefusedWhileAllOthersAreFresh) {
  StartFull(kNow - AppliedSets::kDayNs);
  ExpectRefused(stream_.Next(), "65536 agents and restarts of agents, as many as it can");
  EXPECT_THAT(agent_->refusals().back(), HasSubstr("silent for 30 days"));
  ExpectTaken(BatchOf(Agent(7), 1, 2));
  EXPECT_EQ(intake_->applied().entries().size(), AppliedSets::kMaxEpochs);
}

TEST_F(IntakeTest, Full_ANewAgentTakesThePlaceOfWhoWasSilentLongest) {
  StartFull(kNow - AppliedSets::kLetGoAfterNs - 10);
  // Who speaks again is idle no more, though it was the longest.
  ExpectTaken(BatchOf(Agent(0), 1, 2));
  ExpectTaken(stream_.Next());
  const auto has = [&](uint64_t number) {
    return intake_->applied().Find(Agent(number), 1) != nullptr;
  };
  EXPECT_TRUE(has(0));
  EXPECT_FALSE(has(1));
  EXPECT_FALSE(has(9));
  EXPECT_TRUE(has(10)) << "not silent for more than the age";
  Send(BatchOf(Agent(0), 1, 1));
  EXPECT_TRUE(Until([&] { return intake_->counters().duplicates == 1; })) << "still remembered";
}

TEST_F(IntakeTest, Full_IsLookedThroughAgainWhenSomebodyHasBecomeIdle) {
  StartFull(kNow - AppliedSets::kLetGoAfterNs + 1);
  ExpectRefused(stream_.Next(), "as many as it can");
  now_ += Intake::kLookForRoomNs / 2;
  ExpectRefused(stream_.Next(), "as many as it can");
  now_ += Intake::kLookForRoomNs;
  ExpectTaken(stream_.Next());
}

}  // namespace
}  // namespace ringside::aggregator
