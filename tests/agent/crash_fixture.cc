#include "tests/agent/crash_fixture.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace ringside::agent {
namespace {

namespace fs = std::filesystem;

}  // namespace

void SleepMs(long milliseconds) {
  const timespec pause{milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&pause, nullptr);
}

bool WaitFor(const std::function<bool()>& condition, int seconds) {
  for (int i = 0; i < seconds * 100; ++i) {
    if (condition()) return true;
    SleepMs(10);
  }
  return condition();
}

Child::Child(std::vector<std::string> arguments, std::vector<std::string> environment) {
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

bool Child::Ended() {
  if (pid_ > 0 && waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
  return pid_ < 0;
}

bool Child::WasKilled() { return Ended() && WIFSIGNALED(status_) && WTERMSIG(status_) == SIGKILL; }

int Child::ExitCode() const { return WIFEXITED(status_) ? WEXITSTATUS(status_) : -1; }

void Child::Signal(int number) const {
  if (pid_ > 0) kill(pid_, number);
}

void Child::Kill() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, &status_, 0);
  pid_ = -1;
}

CrashTest::CrashTest()
    : segments_("/dev/shm"), work_("/tmp"), collector_("ipc://" + work_.path() + "/wire") {
  collector_.Start();
}

std::unique_ptr<Child> CrashTest::StartAgent(const std::string& fail_point,
                                             const std::string& state) {
  std::vector<std::string> environment;
  if (!fail_point.empty()) environment.push_back("RINGSIDE_FAIL_POINT=" + fail_point);
  return std::make_unique<Child>(
      std::vector<std::string>{RINGSIDE_AGENT_RUNNER, segments_.path(), work_.path() + "/" + state,
                               "ipc://" + work_.path() + "/wire", "40", "65536"},
      std::move(environment));
}

std::unique_ptr<Child> CrashTest::StartWorker(int milliseconds, const std::string& end) {
  oracles_.push_back(work_.path() + "/oracle" + std::to_string(oracles_.size()));
  return std::make_unique<Child>(
      std::vector<std::string>{RINGSIDE_CRASH_WORKER, std::to_string(milliseconds), oracles_.back(),
                               end},
      std::vector<std::string>{"RINGSIDE_DIR=" + segments_.path()});
}

bool CrashTest::HasSegments() const {
  for (const auto& entry : fs::directory_iterator(segments_.path())) {
    if (entry.path().extension() == ".seg") return true;
  }
  return false;
}

void CrashTest::Finish(std::unique_ptr<Child> agent) {
  ASSERT_TRUE(WaitFor([&] { return !HasSegments(); })) << "dead producers are removed";
  agent->Signal(SIGTERM);
  ASSERT_TRUE(WaitFor([&] { return agent->Ended(); }, 90));
  EXPECT_EQ(agent->ExitCode(), 0) << "everything is acknowledged";
}

CrashTest::Totals CrashTest::Expected() const {
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

proto::Distribution CrashTest::Delivered(const std::string& path) const {
  proto::Distribution total;
  for (const proto::Batch& batch : collector_.Batches()) {
    for (const auto& producer : batch.producers) {
      for (const auto& series : producer.series) {
        if (series.key->path == path) total.Merge(series.delta);
      }
    }
  }
  return total;
}

void CrashTest::ExpectExact() {
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
  std::map<proto::Uuid, uint64_t> rows;
  for (const proto::Batch& batch : collector_.Batches()) {
    sequences[batch.id.epoch].insert(batch.id.sequence);
    for (const auto& producer : batch.producers) {
      if (producer.is_agent) continue;
      EXPECT_TRUE(producer.quarantine.empty()) << producer.quarantine;
      if (producer.is_final) totals[producer.uuid] = producer.totals;
      rows[producer.uuid] += producer.requests.size() + producer.timings.size();
      for (const auto& series : producer.series) counts[producer.uuid] += series.delta.Count();
    }
  }
  for (const auto& [epoch, seen] : sequences) {
    EXPECT_EQ(*seen.begin(), 1u);
    EXPECT_EQ(*seen.rbegin(), seen.size()) << "no gap";
  }
  // All of them have ended: nothing is in their rings any more.
  EXPECT_EQ(totals.size(), counts.size());
  for (const auto& [uuid, total] : totals) {
    EXPECT_EQ(total.recorded, counts[uuid]) << "the ledger balances";
    EXPECT_EQ(total.detail_sent, rows[uuid]);
    const uint64_t dropped =
        std::accumulate(total.dropped.begin(), total.dropped.end(), uint64_t{0});
    EXPECT_EQ(total.detail_written, total.detail_sent + dropped) << "so does that of the detail";
  }
}

}  // namespace ringside::agent
