// Real processes, real SIGKILL: the agent dies at each step of its commit, and together with its
// workers. What arrives is exactly what the workers wrote down that they recorded.
#include <filesystem>
#include <system_error>

#include <signal.h>

#include "agent/fail_points.h"
#include "tests/agent/crash_fixture.h"

namespace ringside::agent {
namespace {

namespace fs = std::filesystem;

class CrashAtTest : public CrashTest, public testing::WithParamInterface<const char*> {};

TEST_P(CrashAtTest, Exact_AfterADeathAtThisStep) {
  const std::string name = GetParam();
  // Steps of every interval are met in full flight; the others come once.
  const bool is_periodic = name.rfind("commit.", 0) == 0 || name.rfind("close.", 0) == 0 ||
                           name == "spool.partial" || name == "spool.appended";
  auto agent = StartAgent(name + (is_periodic ? ":6" : ""));
  auto worker = StartWorker(0, "told");
  auto victim = StartWorker(300, "hang");
  ASSERT_TRUE(WaitFor([&] {
    std::error_code error;  // a file that is not there yet has no size
    const auto bytes = fs::file_size(oracles_[1], error);
    return !error && bytes > 0;
  }));
  SleepMs(100);
  victim->Kill();
  ASSERT_TRUE(WaitFor([&] { return agent->Ended(); })) << "the step was never met";
  EXPECT_TRUE(agent->WasKilled());
  agent = StartAgent();
  worker->Signal(SIGTERM);
  ASSERT_TRUE(WaitFor([&] { return worker->Ended(); }));
  Finish(std::move(agent));
  ExpectExact();
  EXPECT_EQ(Delivered("transcribe").Count(), 1u) << "the open request of the killed worker";
  EXPECT_EQ(Delivered("transcribe/decode").Count(), 1u);
}

INSTANTIATE_TEST_SUITE_P(FailPoints, CrashAtTest, testing::ValuesIn(kFailPoints),
                         [](const auto& point) {
                           std::string name = point.param;
                           for (char& c : name) c = c == '.' ? '_' : c;
                           return name;
                         });

TEST_F(CrashTest, Exact_WhenTheAgentComesLate) {
  auto worker = StartWorker(300, "exit");
  ASSERT_TRUE(WaitFor([&] { return worker->Ended(); }));
  auto agent = StartAgent();
  Finish(std::move(agent));
  ExpectExact();
}

TEST_F(CrashTest, Exact_WhenTheAggregatorIsAwayForAWhile) {
  collector_.Stop();
  auto agent = StartAgent();
  auto worker = StartWorker(800, "exit");
  ASSERT_TRUE(WaitFor([&] { return worker->Ended(); }));
  collector_.Start();
  Finish(std::move(agent));
  ExpectExact();
}

TEST_F(CrashTest, Exact_WithAStoppedAgent) {
  auto agent = StartAgent();
  auto worker = StartWorker(800, "exit");
  SleepMs(200);
  agent->Signal(SIGSTOP);
  SleepMs(300);
  agent->Signal(SIGCONT);
  ASSERT_TRUE(WaitFor([&] { return worker->Ended(); }));
  Finish(std::move(agent));
  ExpectExact();
}

TEST_F(CrashTest, Exact_WhenTheSpoolRunsFullAndWorkersDieMeanwhile) {
  collector_.Stop();
  auto agent = StartAgent();
  // 64 KiB of spool do not hold what 40 ms intervals make of this.
  std::vector<std::unique_ptr<Child>> workers;
  for (int i = 0; i < 12; ++i) {
    workers.push_back(StartWorker(150, "exit"));
    if (i % 3 != 2) continue;
    ASSERT_TRUE(WaitFor([&] { return workers.back()->Ended(); }));
  }
  ASSERT_TRUE(WaitFor([&] {
    for (auto& worker : workers) {
      if (!worker->Ended()) return false;
    }
    return true;
  }));
  agent->Kill();
  agent = StartAgent();
  collector_.Start();
  Finish(std::move(agent));
  ExpectExact();
}

TEST_F(CrashTest, Exact_WhenOneOfTwoAgentsOfADirectoryDies) {
  auto first = StartAgent();
  ASSERT_TRUE(WaitFor([&] { return collector_.greetings() > 0; })) << "the first one drains";
  auto second = StartAgent("", "other");
  auto worker = StartWorker(1800, "exit");
  SleepMs(300);
  first->Kill();
  // What the first had committed and not sent is delivered when it is started again, though the
  // second drains now.
  ASSERT_TRUE(WaitFor([&] { return collector_.greetings() > 1; })) << "the second takes over";
  first = StartAgent();
  ASSERT_TRUE(WaitFor([&] { return worker->Ended(); }));
  Finish(std::move(second));
  Finish(std::move(first));
  ExpectExact();
}

}  // namespace
}  // namespace ringside::agent
