// `ringside agent`: drains the workers of this host and samples the machine.
#include <cstdio>
#include <filesystem>
#include <memory>

#include <CLI/CLI.hpp>
#include <signal.h>
#include <unistd.h>

#include "cli/command.h"
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
    "  ringside agent --dir /dev/shm/ringside --state /var/lib/ringside/agent";

int RunAgent(const AgentOptions& options) {
  StopSignals signals({SIGINT, SIGTERM});
  StartLog(false);
  AgentService agent;
  if (const proto::Status status = agent.Start(options); !status.ok()) {
    return Fail(status.message());
  }
  std::printf("ringside agent: pid %d, segments %s, state %s, aggregator %s\n",
              static_cast<int>(getpid()), agent.directory().c_str(), options.state.c_str(),
              options.aggregator.c_str());
  std::fflush(stdout);
  const int exit_code = WaitForStop(&signals, &agent, nullptr);
  agent.Stop();
  return exit_code;
}

}  // namespace

void AddAgent(CLI::App* app, Action* action) {
  auto options = std::make_shared<AgentOptions>();
  CLI::App* command = app->add_subcommand(
      "agent", "Drains the workers of this host, samples the machine, sends to the aggregator");
  AddSegmentOptions(command, options.get());
  command->add_option("--aggregator", options->aggregator, "Where the aggregator listens")
      ->type_name("ENDPOINT")
      ->capture_default_str();
  command
      ->add_option("--state", options->state,
                   "What is not acknowledged yet (default: $XDG_STATE_HOME/ringside/agent, else "
                   "~/.local/state/ringside/agent)")
      ->type_name("DIR");
  command->footer(kFooter);
  command->callback([options, action] {
    if (options->state.empty()) {
      options->state = std::filesystem::path(DefaultDataDirectory()) / "agent";
    }
    *action = [options] { return RunAgent(*options); };
  });
}

}  // namespace ringside::cli
