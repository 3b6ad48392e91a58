// `ringside query`: statistics of operations, values and machine samples.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "cli/answer_options.h"
#include "cli/command.h"
#include "cli/query_text.h"
#include "cli/question.h"
#include "cli/text_table.h"

namespace ringside::cli {
namespace {

constexpr const char* kFooter =
    "Statistics: count, ok, errors, aborted, rate, sum, mean, min, max, last, error_rate and any\n"
    "quantile (p50, p99, p99.9). Labels: those of the series, and host, service, instance, "
    "outcome,\n"
    "error_type, kind.\n"
    "\n"
    "Examples:\n"
    "  ringside query                                    all operations, last 10 minutes\n"
    "  ringside query decode --by model,host --last 1h   one operation, compared\n"
    "  ringside query --where outcome=error --stat count --by error_type --sort count\n"
    "  ringside query process.rss --by pid --stat max,last --sort max --limit 5\n"
    "  ringside query transcribe --archive ~/.local/state/ringside --from 2024-05-31 --json";

struct QueryOptions {
  AnswerOptions answer;
  std::vector<std::string> stats;
  std::string sort;
  std::string limit;
};

int RunQuery(const QueryOptions& options, const aggregator::Parameters& parameters) {
  const auto answer = Ask(Question::kQuery, parameters, options.answer.source);
  if (!answer.ok()) {
    return Fail(answer.message());
  }
  const std::string text = options.answer.json ? answer->dump() + "\n"
                                               : QueryText(*answer, TerminalWidth(STDOUT_FILENO));
  std::fputs(text.c_str(), stdout);
  return kExitOk;
}

}  // namespace

void AddQuery(CLI::App* app, Action* action) {
  auto options = std::make_shared<QueryOptions>();
  CLI::App* command = app->add_subcommand(
      "query", "Counts, rates, percentiles and errors of operations, values and machine samples");
  AddAnswerOptions(command, &options->answer);
  command
      ->add_option("--stat", options->stats,
                   "Statistics (default " + std::string(aggregator::kDefaultStats) + ")")
      ->type_name("STAT,...")
      ->allow_extra_args(false);
  command->add_option("--sort", options->sort, "Largest of this statistic first (STAT:asc: last)")
      ->type_name("STAT");
  command->add_option("--limit", options->limit, "At most so many rows")->type_name("N");
  command->footer(kFooter);
  command->callback([options, action] {
    aggregator::Parameters parameters = ToParameters(options->answer);
    const auto add = [&](const char* name, const std::string& value) {
      if (!value.empty()) {
        parameters.emplace_back(name, value);
      }
    };
    for (const std::string& stat : options->stats) {
      parameters.emplace_back("stat", stat);
    }
    add("sort", options->sort);
    add("limit", options->limit);
    RequireGoodParameters(Question::kQuery, parameters);
    *action = [options, parameters] { return RunQuery(*options, parameters); };
  });
}

}  // namespace ringside::cli
