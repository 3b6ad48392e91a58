// `ringside report`: where the time of requests went, and how the last ones went one by one.
#include <cstdio>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "cli/answer_options.h"
#include "cli/command.h"
#include "cli/question.h"
#include "cli/report_text.h"
#include "cli/text_table.h"

namespace ringside::cli {
namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  ringside report                               the last 10 minutes\n"
    "  ringside report --requests 20                 the last 20 requests, and only these\n"
    "  ringside report transcribe --by model --last 1h\n"
    "  ringside report --archive ~/.local/state/ringside --from 2024-05-31 --json";

struct ReportOptions {
  AnswerOptions answer;
  std::string requests;
};

int RunReport(const ReportOptions& options, const aggregator::Parameters& parameters) {
  const auto report = Ask(Question::kReport, parameters, options.answer.source);
  if (!report.ok()) {
    return Fail(report.message());
  }
  const std::string text = options.answer.json ? report->dump() + "\n"
                                               : ReportText(*report, TerminalWidth(STDOUT_FILENO));
  std::fputs(text.c_str(), stdout);
  return kExitOk;
}

}  // namespace

void AddReport(CLI::App* app, Action* action) {
  auto options = std::make_shared<ReportOptions>();
  CLI::App* command = app->add_subcommand(
      "report", "Totals, shares of time per stage, the bottleneck, and the last requests");
  AddAnswerOptions(command, &options->answer);
  command->add_option("--requests", options->requests, "The last N requests, and only these")
      ->type_name("N");
  command->footer(kFooter);
  command->callback([options, action] {
    aggregator::Parameters parameters = ToParameters(options->answer);
    if (!options->requests.empty()) {
      parameters.emplace_back("requests", options->requests);
    }
    RequireGoodParameters(Question::kReport, parameters);
    *action = [options, parameters] { return RunReport(*options, parameters); };
  });
}

}  // namespace ringside::cli
