// `ringside aggregator`: merges what agents send, and answers.
#include <cstdio>
#include <memory>

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

constexpr const char* kFooter =
    "Runs until SIGINT or SIGTERM. Agents keep what it has not acknowledged.\n"
    "\n"
    "Examples:\n"
    "  ringside aggregator\n"
    "  ringside aggregator --listen tcp://127.0.0.1:7750 --data /srv/ringside --rules rules.yaml";

int RunAggregator(Configuration* configuration) {
  if (configuration->flags()->check) return configuration->Check(false, true);
  if (const proto::Status status = configuration->Load(); !status.ok()) {
    return Fail(status.message());
  }
  AggregatorOptions& options = configuration->values()->aggregator;
  if (options.data.empty()) options.data = DefaultDataDirectory();
  StopSignals signals(configuration->Signals());
  StartLog(false);
  RunningFile running;
  if (const proto::Status status = running.Claim(options.data); !status.ok()) {
    return Fail(status.message());
  }
  if (const proto::Status status = ProvideToken(&options); !status.ok()) {
    return Fail(status.message());
  }
  AggregatorService aggregator;
  if (const proto::Status status = aggregator.Start(options); !status.ok()) {
    return Fail(status.message());
  }
  if (const proto::Status status = running.Announce(aggregator.http_url()); !status.ok()) {
    return Fail(status.message());
  }
  std::printf("ringside aggregator: pid %d, %s, agents connect to %s, data %s, token %s\n",
              static_cast<int>(getpid()), aggregator.http_url().c_str(),
              aggregator.endpoint().c_str(), options.data.c_str(), options.token_file.c_str());
  std::fflush(stdout);
  const int exit_code = WaitForStop(&signals, nullptr, &aggregator,
                                    [&] { configuration->Reload(nullptr, &aggregator); });
  aggregator.Stop();
  return exit_code;
}

}  // namespace

void AddAggregator(CLI::App* app, Action* action) {
  auto configuration = std::make_shared<Configuration>();
  CLI::App* command = app->add_subcommand(
      "aggregator", "Merges what the agents of all hosts send, keeps it, answers queries");
  AddAggregatorOptions(command, &configuration->values()->aggregator, configuration->flags());
  AddConfigOptions(command, configuration->flags());
  command->footer(kFooter);
  command->callback([configuration, action] {
    *action = [configuration] { return RunAggregator(configuration.get()); };
  });
}

}  // namespace ringside::cli
