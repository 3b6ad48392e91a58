// `ringside up`: agent and aggregator in one process, the embedded default.
#include <cstdio>
#include <filesystem>
#include <memory>

#include <CLI/CLI.hpp>
#include <signal.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/daemon_options.h"
#include "cli/running_file.h"
#include "cli/services.h"
#include "cli/stop_signals.h"

namespace ringside::cli {
namespace {

constexpr const char* kFooter =
    "Runs until SIGINT or SIGTERM; what was recorded until then is merged first.\n"
    "\n"
    "Examples:\n"
    "  ringside up                                  defaults: page on http://127.0.0.1:7751\n"
    "  ringside up --data /srv/ringside --rules rules.yaml\n"
    "  ringside up --listen ipc:///run/ringside/wire.sock --http 127.0.0.1:0";

struct UpOptions {
  AggregatorOptions aggregator;
  AgentOptions agent;
};

int RunUp(const UpOptions& options) {
  StopSignals signals({SIGINT, SIGTERM});
  StartLog(false);
  RunningFile running;
  if (const proto::Status status = running.Claim(options.aggregator.data); !status.ok()) {
    return Fail(status.message());
  }
  AggregatorService aggregator;
  if (const proto::Status status = aggregator.Start(options.aggregator); !status.ok()) {
    return Fail(status.message());
  }
  AgentOptions agent_options = options.agent;
  agent_options.aggregator = aggregator.endpoint();
  AgentService agent;
  if (const proto::Status status = agent.Start(agent_options); !status.ok()) {
    return Fail(status.message());
  }
  if (const proto::Status status = running.Announce(aggregator.http_url()); !status.ok()) {
    return Fail(status.message());
  }
  std::printf("ringside up: pid %d, %s, data %s, segments %s\n", static_cast<int>(getpid()),
              aggregator.http_url().c_str(), options.aggregator.data.c_str(),
              agent.directory().c_str());
  std::fflush(stdout);
  const int exit_code = WaitForStop(&signals, &agent, &aggregator);
  agent.Stop();
  aggregator.Stop();
  return exit_code;
}

}  // namespace

void AddUp(CLI::App* app, Action* action) {
  auto options = std::make_shared<UpOptions>();
  CLI::App* command =
      app->add_subcommand("up", "Agent and aggregator on this machine, in one process");
  AddSegmentOptions(command, &options->agent);
  AddAggregatorOptions(command, &options->aggregator);
  command->footer(kFooter);
  command->callback([options, action] {
    if (options->aggregator.data.empty()) {
      options->aggregator.data = DefaultDataDirectory();
    }
    options->agent.state = std::filesystem::path(options->aggregator.data) / "agent";
    *action = [options] { return RunUp(*options); };
  });
}

}  // namespace ringside::cli
