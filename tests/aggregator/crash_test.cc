// A real aggregator process, killed by SIGKILL at every step of its work: nothing that was
// acknowledged is missing afterwards, nothing counts twice.
#include <algorithm>

#include "aggregator/archive_writer.h"
#include "proto/tick_clock.h"
#include "tests/aggregator/crash_fixture.h"

namespace ringside::aggregator {
namespace {

class CrashTest : public CrashFixture, public testing::WithParamInterface<std::string> {};

TEST_P(CrashTest, Killed_NothingIsLostAndNothingCountsTwice) {
  RandomAgent stream(31, "host", 1);
  std::vector<proto::Batch> batches;
  for (int i = 0; i < 12; ++i) batches.push_back(stream.Next());

  int deaths = 0;
  for (const int count : {1, 2, 4}) {
    const size_t before = batches.size();
    Spawn(GetParam() + ":" + std::to_string(count));
    // After the last place all may be acknowledged, in one commit.
    const auto patience = deaths == 0 ? std::chrono::seconds(60) : std::chrono::milliseconds(200);
    if (!Deliver(batches) || Dies(patience)) {
      ++deaths;
    } else {
      Kill();  // this place is passed less often than that
    }
    for (int i = 0; i < 4; ++i) batches.push_back(stream.Next());
    ASSERT_EQ(batches.size(), before + 4);
  }
  EXPECT_GE(deaths, 1) << "the place was never passed";
  Spawn("");
  ASSERT_TRUE(Deliver(batches));
  Kill();

  ArchiveReport report;
  Ledger ledger;
  size_t read = 0;
  const proto::Status status = ReadArchive(
      directory_ + "/data",
      [&](const proto::Batch& batch) {
        ledger.Apply(batch);
        ++read;
      },
      &report);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(read, batches.size());
  EXPECT_EQ(report.duplicates, 0u) << "a batch is archived once";
  EXPECT_TRUE(report.IsClean()) << report.problems[0].ToString();
  EXPECT_EQ(ledger.Total().merged, stream.samples());
  EXPECT_TRUE(ledger.Balanced());
}

INSTANTIATE_TEST_SUITE_P(FailPoints, CrashTest,
                         testing::Values("archive.head_written", "archive.renamed",
                                         "archive.opened", "archive.before_append",
                                         "archive.half_appended", "archive.appended",
                                         "archive.before_sync", "archive.synced",
                                         "intake.before_ack", "intake.before_merge",
                                         "intake.merged"),
                         [](const testing::TestParamInfo<std::string>& place) {
                           std::string name = place.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

// The same for what happens to closed files, at the same time as batches come in.
class LifeCrashTest : public CrashTest {
 protected:
  LifeCrashTest() { has_life_ = true; }

  // Closed files, so that there is something to do from the start.
  void WriteClosedFiles(const std::vector<proto::Batch>& batches) {
    const std::string archive = directory_ + "/data/archive";
    std::filesystem::create_directories(archive);
    ArchiveWriter writer({archive, 1}, {});
    AppliedSets applied;
    for (const proto::Batch& batch : batches) {
      ASSERT_TRUE(writer.Commit({&batch}, applied, proto::UnixNs()).ok());
      applied.Add(batch.id, 0);
    }
  }
};

TEST_P(LifeCrashTest, Killed_EveryTotalIsTheSameInEveryView) {
  RandomAgent stream(32, "host", 1);
  std::vector<proto::Batch> batches;
  for (int i = 0; i < 8; ++i) batches.push_back(stream.Next());
  WriteClosedFiles(batches);
  int deaths = 0;
  for (const int count : {1, 1, 2, 3}) {
    for (int i = 0; i < 4; ++i) batches.push_back(stream.Next());
    Spawn(GetParam() + ":" + std::to_string(count));
    const auto patience = deaths == 0 ? std::chrono::seconds(60) : std::chrono::milliseconds(100);
    if (!Deliver(batches) || Dies(patience)) {
      ++deaths;
    } else {
      Kill();  // this place is passed less often than that
    }
  }
  EXPECT_GE(deaths, 1) << "the place was never passed";
  Spawn("");
  ASSERT_TRUE(Deliver(batches));
  // An agent that sends everything again is told that it is there, whatever became of the files.
  acked_ = {};
  ASSERT_TRUE(Deliver(batches));
  Kill();

  ExpectExact({&stream}, batches);
}

INSTANTIATE_TEST_SUITE_P(FailPoints, LifeCrashTest,
                         testing::Values("keeper.compress_begun", "keeper.compress_written",
                                         "keeper.compress_synced", "keeper.compress_renamed",
                                         "keeper.compress_durable", "keeper.before_remove",
                                         "keeper.removed", "keeper.copy_written",
                                         "keeper.copy_synced", "keeper.detail_renamed",
                                         "keeper.detail_durable", "keeper.copy_renamed",
                                         "keeper.copy_durable"),
                         [](const testing::TestParamInfo<std::string>& place) {
                           std::string name = place.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

}  // namespace
}  // namespace ringside::aggregator
