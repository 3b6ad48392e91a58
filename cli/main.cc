// The entry point: splits off the command of `ringside run -- COMMAND`, parses, runs one command.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/command.h"
#include "proto/version.h"

namespace ringside::cli {
namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  ringside run -- ./worker --its options     one command, watched from start to end\n"
    "  ringside up                                agent and aggregator on this machine\n"
    "  ringside query                             what all workers do, last 10 minutes\n"
    "  ringside query transcribe --by model       one operation, compared by model\n"
    "  ringside report --requests 20              where the time of the last requests went\n"
    "  ringside inflight                          what every worker is doing now\n"
    "  ringside hosts                             who reports, who is late or missing\n"
    "  ringside shm 4711                          what a worker does now, or did when it died\n"
    "  ringside keygen agent.key                  a key, for hosts that connect over a network\n"
    "  ringside doctor                            what is seen, what is not, and the mend\n"
    "\n"
    "Exit codes: 0 ok, 1 failed, 2 the command line was wrong (run: those of COMMAND).\n"
    "RINGSIDE_SERVER names the server that query, report, inflight, hosts and ledger ask.";

// CLI11 says which rule was broken; people want to know which of their words did it.
std::string Explain(const CLI::App& app, const CLI::Error& error) {
  const int code = error.get_exit_code();
  const auto commands = app.get_subcommands();
  const bool missing_command =
      code == static_cast<int>(CLI::ExitCodes::RequiredError) && commands.empty();
  const std::vector<std::string> extras = app.remaining(true);
  std::string text;
  if (!extras.empty() &&
      (missing_command || code == static_cast<int>(CLI::ExitCodes::ExtrasError))) {
    const std::string& extra = extras.front();
    const char* kind = missing_command ? "command " : "argument ";
    text = "unknown " + ((extra.starts_with("-") ? "option " : kind) + extra);
  } else {
    text = missing_command ? "no command given" : error.what();
  }
  return text + " (see ringside" + (commands.empty() ? "" : " " + commands.front()->get_name()) +
         " --help)";
}

int Main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  std::vector<std::string> command;
  const auto separator = std::find(arguments.begin(), arguments.end(), "--");
  if (!arguments.empty() && arguments.front() == "run" && separator != arguments.end()) {
    command.assign(separator + 1, arguments.end());
    arguments.erase(separator, arguments.end());
  }

  CLI::App app{"Ringside shows where the time, memory and GPU of worker processes go."};
  app.name("ringside");
  app.set_version_flag("--version", std::string("ringside ") + proto::kVersion);
  app.footer(kFooter);
  app.require_subcommand(1);
  Action action;
  AddRun(&app, command, &action);
  AddUp(&app, &action);
  AddAgent(&app, &action);
  AddAggregator(&app, &action);
  AddQuery(&app, &action);
  AddReport(&app, &action);
  AddInFlight(&app, &action);
  AddHosts(&app, &action);
  AddLedger(&app, &action);
  AddArchive(&app, &action);
  AddShm(&app, &action);
  AddKeygen(&app, &action);
  AddDoctor(&app, &action);
  try {
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    app.parse(arguments);
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    PrintError(Explain(app, error));
    return kExitUsage;
  }
  return action();
}

}  // namespace
}  // namespace ringside::cli

int main(int argc, char** argv) {
  try {
    return ringside::cli::Main(argc, argv);
  } catch (const std::exception& error) {
    return ringside::cli::Fail(error.what());
  }
}
