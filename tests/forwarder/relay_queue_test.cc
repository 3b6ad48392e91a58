// The queue for the parent: in order, until acknowledged, over restarts, within its bytes.
#include "forwarder/relay_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/wire.h"
#include "tests/aggregator/random_batch.h"
#include "tests/aggregator/temp_dir.h"

namespace ringside::forwarder {
namespace {

using aggregator::RandomAgent;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint64_t kLimit = uint64_t{256} << 10;
constexpr size_t kWindow = 4;

class RelayQueueTest : public testing::Test {
 protected:
  RelayQueueTest() { Open(); }

  void Open() {
    queue_.reset();
    auto opened = RelayQueue::Open(directory_.File("forward"), kLimit);
    ASSERT_TRUE(opened.ok()) << opened.message();
    queue_ = std::move(*opened);
  }
  proto::Batch Append(RandomAgent* agent) {
    proto::Batch batch = agent->Next();
    const proto::Status status = queue_->Append({proto::EncodeBatch(batch)});
    EXPECT_TRUE(status.ok()) << status.message();
    return batch;
  }
  // Puts all under way that may be; the sequences of what that was.
  std::vector<uint64_t> Send() {
    std::vector<uint64_t> sequences;
    while (true) {
      const auto frame = queue_->Peek(kWindow);
      EXPECT_TRUE(frame.ok()) << frame.message();
      if (!frame.ok() || *frame == nullptr) return sequences;
      sequences.push_back(proto::OpenFrame(**frame)->header.sequence);
      queue_->Take();
    }
  }
  size_t Acknowledge(const proto::Batch& batch) {
    return queue_->Acknowledge(batch.id.agent, batch.id.epoch, batch.id.sequence,
                               batch.id.sequence);
  }

