// `ringside ledger`: the proof that nothing was lost or counted twice. Exit 1 when it fails.
#include <cstdio>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "cli/answer_options.h"
#include "cli/command.h"
#include "cli/ledger_text.h"
#include "cli/question.h"
#include "cli/text_table.h"

namespace ringside::cli {
namespace {

constexpr const char* kFooter =
    "Exit code 1 when something is missing or counted twice.\n"
    "\n"
    "Examples:\n"
    "  ringside ledger\n"
    "  ringside ledger --json\n"
    "  ringside ledger --archive ~/.local/state/ringside";

struct LedgerOptions {
  AnswerSource source;
  bool json = false;
};

int RunLedger(const LedgerOptions& options) {
  const auto ledger = Ask(Question::kLedger, {}, options.source);
  if (!ledger.ok()) {
    return Fail(ledger.message());
  }
  const std::string text =
      options.json ? ledger->dump() + "\n" : LedgerText(*ledger, TerminalWidth(STDOUT_FILENO));
  std::fputs(text.c_str(), stdout);
  return ledger->value("balanced", false) ? kExitOk : kExitFailed;
}

}  // namespace

void AddLedger(CLI::App* app, Action* action) {
  auto options = std::make_shared<LedgerOptions>();
  CLI::App* command = app->add_subcommand(
      "ledger", "What was recorded, merged, lost and why, per worker: does it add up?");
  AddSourceOptions(command, &options->source, &options->json);
  command->footer(kFooter);
  command->callback([options, action] { *action = [options] { return RunLedger(*options); }; });
}

}  // namespace ringside::cli
