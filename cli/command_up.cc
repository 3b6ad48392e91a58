// `ringside up`: agent and aggregator in one process, the embedded default.
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <signal.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/daemon_options.h"
#include "cli/running_file.h"
#include "cli/services.h"
#include "cli/stop_signals.h"

namespace ringside::cli {
namespace {

// At the end, until its aggregator, which is in this process, has everything.
constexpr std::chrono::seconds kStopPatience{15};

constexpr const char* kFooter =
    "Runs until SIGINT or SIGTERM; what was recorded until then is merged first.\n"
    "\n"
    "Examples:\n"
    "  ringside up                                  defaults: page on http://127.0.0.1:7751\n"
    "  ringside up --data /srv/ringside --rules rules.yaml\n"
    "  ringside up --listen ipc:///run/ringside/wire.sock --http 127.0.0.1:0";

// Where all addresses are listened on, loopback is one of them.
std::string FromHere(const std::string& endpoint) {
  for (const std::string_view any : {"tcp://0.0.0.0:", "tcp://[::]:", "tcp://*:"}) {
    if (endpoint.starts_with(any)) return "tcp://127.0.0.1:" + endpoint.substr(any.size());
  }
  return endpoint;
}

int RunUp(Configuration* configuration) {
  if (configuration->flags()->check) return configuration->Check(true, true);
  if (const proto::Status status = configuration->Load(); !status.ok()) {
    return Fail(status.message());
  }
  DaemonConfig& options = *configuration->values();
  if (options.aggregator.data.empty()) options.aggregator.data = DefaultDataDirectory();
  if (options.agent.state.empty()) {
    options.agent.state = std::filesystem::path(options.aggregator.data) / "agent";
  }
  StopSignals signals(configuration->Signals());
  StartLog(false);
  RunningFile running;
  if (const proto::Status status = running.Claim(options.aggregator.data); !status.ok()) {
    return Fail(status.message());
  }
  if (const proto::Status status = ProvideToken(&options.aggregator); !status.ok()) {
    return Fail(status.message());
  }
  AggregatorService aggregator;
  if (const proto::Status status = aggregator.Start(options.aggregator); !status.ok()) {
    return Fail(status.message());
  }
  AgentOptions agent_options = options.agent;
  agent_options.aggregator = FromHere(aggregator.endpoint());
  if (!options.aggregator.key.empty() && agent_options.aggregator_key.empty()) {
    agent_options.aggregator_key = options.aggregator.key + ".pub";
  }
  AgentService agent;
  if (const proto::Status status = agent.Start(agent_options); !status.ok()) {
    return Fail(status.message());
  }
  if (const proto::Status status = running.Announce(aggregator.http_url()); !status.ok()) {
    return Fail(status.message());
  }
  std::printf("ringside up: pid %d, %s, data %s, segments %s, token %s\n",
              static_cast<int>(getpid()), aggregator.http_url().c_str(),
              options.aggregator.data.c_str(), agent.directory().c_str(),
              options.aggregator.token_file.c_str());
  std::fflush(stdout);
  const int exit_code = WaitForStop(&signals, &agent, &aggregator,
                                    [&] { configuration->Reload(&agent, &aggregator); });
  agent.Stop(kStopPatience);
  aggregator.Stop();
  return exit_code;
}

}  // namespace

void AddUp(CLI::App* app, Action* action) {
  auto configuration = std::make_shared<Configuration>();
  CLI::App* command =
      app->add_subcommand("up", "Agent and aggregator on this machine, in one process");
  DaemonConfig* const options = configuration->values();
  AddSegmentOptions(command, &options->agent, configuration->flags());
  AddAggregatorOptions(command, &options->aggregator, configuration->flags());
  AddConfigOptions(command, configuration->flags());
  command->footer(kFooter);
  command->callback([configuration, action] {
    *action = [configuration] { return RunUp(configuration.get()); };
  });
}

}  // namespace ringside::cli
