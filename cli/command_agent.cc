// `ringside agent`: drains the workers of this host and samples the machine.
#include <cstdio>
#include <filesystem>
#include <memory>

#include <CLI/CLI.hpp>
#include <signal.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/daemon_options.h"
#include "cli/services.h"
#include "cli/stop_signals.h"

namespace ringside::cli {
namespace {

constexpr const char* kFooter =
    "Runs until SIGINT or SIGTERM. While the aggregator is away, it keeps what it could not send.\n"
    "\n"
    "Examples:\n"
    "  ringside agent\n"
    "  ringside agent --aggregator tcp://127.0.0.1:7750 --host gpu-3\n"
    "  ringside agent --dir /dev/shm/ringside --state /var/lib/ringside/agent\n"
    "  ringside agent --config ringside.yaml --check";

int RunAgent(Configuration* configuration) {
  if (configuration->flags()->check) return configuration->Check(true, false);
  if (const proto::Status status = configuration->Load(); !status.ok()) {
    return Fail(status.message());
  }
  AgentOptions& options = configuration->values()->agent;
  if (options.state.empty()) {
    options.state = std::filesystem::path(DefaultDataDirectory()) / "agent";
  }
  if (options.metrics.empty()) {
    options.metrics = kDefaultMetrics;
  }
  StopSignals signals(configuration->Signals());
  StartLog(false);
  AgentService agent;
  if (const proto::Status status = agent.Start(options); !status.ok()) {
    return Fail(status.message());
  }
  std::printf("ringside agent: pid %d, segments %s, state %s, aggregator %s\n",
              static_cast<int>(getpid()), agent.directory().c_str(), options.state.c_str(),
              options.aggregator.c_str());
  std::fflush(stdout);
  const int exit_code =
      WaitForStop(&signals, &agent, nullptr, [&] { configuration->Reload(&agent, nullptr); });
  agent.Stop();
  return exit_code;
}

}  // namespace

void AddAgent(CLI::App* app, Action* action) {
  auto configuration = std::make_shared<Configuration>();
  CLI::App* command = app->add_subcommand(
      "agent", "Drains the workers of this host, samples the machine, sends to the aggregator");
  AgentOptions* const options = &configuration->values()->agent;
  AddSegmentOptions(command, options, configuration->flags());
  AddAgentOptions(command, options, configuration->flags());
  AddConfigOptions(command, configuration->flags());
  command->footer(kFooter);
  command->callback([configuration, action] {
    *action = [configuration] { return RunAgent(configuration.get()); };
  });
}

}  // namespace ringside::cli
