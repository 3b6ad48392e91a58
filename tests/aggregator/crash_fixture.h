// A real aggregator process for tests that kill it, and the check that nothing was lost or counted
// twice.
#ifndef RINGSIDE_TESTS_AGGREGATOR_CRASH_FIXTURE_H_
#define RINGSIDE_TESTS_AGGREGATOR_CRASH_FIXTURE_H_

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
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

// An aggregator process that can be killed, and what an agent knows of it.
class CrashFixture : public testing::Test {
 protected:
  CrashFixture() {
    std::string name = "/dev/shm/ringside-crash-XXXXXX";
    directory_ = mkdtemp(name.data());
    endpoint_ = "ipc://" + directory_ + "/socket";
  }
  ~CrashFixture() override {
    if (child_ > 0) Kill();
    std::filesystem::remove_all(directory_);
  }

  void Spawn(const std::string& fail_point) {
    std::vector<std::string> texts = {RINGSIDE_AGGREGATOR_CHILD, directory_ + "/data", endpoint_};
    if (has_life_) texts.emplace_back("life");
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
    const std::chrono::steady_clock::time_point deadline =
        std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
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

  // Waits for a death that does not come from what is delivered.
  bool Dies(std::chrono::milliseconds within) {
    const std::chrono::steady_clock::time_point deadline =
        std::chrono::steady_clock::now() + within;
    while (std::chrono::steady_clock::now() < deadline) {
      if (IsDead()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return false;
  }

  // Whichever copies are read: every batch once, every sample and every row of raw detail there.
  void ExpectExact(const std::vector<RandomAgent*>& streams,
                   const std::vector<proto::Batch>& batches) {
    size_t rows = 0;
    for (const proto::Batch& batch : batches) rows += RowsOf(batch);
    uint64_t samples = 0;
    for (const RandomAgent* stream : streams) samples += stream->samples();
    for (const ArchiveView view : {ArchiveView::kFinest, ArchiveView::kCoarsest}) {
      ArchiveReport report;
      Ledger ledger;
      size_t rows_read = 0;
      ReadOptions options;
      options.view = view;
      const proto::Status status = ReadArchive(
          directory_ + "/data",
          [&](const ArchivedBatch& batch) {
            ledger.Apply(batch);
            rows_read += RowsOf(batch);
          },
          &report, nullptr, options);
      ASSERT_TRUE(status.ok()) << status.message();
      EXPECT_TRUE(report.IsClean()) << report.problems[0].ToString();
      EXPECT_EQ(report.duplicates, 0u) << "each batch counts in one file";
      for (const proto::Batch& batch : batches) EXPECT_TRUE(report.applied.Contains(batch.id));
      EXPECT_EQ(ledger.Total().merged, samples);
      EXPECT_TRUE(ledger.Balanced());
      EXPECT_EQ(rows_read, rows);
    }
  }
  static size_t RowsOf(const proto::Batch& batch) {
    size_t rows = 0;
    for (const proto::ProducerDelta& producer : batch.producers) {
      rows += producer.requests.size() + producer.timings.size();
    }
    return rows;
  }

  bool has_life_ = false;  // files are compressed, copied and removed at once
  std::string directory_;
  std::string endpoint_;
  pid_t child_ = -1;
  AppliedSets acked_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_TESTS_AGGREGATOR_CRASH_FIXTURE_H_
