// The epoch rules: what an agent makes of the files that it finds.
#include <filesystem>
#include <fstream>
#include <set>

#include <fcntl.h>

#include "agent/control_file.h"
#include "tests/agent/agent_fixture.h"

namespace ringside::agent {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class RecoveryTest : public AgentTest {
 protected:
  RecoveryTest() : producer_(segments_.path()) {
    producer_.Live();
    decode_ = producer_.AddDuration("decode");
  }

  void Record(int64_t value) { producer_.Record(0, decode_, value); }
  std::string AgentDirectory() const { return segments_.path() + "/.agent"; }
  uint64_t LostBaseline() const {
    return Last(producer_.uuid()).totals.lost[static_cast<size_t>(proto::LossReason::kBaseline)];
  }
  std::set<uint64_t> Epochs() const {
    std::set<uint64_t> epochs;
    for (const proto::Batch& batch : Batches()) epochs.insert(batch.id.epoch);
    return epochs;
  }

  SegmentBuilder producer_;
  uint32_t decode_ = 0;
};

TEST_F(RecoveryTest, Restart_ContinuesTheEpochWithoutGapOrDouble) {
  StartAgent();
  Record(1);
  CloseInterval();
  KillAgent();
  Record(2);
  StartAgent();
  Record(3);
  CloseInterval();
  EXPECT_EQ(Delivered("decode").Count(), 3u);
  EXPECT_EQ(Epochs().size(), 1u);
  uint64_t sequence = 0;
  for (const proto::Batch& batch : Batches()) EXPECT_EQ(batch.id.sequence, ++sequence);
}

TEST_F(RecoveryTest, Restart_TheOutageBelongsToTheNextInterval) {
  StartAgent();
  CloseInterval();
  const uint64_t end = unix_ns_;
  KillAgent();
  monotonic_ns_ += 60000000000;
  unix_ns_ += 60000000000;
  StartAgent();
  CloseInterval();
  EXPECT_EQ(Batches().back().interval_start_unix_ns, end);
  EXPECT_EQ(Batches().back().interval_end_unix_ns, unix_ns_);
}

TEST_F(RecoveryTest, Restart_TheAgentsOwnCountsContinue) {
  StartAgent();
  CloseIntervals(2);
  const proto::Uuid self = Batches().back().producers.back().uuid;
  const uint64_t recorded = Last(self).totals.recorded;
  EXPECT_GT(recorded, 0u);
  KillAgent();
  StartAgent();
  CloseInterval();
  EXPECT_GT(Last(self).totals.recorded, recorded);
  EXPECT_TRUE(Last(self).is_agent);
}

TEST_F(RecoveryTest, Baseline_LostMeansAGapThatIsNamed) {
  StartAgent();
  Record(1);
  Record(2);
  CloseInterval();
  KillAgent();
  Record(3);
  for (const auto& entry : fs::directory_iterator(AgentDirectory())) {
    if (entry.path().extension() == ".base") fs::remove(entry.path());
  }
  StartAgent();
  CloseInterval();
  EXPECT_EQ(LostBaseline(), 3u);
  Record(4);
  CloseInterval();
  EXPECT_EQ(Delivered("decode").Count(), 3u) << "two before, one after; none twice";
  EXPECT_EQ(Last(producer_.uuid()).totals.recorded, 1u);
}

TEST_F(RecoveryTest, Baseline_ASegmentThatNobodyEverReadStartsAtZero) {
  StartAgent();
  CloseInterval();
  KillAgent();
  SegmentBuilder second(segments_.path());
  second.Live();
  second.Record(0, second.AddDuration("late"), 5);
  fs::remove_all(AgentDirectory());
  StartAgent();
  CloseInterval();
  EXPECT_EQ(Delivered("late").Count(), 1u);
}

TEST_F(RecoveryTest, Control_LostBeginsANewEpochAndNamesTheGap) {
  StartAgent();
  Record(1);
  CloseInterval();
  KillAgent();
  fs::remove(AgentDirectory() + "/control");
  StartAgent();
  Record(2);
  CloseInterval();
  EXPECT_EQ(Epochs().size(), 2u);
  EXPECT_EQ(Delivered("decode").Count(), 2u);
  EXPECT_EQ(LostBaseline(), 1u);
}

TEST_F(RecoveryTest, Boot_AnotherOneBeginsANewEpoch) {
  StartAgent();
  CloseInterval();
  KillAgent();
  // As after a reboot, where the directory did not survive but the spool did; the file's checksum
  // is right, only the boot is another.
  const int fd = open(AgentDirectory().c_str(), O_RDONLY | O_DIRECTORY);
  auto control = ControlFile::Open(fd);
  ASSERT_TRUE(control.ok());
  ControlFile::Identity identity = (*control)->identity();
  identity.boot_id = "00000000-0000-0000-0000-000000000000";
  ASSERT_TRUE(ControlFile::Create(fd, identity, 0).ok());
  close(fd);
  StartAgent();
  CloseInterval();
  EXPECT_EQ(Epochs().size(), 2u);
  EXPECT_EQ(Batches().back().id.sequence, 1u);
}

TEST_F(RecoveryTest, Spool_LostBeginsANewEpochAndCountsNothingTwice) {
  StartAgent();
  Record(1);
  CloseInterval();
  KillAgent();
  for (const auto& entry : fs::directory_iterator(state_.path())) fs::remove(entry.path());
  Record(2);
  StartAgent();
  CloseInterval();
  EXPECT_EQ(Delivered("decode").Count(), 1u) << "the first went with the spool";
  EXPECT_EQ(Last(producer_.uuid()).totals.recorded, 2u) << "which the ledger will show";
}

TEST_F(RecoveryTest, Spool_ACutTailTakesTheCommitBack) {
  StartAgent();
  Record(1);
  CloseInterval();
  const fs::path spool = state_.path() + "/" + SpoolFile::NameOf(1);
  const auto before = fs::file_size(spool);
  Record(2);
  CloseInterval();
  KillAgent();
  fs::resize_file(spool, before + 10);
  Record(3);
  StartAgent();
  CloseInterval();
  // The flip says that the second commit happened; the spool, which lost it, cannot deliver it.
  EXPECT_EQ(Epochs().size(), 2u);
  EXPECT_EQ(Delivered("decode").Count(), 2u);
  EXPECT_EQ(Last(producer_.uuid()).totals.recorded, 3u);
}

TEST_F(RecoveryTest, Spool_ANewerOneThanTheBaselinesIsNotCountedTwice) {
  StartAgent();
  Record(1);
  CloseInterval();
  KillAgent();
  const std::string copy = segments_.path() + "/copy";
  fs::copy(AgentDirectory(), copy, fs::copy_options::recursive);
  StartAgent();
  for (int i = 0; i < 3; ++i) {
    Record(2);
    CloseInterval();
  }
  KillAgent();
  fs::remove_all(AgentDirectory());
  fs::rename(copy, AgentDirectory());
  StartAgent();
  Record(5);
  CloseInterval();
  EXPECT_EQ(Delivered("decode").Count(), 5u);
  EXPECT_EQ(LostBaseline(), 4u) << "what the segment held when the baselines were given up";
}

TEST_F(RecoveryTest, Spool_ThatCouldTellWhetherACommitHappenedIsGone) {
  StartAgent();
  Record(1);
  CloseInterval();
  const std::string copy = segments_.path() + "/copy";
  fs::copy(AgentDirectory() + "/control", copy);
  Record(2);
  CloseInterval();
  KillAgent();
  // As if killed after "prepared" was written and before the flip; then the state directory is
  // lost.
  const int fd = open(AgentDirectory().c_str(), O_RDONLY | O_DIRECTORY);
  {
    auto now = ControlFile::Open(fd);
    const uint64_t prepared = (*now)->prepared();
    now->reset();
    fs::copy(copy, AgentDirectory() + "/control", fs::copy_options::overwrite_existing);
    auto then = ControlFile::Open(fd);
    (*then)->Prepare(prepared);
  }
  close(fd);
  for (const auto& entry : fs::directory_iterator(state_.path())) fs::remove(entry.path());
  Record(3);
  StartAgent();
  CloseInterval();
  EXPECT_EQ(Delivered("decode").Count(), 1u) << "the third: the second may have been delivered";
  EXPECT_EQ(LostBaseline(), 1u);
  EXPECT_EQ(Last(producer_.uuid()).totals.recorded, 2u);
}

TEST_F(RecoveryTest, Standby_OnlyOneAgentDrainsADirectory) {
  StartAgent();
  TempDirectory other_state("/tmp");
  AgentConfig config = Config();
  config.state_dir = other_state.path();
  auto second = Agent::Start(config);
  ASSERT_TRUE(second.ok()) << second.message();
  EXPECT_FALSE((*second)->counters().is_active);
  Record(1);
  CloseInterval();
  (*second)->DoWork(monotonic_ns_, unix_ns_);
  EXPECT_FALSE((*second)->counters().is_active);
  EXPECT_TRUE(ReadSpool(other_state.path()).empty());
  EXPECT_EQ(Delivered("decode").Count(), 1u);

  // The first dies: the second takes over, from where the first had committed.
  KillAgent();
  Record(2);
  for (int i = 0; i < 3; ++i) {
    monotonic_ns_ += 1000000000;
    unix_ns_ += 1000000000;
    (*second)->DoWork(monotonic_ns_, unix_ns_);
  }
  EXPECT_TRUE((*second)->counters().is_active);
  uint64_t count = 0;
  for (const proto::Batch& batch : ReadSpool(other_state.path())) {
    for (const auto& delta : batch.producers) {
      for (const auto& series : delta.series) {
        if (series.key->path == "decode") count += series.delta.Count();
      }
    }
  }
  EXPECT_EQ(count, 1u);
}

TEST_F(RecoveryTest, Start_RefusesADirectoryThatIsNotOnTmpfs) {
  TempDirectory elsewhere("/proc/self/cwd");
  AgentConfig config = Config();
  config.directory = elsewhere.path();
  const auto agent = Agent::Start(config);
  ASSERT_FALSE(agent.ok());
  EXPECT_THAT(agent.message(), HasSubstr("not on tmpfs"));
  EXPECT_THAT(agent.message(), HasSubstr(elsewhere.path()));
}

TEST_F(RecoveryTest, Start_RefusesAStateDirectoryInUse) {
  StartAgent();
  TempDirectory other_segments("/dev/shm");
  AgentConfig config = Config();
  config.directory = other_segments.path();
  const auto agent = Agent::Start(config);
  ASSERT_FALSE(agent.ok());
  EXPECT_THAT(agent.message(), HasSubstr(state_.path()));
}

}  // namespace
}  // namespace ringside::agent