  aggregator::TempDir directory_;
  std::unique_ptr<RelayQueue> queue_;
  RandomAgent a_{1, "a"};
  RandomAgent b_{2, "b"};
};

TEST_F(RelayQueueTest, FramesComeInTheOrderOfTheirArrival_NoMoreThanTheWindow) {
  for (int i = 0; i < 6; ++i) Append(&a_);
  EXPECT_THAT(Send(), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(Send(), IsEmpty()) << "they are under way";
}

TEST_F(RelayQueueTest, AnAcknowledgementLetsTheNextOneGo) {
  std::vector<proto::Batch> batches;
  for (int i = 0; i < 6; ++i) batches.push_back(Append(&a_));
  Send();
  EXPECT_EQ(Acknowledge(batches[0]), 1u);
  EXPECT_THAT(Send(), ElementsAre(5));
}

TEST_F(RelayQueueTest, ARangeAcknowledgesAllOfTheAgentThatAreUnderWay) {
  for (int i = 0; i < 3; ++i) Append(&a_);
  Append(&b_);
  Send();
  EXPECT_EQ(queue_->Acknowledge(a_.uuid(), a_.epoch(), 1, 100), 3u);
  EXPECT_EQ(queue_->frames(), 1u) << "the other agent's";
}

TEST_F(RelayQueueTest, WordsAboutOtherAgentsAndEpochsAcknowledgeNothing) {
  Append(&a_);
  Send();
  EXPECT_EQ(queue_->Acknowledge(b_.uuid(), a_.epoch(), 1, 100), 0u);
  EXPECT_EQ(queue_->Acknowledge(a_.uuid(), a_.epoch() + 1, 1, 100), 0u);
  EXPECT_EQ(queue_->Acknowledge(a_.uuid(), a_.epoch(), 2, 100), 0u);
  EXPECT_EQ(queue_->frames(), 1u);
}

TEST_F(RelayQueueTest, WhatWasNeverSentCannotBeAcknowledged) {
  const proto::Batch batch = Append(&a_);
  EXPECT_EQ(Acknowledge(batch), 0u);
  EXPECT_THAT(Send(), ElementsAre(1));
}

TEST_F(RelayQueueTest, ALostConnectionSendsAgainWhatIsNotAcknowledged) {
  std::vector<proto::Batch> batches;
  for (int i = 0; i < 4; ++i) batches.push_back(Append(&a_));
  Send();
  Acknowledge(batches[0]);
  Acknowledge(batches[2]);
  queue_->Rewind();
  const std::vector<uint64_t> again = Send();
  EXPECT_THAT(again, ElementsAre(2, 4));
}

TEST_F(RelayQueueTest, WhatIsAcknowledgedStaysGoneOverARestart_TheRestIsSentAgain) {
  std::vector<proto::Batch> batches;
  for (int i = 0; i < 4; ++i) batches.push_back(Append(&a_));
  Send();
  Acknowledge(batches[0]);
  Acknowledge(batches[1]);
  Open();
  EXPECT_THAT(Send(), ElementsAre(3, 4));
  Acknowledge(batches[2]);
  Acknowledge(batches[3]);
  Open();
  EXPECT_EQ(queue_->frames(), 0u);
}

TEST_F(RelayQueueTest, ARefusedAgentsFramesWait_TheOthersPass) {
  for (int i = 0; i < 3; ++i) Append(&a_);
  for (int i = 0; i < 4; ++i) Append(&b_);
  EXPECT_THAT(Send(), ElementsAre(1, 2, 3, 1));
  queue_->Refuse(a_.uuid());
  EXPECT_THAT(Send(), ElementsAre(2, 3, 4));
  EXPECT_EQ(queue_->Acknowledge(b_.uuid(), b_.epoch(), 1, 4), 4u);
  EXPECT_EQ(queue_->under_way(), 0u);
  EXPECT_THAT(Send(), IsEmpty()) << "not before they are tried again";
  EXPECT_TRUE(queue_->Retry().ok());
  EXPECT_THAT(Send(), ElementsAre(1, 2, 3)) << "what the parent has is not sent again";
  EXPECT_EQ(queue_->Acknowledge(a_.uuid(), a_.epoch(), 1, 3), 3u);
  EXPECT_EQ(queue_->frames(), 0u);
}

TEST_F(RelayQueueTest, WhatIsTriedAgainKeepsToTheWindow_AndMayBeRefusedAgain) {
  for (int i = 0; i < 6; ++i) Append(&a_);
  EXPECT_THAT(Send(), ElementsAre(1, 2, 3, 4));
  queue_->Refuse(a_.uuid());
  EXPECT_THAT(Send(), ElementsAre(5, 6));
  queue_->Refuse(a_.uuid());
  EXPECT_TRUE(queue_->Retry().ok());
  EXPECT_THAT(Send(), ElementsAre(1, 2, 3, 4));
  queue_->Refuse(a_.uuid());
  EXPECT_THAT(Send(), ElementsAre(5, 6));
  EXPECT_EQ(queue_->Acknowledge(a_.uuid(), a_.epoch(), 1, 6), 6u) << "refused, and yet there";
  EXPECT_EQ(queue_->frames(), 0u);
}

TEST_F(RelayQueueTest, ARefusedAgentDoesNotFillTheQueueWithWhatOthersHaveDelivered) {
  const proto::Batch refused = Append(&a_);
  Send();
  queue_->Refuse(a_.uuid());
  for (int round = 0; round < 400; ++round) {
    const proto::Batch batch = Append(&b_);
    Send();
    ASSERT_EQ(Acknowledge(batch), 1u);
    if (round % 10 == 9) {
      ASSERT_TRUE(queue_->Retry().ok());
      Send();
      queue_->Refuse(a_.uuid());
    }
  }
  EXPECT_LT(queue_->bytes(), kLimit);
  EXPECT_EQ(Acknowledge(refused), 1u) << "and it is still there";
  EXPECT_EQ(queue_->frames(), 0u);
}

TEST_F(RelayQueueTest, AFrameThatCannotBeReadIsPassed) {
  ASSERT_TRUE(queue_->Append({"no frame"}).ok());
  Append(&a_);
  EXPECT_FALSE(queue_->Peek(kWindow).ok());
  EXPECT_THAT(Send(), ElementsAre(1));
}

TEST_F(RelayQueueTest, AnAgentThatBeginsAnewIsToldApart) {
  const proto::Batch old = Append(&a_);
  a_.LoseBaseline();
  const proto::Batch fresh = Append(&a_);
  Send();
  EXPECT_EQ(Acknowledge(fresh), 1u);
  EXPECT_EQ(queue_->frames(), 2u) << "the one before it waits";
  EXPECT_EQ(Acknowledge(old), 1u);
  EXPECT_EQ(queue_->frames(), 0u);
}

TEST_F(RelayQueueTest, AFullQueueTakesNothing_AndTakesAgainWhenThereIsRoom) {
  std::vector<proto::Batch> batches;
  proto::Status full;
  while (full.ok()) {
    batches.push_back(a_.Next());
    full = queue_->Append({proto::EncodeBatch(batches.back())});
  }
  batches.pop_back();
  EXPECT_THAT(full.message(), HasSubstr("is full"));
  EXPECT_THAT(full.message(), HasSubstr("--parent-queue"));
  EXPECT_LE(queue_->bytes(), kLimit);
  EXPECT_GT(queue_->bytes(), kLimit * 3 / 4);
  EXPECT_EQ(queue_->frames(), batches.size());
  for (const proto::Batch& batch : batches) {
    Send();
    Acknowledge(batch);
  }
  EXPECT_LT(queue_->bytes(), kLimit / 4) << "what the parent has takes no room";
  Append(&b_);
}

TEST_F(RelayQueueTest, TwoCannotHaveOneQueue) {
  const auto second = RelayQueue::Open(directory_.File("forward"), kLimit);
  EXPECT_FALSE(second.ok());
}

}  // namespace
}  // namespace ringside::forwarder
