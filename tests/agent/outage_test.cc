// Outages: the aggregator is away until the spool is full, the host is booted, the power fails.
// Counts are exact in all of them as far as anything survives; time resolution gives way.
#include <filesystem>
#include <fstream>
#include <set>

#include "agent/spool_file.h"
#include "agent/spool_room.h"
#include "tests/agent/agent_fixture.h"

namespace ringside::agent {
namespace {

namespace fs = std::filesystem;

TEST(SpoolRoomTest, Room_IsWholeUpToThreeQuarters) {
  for (const uint64_t bytes : {0, 1000, 7499}) {
    EXPECT_FALSE(RoomOf(bytes, 10000).drop_detail) << bytes;
    EXPECT_EQ(RoomOf(bytes, 10000).joined_intervals, 1u) << bytes;
  }
}

TEST(SpoolRoomTest, Room_LastsTheLongerTheLessIsLeft) {
  uint64_t before = 1;
  for (uint64_t bytes = 7500; bytes < 10000; ++bytes) {
    const SpoolRoom room = RoomOf(bytes, 10000);
    EXPECT_TRUE(room.drop_detail);
    EXPECT_FALSE(room.full);
    EXPECT_GE(room.joined_intervals, before);
    before = room.joined_intervals;
  }
  EXPECT_EQ(RoomOf(8750, 10000).joined_intervals, 2u);
  EXPECT_EQ(before, SpoolRoom::kMostJoined);
}

TEST(SpoolRoomTest, Room_IsNoneAtTheLimitAndBeyond) {
  EXPECT_TRUE(RoomOf(10000, 10000).full);
  EXPECT_TRUE(RoomOf(12345, 10000).full);
}

class OutageTest : public AgentTest {
 protected:
  // A worker of its own, alive, with samples 1 to `count`.
  std::unique_ptr<SegmentBuilder> Worker(int count) {
    auto worker = LeftBehind(count);
    worker->Live();
    return worker;
  }
  // The same without a process: found dead an interval later.
  std::unique_ptr<SegmentBuilder> LeftBehind(int count) {
    auto worker = std::make_unique<SegmentBuilder>(segments_.path());
    const uint32_t decode = worker->AddDuration("decode");
    for (int i = 1; i <= count; ++i) worker->Record(0, decode, i);
    return worker;
  }
  AgentConfig Limited(uint64_t spool_bytes) const {
    AgentConfig config = Config();
    config.spool_limit_bytes = spool_bytes;
    return config;
  }
  // What lies on tmpfs is gone; what lies on the disk is not.
  void Boot() {
    KillAgent();
    for (const auto& entry : fs::directory_iterator(segments_.path())) fs::remove_all(entry.path());
  }
  std::set<uint64_t> Epochs() const {
    std::set<uint64_t> epochs;
    for (const proto::Batch& batch : Batches()) epochs.insert(batch.id.epoch);
    return epochs;
  }
};

TEST_F(OutageTest, Full_IntervalsAreJoinedAndNothingIsLost) {
  auto worker = Worker(0);
  const uint32_t decode = worker->AddDuration("decode");
  StartAgent(Limited(8192));
  for (int i = 0; i < 120; ++i) {
    worker->Record(0, decode, 100 + i);
    CloseInterval();
  }
  EXPECT_GT(agent_->counters().postponed, 0u) << "full in the end";
  EXPECT_LT(agent_->counters().intervals, 60u);
  uint64_t longest = 0;
  for (const proto::Batch& batch : Batches()) {
    longest = std::max(longest, batch.interval_end_unix_ns - batch.interval_start_unix_ns);
  }
  EXPECT_GT(longest, 2000000000u) << "joined before it was full";
  KillAgent();
  StartAgent(Limited(1 << 20));
  CloseInterval();
  const proto::Distribution delivered = Delivered("decode");
  EXPECT_EQ(delivered.Count(), 120u);
  EXPECT_EQ(delivered.min, 100);
  EXPECT_EQ(delivered.max, 219) << "extremes of joined intervals are kept";
  EXPECT_EQ(static_cast<int64_t>(delivered.sum), 120 * 100 + 119 * 120 / 2);
  uint64_t end = 0;
  for (const proto::Batch& batch : Batches()) {
    if (end == 0) end = batch.interval_start_unix_ns;
    EXPECT_EQ(batch.interval_start_unix_ns, end) << "no second is missing";
    end = batch.interval_end_unix_ns;
  }
}

TEST_F(OutageTest, Full_DetailGoesFirst) {
  auto worker = Worker(1);
  const uint32_t decode = worker->AddDuration("decode");
  StartAgent(Limited(8192));
  while (agent_->counters().spool_bytes < 6144) CloseInterval();
  worker->Record(0, decode, 1);
  worker->PushTiming(0, decode, Ticks(), 1);
  CloseIntervals(8);
  const proto::ProducerTotals totals = Last(worker->uuid()).totals;
  EXPECT_EQ(totals.dropped[static_cast<size_t>(proto::DropReason::kSpoolFull)], 1u);
  EXPECT_EQ(Delivered("decode").Count(), 2u);
  EXPECT_TRUE(Timings().empty());
}

TEST_F(OutageTest, Full_DeadWorkersAreStillFoldedWhileIntervalsAreJoined) {
  auto worker = Worker(3);
  StartAgent(Limited(8192));
  while (agent_->counters().spool_bytes < 7000) CloseInterval();
  worker->Die();
  CloseIntervals(60);
  EXPECT_FALSE(worker->Exists());
  EXPECT_TRUE(Last(worker->uuid()).is_final);
  EXPECT_EQ(Delivered("decode").Count(), 3u);
}

TEST_F(OutageTest, Full_DeadWorkersWaitInTheirSegmentsAndAreExactAfterwards) {
  StartAgent(Limited(4096));
  while (agent_->counters().postponed == 0) CloseInterval();
  std::vector<std::unique_ptr<SegmentBuilder>> workers;
  for (int i = 1; i <= 5; ++i) {
    workers.push_back(Worker(i));
    CloseInterval();
    workers.back()->Die();
    CloseInterval();
  }
  for (const auto& worker : workers) EXPECT_TRUE(worker->Exists()) << "nowhere else is it kept";
  KillAgent();
  StartAgent(Limited(1 << 20));
  CloseIntervals(4);
  for (const auto& worker : workers) EXPECT_FALSE(worker->Exists());
  EXPECT_EQ(Delivered("decode").Count(), 1u + 2 + 3 + 4 + 5);
}

TEST_F(OutageTest, Full_RoomThatComesBackIsUsedAtOnce) {
  auto worker = Worker(1);
  StartAgent(Limited(8192));
  while (agent_->counters().spool_bytes < 7000) CloseInterval();
  KillAgent();
  StartAgent(Limited(1 << 20));
  const uint64_t intervals = agent_->counters().intervals;
  CloseIntervals(3);
  EXPECT_EQ(agent_->counters().intervals, intervals + 3);
}

TEST_F(OutageTest, Boot_WithAnOldSpoolDeliversItAndBeginsAnEpoch) {
  auto before = Worker(4);
  StartAgent();
  CloseIntervals(2);
  Boot();
  auto after = Worker(3);
  StartAgent();
  CloseInterval();
  EXPECT_EQ(Epochs().size(), 2u);
  EXPECT_EQ(Batches().back().id.sequence, 1u);
  EXPECT_EQ(Delivered("decode").Count(), 7u);
  const auto lost = Last(after->uuid()).totals.lost;
  EXPECT_EQ(lost[static_cast<size_t>(proto::LossReason::kBaseline)], 0u) << "it was never read";
}

// The spool is not fsynced: of its end, any part may not have reached the disk, or be zeros.
class PowerLossTest : public OutageTest, public testing::WithParamInterface<bool> {
 protected:
  static std::string ReadAll(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
};

TEST_P(PowerLossTest, Power_AtEveryByteOfTheTailAWholePrefixIsDelivered) {
  const bool leaves_zeros = GetParam();
  const fs::path spool = state_.path() + "/" + SpoolFile::NameOf(1);
  std::vector<size_t> whole;  // sizes of the spool after each commit
  std::vector<uint64_t> counts;
  {
    auto before = Worker(0);
    const uint32_t decode = before->AddDuration("decode");
    StartAgent();
    for (int i = 1; i <= 3; ++i) {
      before->Record(0, decode, i);
      CloseInterval();
      whole.push_back(fs::file_size(spool));
    }
    Boot();
  }
  const std::string bytes = ReadAll(spool);
  ASSERT_EQ(bytes.size(), whole.back());
  // Every byte of the last entry, and the others in strides that are no multiple of a word.
  for (size_t cut = 0; cut <= bytes.size(); cut += cut < whole[1] ? 37 : 1) {
    Boot();
    for (const auto& entry : fs::directory_iterator(state_.path())) {
      const std::string name = entry.path().filename();
      if (name.rfind(kSpoolPrefix, 0) == 0) fs::remove(entry.path());
    }
    std::string left = bytes.substr(0, cut);
    if (leaves_zeros) left.resize(bytes.size(), '\0');
    std::ofstream(spool, std::ios::binary) << left;
    // That all else goes on is looked at now and then: it costs a look at every process.
    auto after = cut % 40 == 0 || cut == bytes.size() ? LeftBehind(10) : nullptr;
    StartAgent();
    CloseInterval();
    uint64_t expected = after != nullptr ? 10 : 0;
    for (const size_t size : whole) expected += size <= cut ? 1 : 0;
    ASSERT_EQ(Delivered("decode").Count(), expected) << "cut at " << cut;
    ASSERT_EQ(Batches().back().id.sequence, 1u);
    if (after == nullptr) continue;
    ASSERT_TRUE(Last(after->uuid()).quarantine.empty());
    ASSERT_EQ(Last(after->uuid()).totals.recorded, 10u);
  }
}

INSTANTIATE_TEST_SUITE_P(Tail, PowerLossTest, testing::Bool(), [](const auto& variant) {
  return variant.param ? std::string("Zeros") : std::string("Short");
});

}  // namespace
}  // namespace ringside::agent
