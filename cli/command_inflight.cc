// `ringside inflight`: what every worker is doing now.
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "cli/access_token.h"
#include "cli/answer_options.h"
#include "cli/command.h"
#include "cli/inflight_text.h"
#include "cli/question.h"
#include "cli/text_table.h"

namespace ringside::cli {
namespace {

constexpr const char* kFooter =
    "Operations and requests that have begun and not ended, the oldest first. STUCK: older than "
    "10\n"
    "times the operation's p99 of the last hour (ringside up --stuck-factor).\n"
    "\n"
    "Examples:\n"
    "  ringside inflight                      all workers of all hosts\n"
    "  ringside inflight transcribe --watch   again and again, until Ctrl-C\n"
    "  ringside inflight --where host=gpu-3 --limit 10 --json";

constexpr const char* kDefaultLimit = "50";
constexpr std::chrono::seconds kWatchEvery{1};
constexpr const char* kClearScreen = "\033[H\033[2J";

struct InFlightOptions {
  std::string name;
  std::vector<std::string> where;
  std::string limit = kDefaultLimit;
  std::string server;
  std::string token_file;
  bool json = false;
  bool watch = false;
};

aggregator::Parameters ParametersOf(const InFlightOptions& options) {
  aggregator::Parameters parameters;
  if (!options.name.empty()) parameters.emplace_back("name", options.name);
  for (const std::string& where : options.where) parameters.emplace_back("where", where);
  parameters.emplace_back("limit", options.limit);
  return parameters;
}

int RunInFlight(const InFlightOptions& options, const aggregator::Parameters& parameters) {
  const bool is_terminal = isatty(STDOUT_FILENO) != 0;
  while (true) {
    const auto answer =
        Ask(Question::kInFlight, parameters, {options.server, options.token_file, ""});
    if (!answer.ok()) return Fail(answer.message());
    std::string text =
        options.json ? answer->dump() + "\n" : InFlightText(*answer, TerminalWidth(STDOUT_FILENO));
    if (options.watch && is_terminal && !options.json) text.insert(0, kClearScreen);
    std::fputs(text.c_str(), stdout);
    if (std::fflush(stdout) != 0 || !options.watch) return kExitOk;
    std::this_thread::sleep_for(kWatchEvery);
  }
}

}  // namespace

void AddInFlight(CLI::App* app, Action* action) {
  auto options = std::make_shared<InFlightOptions>();
  CLI::App* command = app->add_subcommand("inflight", "What every worker is doing now");
  command->add_option("name", options->name,
                      "Operation: its whole path (transcribe/decode) or its end (decode)");
  command
      ->add_option("--where", options->where,
                   "Only with this label: k=v or k!=v (host, service, pid, instance, operation, "
                   "stage, id, or an own one); may be repeated")
      ->type_name("K=V")
      ->allow_extra_args(false);
  command->add_option("--limit", options->limit, "At most so many rows")
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("--watch", options->watch, "Once a second, until it is interrupted");
  command
      ->add_option("--server", options->server,
                   "Aggregator to ask (default: $RINGSIDE_SERVER, else http://127.0.0.1:7751)")
      ->type_name("URL");
  AddTokenOption(command, &options->token_file);
  command->add_flag("--json", options->json, "Print the answer as JSON");
  command->footer(kFooter);
  command->callback([options, action] {
    const aggregator::Parameters parameters = ParametersOf(*options);
    RequireGoodParameters(Question::kInFlight, parameters);
    *action = [options, parameters] { return RunInFlight(*options, parameters); };
  });
}

}  // namespace ringside::cli
