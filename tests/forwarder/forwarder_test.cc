// Two aggregators in this process, one the other's parent; sockets and disks are real.
#include "forwarder/forwarder.h"

#include <chrono>
#include <filesystem>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aggregator/aggregator.h"
#include "proto/tick_clock.h"
#include "tests/aggregator/random_batch.h"
#include "tests/aggregator/temp_dir.h"
#include "tests/aggregator/test_agent.h"

namespace ringside::forwarder {
namespace {

using aggregator::Aggregator;
using aggregator::AggregatorConfig;
using aggregator::RandomAgent;
using aggregator::TestAgent;
using testing::HasSubstr;

class ForwarderTest : public testing::Test {
 protected:
  ForwarderTest() {
    parent_config_.data_dir = directory_.File("parent");
    parent_config_.listen = "ipc://" + directory_.File("parent.sock");
    parent_config_.http = "";
    config_.parent = parent_config_.listen;
    child_config_.data_dir = directory_.File("child");
    child_config_.listen = "ipc://" + directory_.File("child.sock");
    child_config_.http = "";
    child_config_.start_forwarding =
        [this](const std::string& queue) -> proto::Result<std::unique_ptr<aggregator::Forwarding>> {
      config_.directory = queue;
      auto started = Forwarder::Start(config_);
      if (!started.ok()) return started.status();
      forwarder_ = started->get();
      return std::unique_ptr<aggregator::Forwarding>(std::move(*started));
    };
  }

  static void Start(const AggregatorConfig& config, std::unique_ptr<Aggregator>* out) {
    auto started = Aggregator::Start(config);
    ASSERT_TRUE(started.ok()) << started.message();
    *out = std::move(*started);
  }
  void StartParent() { Start(parent_config_, &parent_); }
  void StartChild() {
    Start(child_config_, &child_);
    agent_ = std::make_unique<TestAgent>(child_config_.listen);
  }
  void StopChild() {
    agent_.reset();
    child_.reset();
  }

  // Turns of all until `done`, for some seconds at most: longer where the machine gives few turns.
  bool Until(const std::function<bool()>& done, int seconds = 20) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    int turns_left = 200 * seconds;
    while (std::chrono::steady_clock::now() < deadline || turns_left > 0) {
      --turns_left;
      if (done()) return true;
      const uint64_t now = proto::UnixNs();
      if (parent_ != nullptr) parent_->DoWork(now);
      if (child_ != nullptr) child_->DoWork(now);
      if (agent_ != nullptr) agent_->Receive(2);
    }
    return done();
  }
  void SendToChild(RandomAgent* stream, int count) {
    for (int i = 0; i < count; ++i) {
      sent_.push_back(stream->Next());
      ASSERT_TRUE(Until([&] { return agent_->Send(sent_.back()); }));
    }
  }
  bool AreAcknowledged() const {
    return std::all_of(sent_.begin(), sent_.end(), [&](const proto::Batch& batch) {
      return agent_->acked().Contains(batch.id);
    });
  }
  uint64_t Samples() const {
    uint64_t samples = 0;
    for (const proto::Batch& batch : sent_) samples += aggregator::SamplesOf(batch);
    return samples;
  }
  bool HasAll(const std::unique_ptr<Aggregator>& one) const {
    return one->ledger().Total().merged == Samples();
  }
  // The parent has all, and goes on having no more than that.
  void ExpectExactInBoth() {
    ASSERT_TRUE(Until([&] { return HasAll(child_) && HasAll(parent_); }))
        << "sent " << Samples() << ", child " << child_->ledger().Total().merged << ", parent "
        << parent_->ledger().Total().merged;
    EXPECT_TRUE(Until([&] { return forwarder_->state().waiting_frames == 0; }));
    EXPECT_TRUE(HasAll(parent_));
    EXPECT_TRUE(parent_->ledger().Balanced());
  }

