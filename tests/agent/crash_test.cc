// Real processes, real SIGKILL: the agent dies at each step of its commit, at random, and together
// with its workers. What arrives is exactly what the workers wrote down that they recorded.
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/fail_points.h"
#include "tests/agent/agent_fixture.h"
#include "tests/agent/collector.h"

namespace ringside::agent {
namespace {

namespace fs = std::filesystem;

void SleepMs(long milliseconds) {
  const timespec pause{milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&pause, nullptr);
}

bool WaitFor(const std::function<bool()>& condition, int seconds = 30) {
  for (int i = 0; i < seconds * 100; ++i) {
    if (condition()) return true;
    SleepMs(10);
  }
  return condition();
}

class Child {
 public:
  Child(std::vector<std::string> arguments, std::vector<std::string> environment) {
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::vector<char*> envp;
    for (std::string& entry : environment) envp.push_back(entry.data());
    envp.push_back(nullptr);
    // Blocked until the child has its handler: a SIGTERM that comes early must not kill it.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    posix_spawnattr_setsigmask(&attributes, &blocked);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    const int error = posix_spawn(&pid_, argv[0], nullptr, &attributes, argv.data(), envp.data());
    posix_spawnattr_destroy(&attributes);
    if (error != 0) std::abort();
  }
  ~Child() { Kill(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool Ended() {
    if (pid_ > 0 && waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
    return pid_ < 0;
  }
  bool WasKilled() { return Ended() && WIFSIGNALED(status_) && WTERMSIG(status_) == SIGKILL; }
  int ExitCode() const { return WIFEXITED(status_) ? WEXITSTATUS(status_) : -1; }
  void Signal(int number) const {
    if (pid_ > 0) kill(pid_, number);
  }
  void Kill() {
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, &status_, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
  int status_ = 0;
};

class CrashTest : public testing::Test {
 protected:
  CrashTest()
      : segments_("/dev/shm"), work_("/tmp"), collector_("ipc://" + work_.path() + "/wire") {
    collector_.Start();
  }

  std::unique_ptr<Child> StartAgent(const std::string& fail_point = "") {
    std::vector<std::string> environment;
    if (!fail_point.empty()) environment.push_back("RINGSIDE_FAIL_POINT=" + fail_point);
    return std::make_unique<Child>(
        std::vector<std::string>{RINGSIDE_AGENT_RUNNER, segments_.path(), work_.path() + "/state",
                                 "ipc://" + work_.path() + "/wire", "40", "65536"},
        std::move(environment));
  }
  std::unique_ptr<Child> StartWorker(int milliseconds, const std::string& end) {
    oracles_.push_back(work_.path() + "/oracle" + std::to_string(oracles_.size()));
    return std::make_unique<Child>(
        std::vector<std::string>{RINGSIDE_CRASH_WORKER, std::to_string(milliseconds),
                                 oracles_.back(), end},
        std::vector<std::string>{"RINGSIDE_DIR=" + segments_.path()});
  }
  bool HasSegments() const {
    for (const auto& entry : fs::directory_iterator(segments_.path())) {
      if (entry.path().extension() == ".seg") return true;
    }
    return false;
  }
  void Finish(std::unique_ptr<Child> agent) {
    ASSERT_TRUE(WaitFor([&] { return !HasSegments(); })) << "dead producers are removed";
    agent->Signal(SIGTERM);
    ASSERT_TRUE(WaitFor([&] { return agent->Ended(); }));
    EXPECT_EQ(agent->ExitCode(), 0) << "everything is acknowledged";
  }

  struct Totals {
    uint64_t count = 0;
    uint64_t sum = 0;
    uint64_t min = ~uint64_t{0};
    uint64_t max = 0;
  };
  Totals Expected() const {
    Totals totals;
    for (const std::string& path : oracles_) {
      Totals one;
      std::ifstream(path) >> one.count >> one.sum >> one.min >> one.max;
      EXPECT_GT(one.count, 0u) << path;
      totals.count += one.count;
      totals.sum += one.sum;
      totals.min = std::min(totals.min, one.min);
      totals.max = std::max(totals.max, one.max);
    }
    return totals;
  }
  proto::Distribution Delivered(const std::string& path) const {
    proto::Distribution total;
    for (const proto::Batch& batch : collector_.Batches()) {
      for (const auto& producer : batch.producers) {
        for (const auto& series : producer.series) {
          if (series.key.path == path) total.Merge(series.delta);
        }
      }
    }
    return total;
  }
  void ExpectExact() {
    const Totals expected = Expected();
    const proto::Distribution delivered = Delivered("decode");
    EXPECT_EQ(delivered.Count(), expected.count);
    EXPECT_EQ(static_cast<uint64_t>(delivered.sum), expected.sum);
    EXPECT_EQ(static_cast<uint64_t>(delivered.min), expected.min);
    EXPECT_EQ(static_cast<uint64_t>(delivered.max), expected.max);
    EXPECT_EQ(collector_.changed(), 0) << "a batch once sent never changes";
    std::map<uint64_t, std::set<uint64_t>> sequences;
    std::map<proto::Uuid, proto::ProducerTotals> totals;
    std::map<proto::Uuid, uint64_t> counts;
    for (const proto::Batch& batch : collector_.Batches()) {
      sequences[batch.id.epoch].insert(batch.id.sequence);
      for (const auto& producer : batch.producers) {
        if (producer.is_agent) continue;
        EXPECT_TRUE(producer.quarantine.empty()) << producer.quarantine;
        totals[producer.uuid].recorded =
            std::max(totals[producer.uuid].recorded, producer.totals.recorded);
        for (const auto& series : producer.series) counts[producer.uuid] += series.delta.Count();
      }
    }
    for (const auto& [epoch, seen] : sequences) {
      EXPECT_EQ(*seen.begin(), 1u);
      EXPECT_EQ(*seen.rbegin(), seen.size()) << "no gap";
    }
    for (const auto& [uuid, total] : totals) {
      EXPECT_EQ(total.recorded, counts[uuid]) << "the ledger balances";
    }
  }

  TempDirectory segments_;
  TempDirectory work_;
  Collector collector_;
  std::vector<std::string> oracles_;
};

class CrashAtTest : public CrashTest, public testing::WithParamInterface<const char*> {};

TEST_P(CrashAtTest, Exact_AfterADeathAtThisStep) {
  const std::string name = GetParam();
  // Steps of every interval are met in full flight; the others come once.
  const bool is_periodic = name.rfind("commit.", 0) == 0 || name.rfind("close.", 0) == 0 ||
                           name == "spool.partial" || name == "spool.appended";
  auto agent = StartAgent(name + (is_periodic ? ":6" : ""));
  auto worker = StartWorker(600, "exit");
  auto victim = StartWorker(300, "hang");
  ASSERT_TRUE(WaitFor([&] { return fs::exists(oracles_[1]); }));
  SleepMs(100);
  victim->Kill();
  ASSERT_TRUE(WaitFor([&] { return agent->Ended(); })) << "the step was never met";
  EXPECT_TRUE(agent->WasKilled());
  agent = StartAgent();
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

TEST_F(CrashTest, Exact_WhenTheAgentIsKilledAtRandom) {
  auto worker = StartWorker(2500, "exit");
  auto other = StartWorker(1500, "exit");
  unsigned state = 7;
  std::unique_ptr<Child> agent;
  for (int i = 0; i < 12; ++i) {
    agent = StartAgent();
    state = state * 1103515245 + 12345;
    SleepMs(60 + (state >> 16) % 200);
    agent->Kill();
  }
  agent = StartAgent();
  ASSERT_TRUE(WaitFor([&] { return worker->Ended() && other->Ended(); }));
  Finish(std::move(agent));
  ExpectExact();
}

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

}  // namespace
}  // namespace ringside::agent
