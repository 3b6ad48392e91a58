// A real agent process for tests that kill it: DIRECTORY STATE ENDPOINT INTERVAL_MS SPOOL_LIMIT.
// SIGTERM: an orderly stop; exit 0 if everything was acknowledged.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <signal.h>

#include "agent/agent.h"

namespace {

std::atomic<bool> stop{false};

void OnTerminate(int) { stop.store(true, std::memory_order_relaxed); }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  signal(SIGTERM, OnTerminate);
  sigset_t terminate;
  sigemptyset(&terminate);
  sigaddset(&terminate, SIGTERM);
  sigprocmask(SIG_UNBLOCK, &terminate, nullptr);  // the test keeps it back until here
  ringside::agent::AgentConfig config;
  config.directory = argv[1];
  config.state_dir = argv[2];
  config.aggregator = argv[3];
  config.interval = std::chrono::milliseconds(std::strtol(argv[4], nullptr, 10));
  config.spool_limit_bytes = std::strtoull(argv[5], nullptr, 10);
  config.host = "test";
  config.samplers.EnableAll(false);
  auto agent = ringside::agent::Agent::Start(config);
  if (!agent) {
    std::fprintf(stderr, "%s\n", agent.message().c_str());
    return 1;
  }
  (*agent)->Run(stop);
  return (*agent)->FlushAndStop(std::chrono::minutes(1)) ? 0 : 3;
}