  aggregator::TempDir directory_;
  AggregatorConfig parent_config_;
  AggregatorConfig child_config_;
  ForwarderConfig config_;
  Forwarder* forwarder_ = nullptr;  // the child's
  std::unique_ptr<Aggregator> parent_;
  std::unique_ptr<Aggregator> child_;
  std::unique_ptr<TestAgent> agent_;
  RandomAgent a_{1, "a"};
  RandomAgent b_{2, "b"};
  std::vector<proto::Batch> sent_;
};

TEST_F(ForwarderTest, WhatAgentsSendIsInBoth) {
  StartParent();
  StartChild();
  SendToChild(&a_, 20);
  SendToChild(&b_, 20);
  ExpectExactInBoth();
  EXPECT_TRUE(AreAcknowledged());
  EXPECT_TRUE(forwarder_->state().is_connected);
  EXPECT_EQ(forwarder_->state().acknowledged_frames, 40u);
}

TEST_F(ForwarderTest, WhatAnAgentSendsTwiceIsInBothOnce) {
  StartParent();
  StartChild();
  SendToChild(&a_, 10);
  for (const proto::Batch& batch : sent_) ASSERT_TRUE(Until([&] { return agent_->Send(batch); }));
  ExpectExactInBoth();
}

TEST_F(ForwarderTest, AParentThatIsAwayDelaysNobody_AndGetsAllWhenItComes) {
  StartChild();
  SendToChild(&a_, 30);
  ASSERT_TRUE(Until([&] { return AreAcknowledged(); })) << "the agents do not wait for the parent";
  EXPECT_FALSE(forwarder_->state().is_connected);
  EXPECT_EQ(forwarder_->state().waiting_frames, 30u);
  StartParent();
  ExpectExactInBoth();
}

TEST_F(ForwarderTest, TheQueueOutlivesTheChild) {
  StartChild();
  SendToChild(&a_, 30);
  ASSERT_TRUE(Until([&] { return AreAcknowledged(); }));
  StopChild();
  StartParent();
  StartChild();
  ExpectExactInBoth();
}

TEST_F(ForwarderTest, AParentThatBeginsAnewGetsWhatItDidNotAcknowledge) {
  StartParent();
  StartChild();
  SendToChild(&a_, 10);
  ExpectExactInBoth();
  parent_.reset();
  SendToChild(&a_, 10);
  ASSERT_TRUE(Until([&] { return AreAcknowledged(); }));
  StartParent();
  ExpectExactInBoth();
}

TEST_F(ForwarderTest, AFullQueueStopsAcknowledgements_AndNothingIsLost) {
  config_.limit_bytes = uint64_t{256} << 10;
  StartChild();
  size_t bytes = 0;
  for (bool is_full = false; !is_full;) {
    SendToChild(&a_, 1);
    is_full = !Until([&] { return AreAcknowledged(); }, 2);
    if (!is_full) bytes += proto::EncodeBatch(sent_.back()).size();
    ASSERT_LE(bytes, config_.limit_bytes) << "more than the queue can hold was acknowledged";
  }
  EXPECT_GT(bytes, config_.limit_bytes / 2);
  EXPECT_FALSE(HasAll(child_)) << "it counts nowhere before it is handed on";
  StartParent();
  ASSERT_TRUE(Until([&] { return AreAcknowledged(); }));
  ExpectExactInBoth();
}

// Cleaned, each byte that is no text becomes three.
TEST_F(ForwarderTest, ABatchThatIsTooLargeOnceItIsCleanedGoesOnAsItCame) {
  StartParent();
  StartChild();
  proto::Batch batch = a_.Next();
  while (batch.producers.empty()) batch = a_.Next();
  proto::RequestRow row;
  row.operation = "transcribe";
  row.id = std::string(1365, '\xff');
  batch.producers[0].requests.insert(batch.producers[0].requests.end(), 1500, row);
  ASSERT_LT(proto::EncodeBatch(batch).size(), proto::kMaxFrameBytes);
  sent_.push_back(batch);
  ASSERT_TRUE(Until([&] { return agent_->Send(batch); }));
  ASSERT_TRUE(Until([&] { return HasAll(child_) && HasAll(parent_); }));
  EXPECT_TRUE(Until([&] { return forwarder_->state().waiting_frames == 0; }));
}

TEST_F(ForwarderTest, KeysGoInPairs) {
  config_.keys.secret = directory_.File("key");
  const auto started = Aggregator::Start(child_config_);
  ASSERT_FALSE(started.ok());
  EXPECT_THAT(started.status().message(), HasSubstr("--parent ipc://"));
  EXPECT_THAT(started.status().message(), HasSubstr("--parent-key"));
}

TEST_F(ForwarderTest, AParentOnAnotherMachineNeedsKeys) {
  config_.parent = "tcp://192.0.2.1:7750";
  const auto started = Aggregator::Start(child_config_);
  ASSERT_FALSE(started.ok());
  EXPECT_THAT(started.status().message(), HasSubstr("--parent-key FILE"));
}

}  // namespace
}  // namespace ringside::forwarder
