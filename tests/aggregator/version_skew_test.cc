// Agents of other versions at today's aggregator, on real sockets: the frames are those that the
// other version's own writer made.
#include <chrono>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "aggregator/aggregator.h"
#include "aggregator/metrics_page.h"
#include "proto/tick_clock.h"
#include "tests/aggregator/temp_dir.h"
#include "tests/aggregator/test_agent.h"
#include "tests/golden/golden_wire.h"

namespace ringside::aggregator {
namespace {

using testing::HasSubstr;

class VersionSkewTest : public testing::Test {
 protected:
  VersionSkewTest() {
    AggregatorConfig config;
    config.data_dir = directory_.File("data");
    config.listen = "tcp://127.0.0.1:*";
    config.http = "";
    auto started = Aggregator::Start(std::move(config));
    EXPECT_TRUE(started.ok()) << started.message();
    aggregator_ = std::move(*started);
    agent_ = std::make_unique<TestAgent>(aggregator_->listen_endpoint());
  }

  bool Until(const std::function<bool()>& done) {
    for (int turn = 0; turn < 20000; ++turn) {
      if (done()) return true;
      aggregator_->DoWork(proto::UnixNs());
      agent_->Receive(2);
    }
    return false;
  }
  std::string Metrics() const {
    return MetricsPage(&aggregator_->ledger(), std::nullopt, proto::UnixNs());
  }
  nlohmann::json Refused(uint64_t now_unix_ns) const {
    return aggregator_->ledger().refused().ToJson(now_unix_ns);
  }

  TempDir directory_;
  std::unique_ptr<Aggregator> aggregator_;
  std::unique_ptr<TestAgent> agent_;
};

TEST_F(VersionSkewTest, OlderMinor_IsGreetedMergedAndAcknowledged) {
  const auto frames = proto::GoldenFrames(RINGSIDE_GOLDEN_DIR, "1.0");
  ASSERT_EQ(frames.size(), 5u);
  ASSERT_TRUE(Until([&] { return agent_->Send(frames.at("hello")); }));
  ASSERT_TRUE(Until([&] { return agent_->welcome().has_value(); }));
  EXPECT_EQ(agent_->welcome()->epoch, proto::kGoldenEpoch);
  agent_->Send(frames.at("batch"));
  agent_->Send(frames.at("batch"));
  const proto::Batch batch = proto::GoldenBatch();
  ASSERT_TRUE(Until([&] { return agent_->acked().Contains(batch.id); }));
  EXPECT_EQ(aggregator_->intake_counters().batches, 1u);
  uint64_t samples = 0;
  for (const auto& producer : batch.producers) {
    for (const auto& series : producer.series) samples += series.delta.Count();
  }
  EXPECT_EQ(aggregator_->ledger().Total().merged, samples);
  EXPECT_TRUE(agent_->refusals().empty());
  EXPECT_TRUE(Refused(proto::UnixNs()).empty());
}

TEST_F(VersionSkewTest, OtherMajor_IsRefusedNamingBothAndStandsInTheLedger) {
  std::string hello = proto::TodaysFrames().at("hello");
  proto::PutInFrame(offsetof(proto::WireHeader, major_version), uint16_t{2}, &hello);
  proto::PutInFrame(offsetof(proto::WireHeader, minor_version), uint16_t{3}, &hello);
  for (size_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(Until([&] { return agent_->Send(hello); }));
    ASSERT_TRUE(Until([&] { return agent_->refusals().size() == i; }));
  }
  EXPECT_THAT(agent_->refusals()[0], HasSubstr("wire version 2.3, this side speaks 1.1"));

  const uint64_t now = proto::UnixNs();
  const nlohmann::json refused = Refused(now);
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0]["agent"], proto::ToString(proto::SampleUuid(1)));
  EXPECT_EQ(refused[0]["wire_version"], "2.3");
  EXPECT_EQ(refused[0]["here"], "1.1");
  EXPECT_EQ(refused[0]["frames"], 3);
  EXPECT_THAT(Metrics(), HasSubstr("\nringside_refused_agents{wire_version=\"2.3\"} 1\n"));
  EXPECT_TRUE(aggregator_->ledger().Total().Balanced()) << "nothing of it was counted";
  EXPECT_TRUE(Refused(now + RefusedAgents::kKeepNs + 1'000'000'000).empty()) << "it is gone";
}

TEST(RefusedAgents, Malicious_FloodIsBoundedAndTheNewestStay) {
  RefusedAgents refused;
  proto::Uuid agent;
  for (uint64_t i = 1; i <= 3 * RefusedAgents::kMost; ++i) {
    std::memcpy(agent.bytes.data(), &i, sizeof i);
    refused.Note(agent, std::to_string(i % 7) + ".0", i);
  }
  const nlohmann::json rows = refused.ToJson(1);
  EXPECT_EQ(rows.size(), RefusedAgents::kMost);
  EXPECT_THAT(rows.dump(), HasSubstr(proto::ToString(agent)));
}

}  // namespace
}  // namespace ringside::aggregator
