// `ringside doctor`: what is seen, what is not, why, and the mend.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "cli/access_token.h"
#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/doctor.h"
#include "cli/text_table.h"

namespace ringside::cli {
namespace {

constexpr const char* kFooter =
    "Looks as the user who runs it, with the options that agent and workers have. Changes "
    "nothing.\n"
    "Exit code 1 when something is wrong.\n"
    "\n"
    "Examples:\n"
    "  ringside doctor\n"
    "  ringside doctor --config ringside.yaml --json";

struct DoctorOptions {
  Configuration configuration;
  bool json = false;
};

int RunDoctor(DoctorOptions* options) {
  if (const proto::Status status = options->configuration.Load(); !status.ok()) {
    return Fail(status.message());
  }
  DaemonConfig& config = *options->configuration.values();
  if (config.agent.state.empty()) {
    config.agent.state = std::filesystem::path(DefaultDataDirectory()) / "agent";
  }
  Findings findings;
  ExamineRingside(config, &findings);
  ExamineKeys(config, &findings);
  ExamineMachine(config, &findings);
  const std::string text =
      options->json ? DoctorJson(findings) : DoctorText(findings, TerminalWidth(STDOUT_FILENO));
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
  // A driver that hangs would hold up the end of the process: its thread is left behind.
  std::_Exit(AnyWrong(findings) ? kExitFailed : kExitOk);
}

}  // namespace

void AddDoctor(CLI::App* app, Action* action) {
  auto options = std::make_shared<DoctorOptions>();
  CLI::App* command = app->add_subcommand(
      "doctor", "What Ringside sees on this machine, what it does not, why, and the mend");
  DaemonFlags* const flags = options->configuration.flags();
  DaemonConfig* const config = options->configuration.values();
  AddSegmentOptions(command, &config->agent, flags);
  AddAgentOptions(command, &config->agent, flags);
  AddConfigFile(command, flags);
  CLI::Option* const server =
      command
          ->add_option("--server", config->aggregator.http,
                       "The aggregator's URL (default: that of the configuration)")
          ->type_name("URL")
          ->envname("RINGSIDE_SERVER");
  flags->overrides.emplace_back(server, "aggregator.http");
  CLI::Option* const token = AddTokenOption(command, &config->aggregator.token_file);
  flags->overrides.emplace_back(token, "aggregator.token_file");
  command->add_flag("--json", options->json, "One JSON object");
  command->footer(kFooter);
  command->callback(
      [options, action] { *action = [options] { return RunDoctor(options.get()); }; });
}

}  // namespace ringside::cli
