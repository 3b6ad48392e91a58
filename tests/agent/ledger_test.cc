// From the agent to the aggregator's ledger: what was lost on the way has a reason, and what the
// agent itself got wrong shows as an imbalance.
#include "aggregator/ledger.h"

#include <filesystem>
#include <set>

#include <fcntl.h>
#include <unistd.h>

#include "agent/baseline_file.h"
#include "proto/unique_fd.h"
#include "tests/agent/agent_fixture.h"

namespace ringside::agent {
namespace {

namespace fs = std::filesystem;

using aggregator::Ledger;
using aggregator::LedgerRow;

class AgentLedgerTest : public AgentTest {
 protected:
  AgentLedgerTest() : producer_(segments_.path()) {
    producer_.Live();
    series_ = producer_.AddDuration("op");
  }

  void Record(int count, int64_t value = 100) {
    for (int i = 0; i < count; ++i) producer_.Record(0, series_, value);
  }
  // What the agent has committed since the last call reaches the aggregator.
  void Deliver() {
    for (const proto::Batch& batch : Batches()) {
      if (delivered_.insert({batch.id.epoch, batch.id.sequence}).second) arrived_.push_back(batch);
    }
  }
  // The agent dies, and its spool with it.
  void LoseSpool() {
    KillAgent();
    for (const auto& entry : fs::directory_iterator(state_.path())) fs::remove_all(entry.path());
  }
  // What the aggregator makes of all that it got.
  LedgerRow Row() {
    Deliver();
    Ledger ledger;
    for (const proto::Batch& batch : arrived_) ledger.Apply(batch);
    for (const auto& row : ledger.View(100).producers) {
      if (row.uuid == producer_.uuid()) return row.row;
    }
    ADD_FAILURE() << "the ledger does not know the producer";
    return {};
  }
  // The agent's own notes say of a series' zeros what is not so.
  void FalsifyBaseline(uint64_t zeros) const {
    const proto::UniqueFd directory(
        open((segments_.path() + "/.agent").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    auto baseline = BaselineFile::Open(directory.get(), producer_.uuid(), ~uint64_t{0});
    ASSERT_TRUE(baseline.ok()) << baseline.message();
    const SlotImage& valid = (*baseline)->valid();
    std::byte* const block = valid.pool + uint64_t{valid.Unit(0, series_)} * proto::kPoolUnitBytes;
    reinterpret_cast<proto::BlockHead*>(block)->zero_count.fetch_add(zeros);
  }

  SegmentBuilder producer_;
  uint32_t series_ = 0;
  std::set<std::pair<uint64_t, uint64_t>> delivered_;  // epoch, sequence
  std::vector<proto::Batch> arrived_;
};

TEST_F(AgentLedgerTest, Quarantined_WhatWasNotDeliveredIsCounted) {
  StartAgent();
  Record(5);
  CloseInterval();
  Record(3);
  producer_.lane(0)->timing_head.store(1000);
  CloseIntervals(2);
  LedgerRow row = Row();
  EXPECT_EQ(row.merged, 5u);
  EXPECT_EQ(row.quarantined, 3u);
  EXPECT_EQ(row.recorded, 8u);
  EXPECT_TRUE(row.Balanced());
  producer_.Die();
  CloseIntervals(2);
  row = Row();
  EXPECT_EQ(row.quarantined, 3u) << "its end changes nothing";
  EXPECT_EQ(row.recorded, 8u);
}

TEST_F(AgentLedgerTest, Quarantined_AProducerCannotSayItItself) {
  StartAgent();
  Record(5);
  for (auto& lost : producer_.header()->lost) lost.store(1000);
  CloseInterval();
  const LedgerRow row = Row();
  EXPECT_EQ(row.quarantined, 0u);
  EXPECT_EQ(row.lost[static_cast<size_t>(proto::LossReason::kBaseline)], 0u);
  EXPECT_EQ(row.lost[static_cast<size_t>(proto::LossReason::kNegative)], 1000u);
}

TEST_F(AgentLedgerTest, Recorded_ADeltaThatIsWrongIsAnImbalance) {
  StartAgent();
  Record(5, 0);
  CloseInterval();
  EXPECT_TRUE(Row().Balanced());
  FalsifyBaseline(2);
  Record(3, 0);
  CloseInterval();
  const LedgerRow row = Row();
  EXPECT_EQ(row.recorded, 8u) << "counted in the cells, not in the deltas";
  EXPECT_EQ(row.merged, 6u);
  EXPECT_EQ(row.imbalance, 2);
  EXPECT_FALSE(row.Balanced());
}

TEST_F(AgentLedgerTest, Spool_WhatWasLostWithItHasAReason) {
  StartAgent();
  Record(5);
  CloseInterval();
  Deliver();
  Record(3);
  producer_.PushTiming(0, series_, Ticks(), 100);
  CloseIntervals(2);
  LoseSpool();
  StartAgent();
  Record(2);
  CloseInterval();
  const LedgerRow row = Row();
  EXPECT_EQ(row.merged, 7u);
  EXPECT_EQ(row.lost[static_cast<size_t>(proto::LossReason::kSpool)], 3u);
  EXPECT_EQ(row.dropped[static_cast<size_t>(proto::DropReason::kSpool)], 1u);
  EXPECT_EQ(row.recorded, 10u);
  EXPECT_EQ(row.detail_in_flight, 0u);
  EXPECT_TRUE(row.Balanced()) << "lost, and nobody's fault here";
}

TEST_F(AgentLedgerTest, Spool_ALostOneThatWasDeliveredBeforeLosesNothing) {
  StartAgent();
  Record(5);
  CloseInterval();
  Deliver();
  LoseSpool();
  StartAgent();
  Record(2);
  CloseInterval();
  const LedgerRow row = Row();
  EXPECT_EQ(row.merged, 7u);
  EXPECT_EQ(row.lost, proto::LossCounts{});
  EXPECT_TRUE(row.Balanced());
}

TEST_F(AgentLedgerTest, Spool_OneThatComesLaterIsNotLost) {
  StartAgent();
  Record(5);
  CloseInterval();
  Deliver();
  Record(3);
  CloseInterval();
  const std::vector<proto::Batch> late = Batches();
  LoseSpool();
  StartAgent();
  Record(2);
  CloseInterval();
  Deliver();
  EXPECT_EQ(Row().lost[static_cast<size_t>(proto::LossReason::kSpool)], 3u);
  arrived_.push_back(late.back());
  const LedgerRow row = Row();
  EXPECT_EQ(row.merged, 10u);
  EXPECT_EQ(row.lost, proto::LossCounts{});
  EXPECT_TRUE(row.Balanced());
}

TEST_F(AgentLedgerTest, Boot_AnOldSpoolIsDeliveredAndNothingIsMissing) {
  StartAgent();
  Record(5);
  CloseInterval();
  Record(3);
  CloseInterval();
  KillAgent();
  for (const auto& entry : fs::directory_iterator(segments_.path())) fs::remove_all(entry.path());
  StartAgent();
  CloseInterval();
  const LedgerRow row = Row();
  EXPECT_EQ(row.merged, 8u);
  EXPECT_EQ(row.recorded, 8u);
  EXPECT_TRUE(row.Balanced());
}

}  // namespace
}  // namespace ringside::agent
