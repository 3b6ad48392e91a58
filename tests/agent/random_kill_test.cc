// The agent is killed at random while eight workers record. 25 seeds; RINGSIDE_LONG: 500. The test
// is run in shards (GTEST_TOTAL_SHARDS): it mostly waits.
#include <csignal>
#include <cstdlib>
#include <random>

#include "tests/agent/crash_fixture.h"

namespace ringside::agent {
namespace {

class RandomKillTest : public CrashTest, public testing::WithParamInterface<int> {};

TEST_P(RandomKillTest, Exact_WithEightWorkers) {
  std::mt19937 chance(static_cast<unsigned>(GetParam()));
  const auto between = [&](long low, long high) {
    return std::uniform_int_distribution<long>(low, high)(chance);
  };
  // Half of them record until the last kill is over, the others end somewhere in between.
  std::vector<std::unique_ptr<Child>> workers;
  for (int i = 0; i < 8; ++i) {
    workers.push_back(i % 2 == 0 ? StartWorker(0, "told")
                                 : StartWorker(static_cast<int>(between(50, 400)), "exit"));
  }
  for (int i = 0; i < 4; ++i) {
    auto agent = StartAgent();
    SleepMs(between(5, 130));
    agent->Kill();
    SleepMs(between(0, 30));
  }
  auto agent = StartAgent();
  for (size_t i = 0; i < workers.size(); i += 2) {
    EXPECT_FALSE(workers[i]->Ended());
    workers[i]->Signal(SIGTERM);
  }
  for (auto& worker : workers) {
    ASSERT_TRUE(WaitFor([&] { return worker->Ended(); }));
  }
  Finish(std::move(agent));
  ExpectExact();
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomKillTest,
                         testing::Range(0, std::getenv("RINGSIDE_LONG") != nullptr ? 500 : 25));

}  // namespace
}  // namespace ringside::agent
