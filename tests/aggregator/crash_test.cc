// A real aggregator process, killed by SIGKILL at every step of its work: nothing that was
// acknowledged is missing afterwards, nothing counts twice.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aggregator/archive_reader.h"
#include "aggregator/ledger.h"
#include "tests/aggregator/random_batch.h"
#include "tests/aggregator/test_agent.h"

extern char** environ;

namespace ringside::aggregator {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

class CrashTest : public testing::TestWithParam<std::string> {
 protected:
  CrashTest() {
    std::string name = "/dev/shm/ringside-crash-XXXXXX";
    directory_ = mkdtemp(name.data());
    endpoint_ = "ipc://" + directory_ + "/socket";
  }
  ~CrashTest() override {
    if (child_ > 0) Kill();
    fs::remove_all(directory_);
  }

  void Spawn(const std::string& fail_point) {
    std::vector<std::string> texts = {RINGSIDE_AGGREGATOR_CHILD, directory_ + "/data", endpoint_};
    std::vector<char*> arguments;
    for (std::string& text : texts) arguments.push_back(text.data());
    arguments.push_back(nullptr);
    std::vector<char*> environment;
    for (char** entry = environ; *entry != nullptr; ++entry) environment.push_back(*entry);
    std::string variable = "RINGSIDE_FAIL_POINT=" + fail_point;
    if (!fail_point.empty()) environment.push_back(variable.data());
    environment.push_back(nullptr);
    ASSERT_EQ(posix_spawn(&child_, texts[0].c_str(), nullptr, nullptr, arguments.data(),
                          environment.data()),
              0);
  }
  bool IsDead() {
    int status = 0;
    if (waitpid(child_, &status, WNOHANG) != child_) return false;
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "status " << status;
    child_ = -1;
    return true;
  }
  void Kill() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    child_ = -1;
  }

  // Resends what is not acknowledged, as an agent does. True when all is acknowledged; false when
  // the aggregator died.
  bool Deliver(const std::vector<proto::Batch>& batches) {
    TestAgent agent(endpoint_);
    const Clock::time_point deadline = Clock::now() + std::chrono::seconds(20);
    while (Clock::now() < deadline) {
      bool is_done = true;
      for (const proto::Batch& batch : batches) {
        if (acked_.Contains(batch.id)) continue;
        is_done = false;
        agent.Send(batch);
      }
      if (is_done) return true;
      for (int i = 0; i < 10; ++i) {
        agent.Receive(10);
        acked_.Merge(agent.acked());
        if (IsDead()) return false;
      }
    }
    ADD_FAILURE() << "not delivered in time";
    return true;
  }

  std::string directory_;
  std::string endpoint_;
  pid_t child_ = -1;
  AppliedSets acked_;
};

TEST_P(CrashTest, Killed_NothingIsLostAndNothingCountsTwice) {
  RandomAgent stream(31, "host", 1);
  std::vector<proto::Batch> batches;
  for (int i = 0; i < 12; ++i) batches.push_back(stream.Next());

  int deaths = 0;
  for (const int count : {1, 2, 4}) {
    const size_t before = batches.size();
    Spawn(GetParam() + ":" + std::to_string(count));
    if (!Deliver(batches)) {
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

}  // namespace
}  // namespace ringside::aggregator
