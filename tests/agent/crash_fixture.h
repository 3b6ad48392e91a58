// Real processes for tests that kill the agent: runners of it, workers with the real probe, and
// what those wrote down that they recorded.
#ifndef RINGSIDE_TESTS_AGENT_CRASH_FIXTURE_H_
#define RINGSIDE_TESTS_AGENT_CRASH_FIXTURE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "tests/agent/agent_fixture.h"
#include "tests/agent/collector.h"

namespace ringside::agent {

void SleepMs(long milliseconds);
bool WaitFor(const std::function<bool()>& condition, int seconds = 30);

class Child {
 public:
  Child(std::vector<std::string> arguments, std::vector<std::string> environment);
  ~Child() { Kill(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool Ended();
  bool WasKilled();
  int ExitCode() const;
  void Signal(int number) const;
  void Kill();

 private:
  pid_t pid_ = -1;
  int status_ = 0;
};

class CrashTest : public testing::Test {
 protected:
  CrashTest();

  // `state`: of the state directories; two agents need two.
  std::unique_ptr<Child> StartAgent(const std::string& fail_point = "",
                                    const std::string& state = "state");
  std::unique_ptr<Child> StartWorker(int milliseconds, const std::string& end);
  bool HasSegments() const;
  // Waits until dead producers are removed, stops the agent in order, expects all acknowledged.
  void Finish(std::unique_ptr<Child> agent);

  struct Totals {
    uint64_t count = 0;
    uint64_t sum = 0;
    uint64_t min = ~uint64_t{0};
    uint64_t max = 0;
  };
  Totals Expected() const;
  proto::Distribution Delivered(const std::string& path) const;
  // What arrived is what the workers recorded, and every batch came once and in order.
  void ExpectExact();

  TempDirectory segments_;
  TempDirectory work_;
  Collector collector_;
  std::vector<std::string> oracles_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_TESTS_AGENT_CRASH_FIXTURE_H_
