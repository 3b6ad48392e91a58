// `ringside hosts`: who reports, and how it is with them.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "cli/access_token.h"
#include "cli/answer_options.h"
#include "cli/command.h"
#include "cli/hosts_text.h"
#include "cli/question.h"
#include "cli/text_table.h"

namespace ringside::cli {
namespace {

constexpr const char* kFooter =
    "ok: reports. late: its newest interval is older than 10 s. missing: not heard of for\n"
    "aggregator.missing_after (30 s).\n"
    "refused: what it sent last was refused, with the reason. clock: how far the host's is ahead.\n"
    "\n"
    "Examples:\n"
    "  ringside hosts --sort state            the worst first\n"
    "  ringside hosts --where state=missing --json\n"
    "  ringside hosts --sort clock_offset --limit 5";

struct HostsOptions {
  std::vector<std::string> where;
  std::string sort;
  std::string limit;
  std::string server;
  std::string token_file;
  bool json = false;
};

aggregator::Parameters ParametersOf(const HostsOptions& options) {
  aggregator::Parameters parameters;
  for (const std::string& where : options.where) parameters.emplace_back("where", where);
  if (!options.sort.empty()) parameters.emplace_back("sort", options.sort);
  if (!options.limit.empty()) parameters.emplace_back("limit", options.limit);
  return parameters;
}

int RunHosts(const HostsOptions& options, const aggregator::Parameters& parameters) {
  const auto answer = Ask(Question::kHosts, parameters, {options.server, options.token_file, ""});
  if (!answer.ok()) return Fail(answer.message());
  const std::string text =
      options.json ? answer->dump() + "\n" : HostsText(*answer, TerminalWidth(STDOUT_FILENO));
  std::fputs(text.c_str(), stdout);
  return kExitOk;
}

}  // namespace

void AddHosts(CLI::App* app, Action* action) {
  auto options = std::make_shared<HostsOptions>();
  CLI::App* command =
      app->add_subcommand("hosts", "Who reports, who is late, missing or refused; clocks, losses");
  command
      ->add_option("--where", options->where,
                   "Only with this: k=v or k!=v (host, agent, state, software_version, "
                   "wire_version); may be repeated")
      ->type_name("K=V")
      ->allow_extra_args(false);
  command
      ->add_option("--sort", options->sort,
                   "Largest of this first (FIELD:asc: last): state, seen_ago, first_seen_ago, lag, "
                   "clock_offset, producers, lost, spool_bytes, backlog_batches, missing_batches")
      ->type_name("FIELD");
  command->add_option("--limit", options->limit, "At most so many rows")->type_name("N");
  command
      ->add_option("--server", options->server,
                   "Aggregator to ask (default: $RINGSIDE_SERVER, else http://127.0.0.1:7751)")
      ->type_name("URL");
  AddTokenOption(command, &options->token_file);
  command->add_flag("--json", options->json, "Print the answer as JSON");
  command->footer(kFooter);
  command->callback([options, action] {
    const aggregator::Parameters parameters = ParametersOf(*options);
    RequireGoodParameters(Question::kHosts, parameters);
    *action = [options, parameters] { return RunHosts(*options, parameters); };
  });
}

}  // namespace ringside::cli
