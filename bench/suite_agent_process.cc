// Suite agent, second part: the agent as a process of its own, with everything that it does.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/agent.h"
#include "bench/benchmark.h"
#include "bench/fleet.h"
#include "proto/tick_clock.h"

namespace ringside::bench {
namespace {

using proto::Result;
using proto::Status;

// `ringside agent` on a fleet's directory; its aggregator is not there, as in an outage.
class AgentProcess {
 public:
  AgentProcess(const std::string& ringside, const Fleet& fleet) {
    child_ = fork();
    if (child_ != 0) return;
    const int null = open("/dev/null", O_RDWR);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    const std::string state = fleet.state();
    execl(ringside.c_str(), ringside.c_str(), "agent", "--dir", fleet.segments().c_str(), "--state",
          state.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  ~AgentProcess() {
    if (child_ <= 0) return;
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  AgentProcess(const AgentProcess&) = delete;
  AgentProcess& operator=(const AgentProcess&) = delete;

  // All its threads'; 0 when it is gone.
  uint64_t CpuNs() const {
    clockid_t clock{};
    timespec used{};
    if (clock_getcpuclockid(child_, &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
    return static_cast<uint64_t>(used.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(used.tv_nsec);
  }
  // Memory of its own, without the segments that it maps. 0 when it is gone.
  double RssAnonBytes() const {
    std::ifstream status("/proc/" + std::to_string(child_) + "/status");
    for (std::string line; std::getline(status, line);) {
      double kib = 0;
      if (std::sscanf(line.c_str(), "RssAnon: %lf", &kib) == 1) return kib * 1024;
    }
    return 0;
  }

 private:
  pid_t child_ = -1;
};

Result<Figure> MeasureIdleCpu(const Context& context) {
  FleetShape shape;
  shape.processes = 64;
  shape.threads = 4;
  shape.series = 50;
  const Result<std::unique_ptr<Fleet>> fleet = Fleet::Start(shape);
  if (!fleet) return fleet.status();
  const AgentProcess agent(context.ringside, **fleet);
  std::this_thread::sleep_for(std::chrono::seconds(4));  // it meets them all
  const uint64_t cpu = agent.CpuNs();
  const uint64_t start = proto::MonotonicNs();
  std::this_thread::sleep_for(std::chrono::seconds(context.quick ? 10 : 30));
  const auto used = static_cast<double>(agent.CpuNs() - cpu);
  if (cpu == 0 || used <= 0) return Status::Error("the agent is gone");
  return Figure{100 * used / static_cast<double>(proto::MonotonicNs() - start), 0.3};
}

Result<Figure> MeasureRss(const Context& context) {
  FleetShape shape;
  shape.processes = 64;
  shape.threads = 4;
  shape.series = 50;
  shape.rate = 500;
  const Result<std::unique_ptr<Fleet>> fleet = Fleet::Start(shape);
  if (!fleet) return fleet.status();
  const AgentProcess agent(context.ringside, **fleet);
  std::this_thread::sleep_for(std::chrono::seconds(context.quick ? 8 : 20));
  const double bytes = agent.RssAnonBytes();
  if (bytes == 0) return Status::Error("the agent is gone");
  return Figure{bytes, 32.0 * (1 << 20)};
}

// Until the agent has met all segments and committed what they hold.
Result<Figure> MeasureStart(const Context&) {
  FleetShape shape;
  shape.processes = 1000;
  shape.series = 5;
  shape.rate = -1;
  const Result<std::unique_ptr<Fleet>> fleet = Fleet::Start(shape);
  if (!fleet) return fleet.status();
  agent::AgentConfig config;
  config.directory = (*fleet)->segments();
  config.state_dir = (*fleet)->state();
  // Not at the next whole second, but as soon as they are met.
  config.interval = std::chrono::milliseconds(1);
  const uint64_t start = proto::MonotonicNs();
  Result<std::unique_ptr<agent::Agent>> agent = agent::Agent::Start(config);
  if (!agent) return agent.status();
  while ((*agent)->counters().intervals == 0) {
    (*agent)->DoWork(proto::MonotonicNs(), proto::UnixNs());
  }
  const double seconds = static_cast<double>(proto::MonotonicNs() - start) / 1e9;
  if ((*agent)->counters().producers < 1000) return Status::Error("not all segments were met");
  return Figure{seconds, 2};
}

}  // namespace

void AddAgentProcess(std::vector<Benchmark>* benchmarks) {
  benchmarks->push_back({"agent.idle_cpu", "agent", "%", "0.3 % of a core", MeasureIdleCpu});
  benchmarks->push_back({"agent.rss", "agent", "B", "32 MiB", MeasureRss});
  benchmarks->push_back({"agent.start", "agent", "s", "2 s", MeasureStart});
}

}  // namespace ringside::bench
