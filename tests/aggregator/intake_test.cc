// The intake by itself, with an agent's socket for real: what it does while the disk works, and
// when what it must remember has reached its bounds.
#include "aggregator/intake.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aggregator/host_board.h"
#include "aggregator/sync_thread.h"
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
    Start(std::move(applied));
  }
  void Start(AppliedSets applied = {}) {
    auto bound = Receiver::Bind("tcp://127.0.0.1:*");
    ASSERT_TRUE(bound.ok()) << bound.message();
    receiver_ = std::move(*bound);
    ArchiveWriterOptions options;
    options.directory = directory_.File("");
    archive_ = std::make_unique<ArchiveWriter>(options, ArchivePosition{});
    intake_ = std::make_unique<Intake>(
        receiver_.get(), archive_.get(), std::move(applied), &hosts_,
        [this](const proto::Batch& batch) { merged_.push_back(batch.id); },
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
  // The batch, sent by this agent, has arrived, and nothing was done yet.
  void Deliver(TestAgent* agent, const proto::Batch& batch) {
    while (!agent->Send(batch)) {
    }
    receiver_->Wait(60'000);
  }
  // One turn takes the batch: then it is on its way to the disk, not acknowledged, not merged.
  void BeginCommitOf(const proto::Batch& batch) {
    Deliver(agent_.get(), batch);
    while (intake_->DoWork(now_) == 0) {
    }
    ASSERT_TRUE(merged_.empty());
    ASSERT_FALSE(agent_->Receive(50)) << "acknowledged before it is known to be durable";
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
  std::vector<proto::BatchId> merged_;
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

// Else what was applied of it would be forgotten, and count twice if it came again.
TEST_F(IntakeTest, Full_AnEpochIsNotClosedWhileABatchOfItIsAtHand) {
  AppliedSets applied;
  for (uint64_t i = 1; i + 1 < AppliedSets::kMaxEpochs; ++i) applied.Add({Agent(i), 1, 1}, kNow);
  applied.Add({Agent(0), 1, 1}, kNow - AppliedSets::kCloseAfterNs - 1);
  applied.Add({Agent(0), 2, 1}, kNow);
  Start(std::move(applied));
  const proto::Batch late = BatchOf(Agent(0), 1, 2);
  ASSERT_TRUE(agent_->Send(late) && agent_->Send(stream_.Next()));
  receiver_->Wait(60'000);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // both, mostly
  EXPECT_TRUE(Until([&] { return agent_->acked().Contains(late.id); }));
  EXPECT_EQ(intake_->applied().Contiguous(Agent(0), 1), 2u);
}

TEST_F(IntakeTest, Full_IsLookedThroughAgainWhenSomebodyHasBecomeIdle) {
  StartFull(kNow - AppliedSets::kLetGoAfterNs + 1);
  ExpectRefused(stream_.Next(), "as many as it can");
  now_ += Intake::kLookForRoomNs / 2;
  ExpectRefused(stream_.Next(), "as many as it can");
  now_ += Intake::kLookForRoomNs;
  ExpectTaken(stream_.Next());
}

TEST_F(IntakeTest, Commit_OneGroupIsMergedWhileTheNextGoesToDisk) {
  Start();
  const proto::Batch first = stream_.Next();
  const proto::Batch second = stream_.Next();
  BeginCommitOf(first);
  Deliver(agent_.get(), second);
  EXPECT_TRUE(Until([&] { return agent_->acked().Contains(second.id); }));
  EXPECT_TRUE(agent_->acked().Contains(first.id));
  EXPECT_EQ(merged_, (std::vector{first.id, second.id}));
}

// By another connection, as an agent does that was cut off.
TEST_F(IntakeTest, Commit_ABatchSentAgainMeanwhileIsAcknowledgedOnBothWaysAndCountedOnce) {
  Start();
  const proto::Batch batch = stream_.Next();
  BeginCommitOf(batch);
  TestAgent again(receiver_->endpoint());
  Deliver(&again, batch);
  EXPECT_TRUE(Until([&] { return again.Receive(2) && again.acked().Contains(batch.id); }));
  EXPECT_TRUE(Until([&] { return agent_->acked().Contains(batch.id); }));
  EXPECT_EQ(merged_, std::vector{batch.id});
  EXPECT_EQ(intake_->counters().batches, 1u);
  EXPECT_EQ(intake_->counters().duplicates, 1u);
}

// What follows from when a batch came, such as its host's clock offset, must not depend on the
// disk.
TEST_F(IntakeTest, Commit_AHostIsHeardWhenItsBatchCame) {
  Start();
  BeginCommitOf(stream_.Next());
  now_ += 10'000'000'000;
  EXPECT_TRUE(Until([&] { return !merged_.empty(); }));
  uint64_t left_out = 0;
  const std::vector<HostRow> rows = hosts_.Rows(now_, &left_out);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].last_seen_unix_ns, kNow);
}

TEST_F(IntakeTest, Drain_WhatIsOnItsWayToTheDiskCounts) {
  Start();
  const proto::Batch batch = stream_.Next();
  BeginCommitOf(batch);
  intake_->Drain(now_);
  EXPECT_EQ(merged_, std::vector{batch.id});
  EXPECT_TRUE(intake_->applied().Contains(batch.id));
  intake_->Drain(now_);
  EXPECT_EQ(intake_->counters().batches, 1u);
}

TEST_F(IntakeTest, End_WaitsForTheDisk) {
  Start();
  BeginCommitOf(stream_.Next());
  intake_.reset();
  EXPECT_FALSE(archive_->file_name().empty());
}

TEST(SyncThreadTest, Work_IsDoneElsewhereAndItsEndIsToldOnce) {
  SyncThread sync;
  std::thread::id where;
  for (int i = 0; i < 100; ++i) {
    sync.Begin([&] {
      where = std::this_thread::get_id();
      return i % 2 == 0 ? proto::Status() : proto::Status::Error(std::to_string(i));
    });
    const proto::Status ended = sync.Wait();
    EXPECT_EQ(ended.message(), i % 2 == 0 ? "" : std::to_string(i));
    EXPECT_NE(where, std::this_thread::get_id());
  }
}

TEST(SyncThreadTest, End_WaitsForTheWorkAtHand) {
  bool is_done = false;
  {
    SyncThread sync;
    sync.Begin([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      is_done = true;
      return proto::Status();
    });
  }
  EXPECT_TRUE(is_done);
}

}  // namespace
}  // namespace ringside::aggregator
