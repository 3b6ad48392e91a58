// `ringside run -- COMMAND`: a private stack around one command.
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <signal.h>
#include <unistd.h>

#include "aggregator/utc_time.h"
#include "cli/child_process.h"
#include "cli/command.h"
#include "cli/live_line.h"
#include "cli/private_stack.h"
#include "cli/question.h"
#include "cli/report_text.h"
#include "cli/stop_signals.h"
#include "cli/text_table.h"

namespace ringside::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr const char* kFooter =
    "Input, output, signals and exit code are those of COMMAND (127: not found, 126: not\n"
    "executable); the live line and the report go to stderr. Nothing is left behind.\n"
    "\n"
    "Examples:\n"
    "  ringside run -- ./worker --its options\n"
    "  ringside run --keep ./run-1 -- sh -c './worker a & ./worker b & wait'\n"
    "  ringside query --archive ./run-1 --by instance --last 1h";

constexpr milliseconds kLiveInterval{1000};

// The work of one run, from the start of the stack to the report.
class Run {
 public:
  Run(std::string keep, std::vector<std::string> command)
      : keep_(std::move(keep)), command_(std::move(command)) {}

  int Execute() {
    StopSignals signals({SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD});
    StartLog(true);
    start_unix_ns_ = aggregator::SystemUnixNs();
    if (const proto::Status status = stack_.Start(keep_); !status.ok()) {
      return Fail(status.message());
    }
    const int error =
        child_.Start(command_, {{"RINGSIDE_DIR", stack_.segments()}}, signals.original_mask());
    if (error != 0) {
      PrintError(command_.front() + ": " + std::strerror(error));
      return error == ENOENT ? kExitNotFound : kExitNotExecutable;
    }
    const int exit_code = Watch(&signals);
    line_.Clear();
    stack_.StopAgent();
    if (stack_.HasSegments()) {
      PrintError("processes of the command still run: what they do from now on is not counted");
    }
    Report();
    return exit_code;
  }

 private:
  // Until the command ends: passes signals on and shows how it goes.
  int Watch(StopSignals* signals) {
    auto next_line = steady_clock::now() + kLiveInterval;
    while (true) {
      if (const auto exit_code = child_.ExitCode()) {
        return *exit_code;
      }
      const auto now = steady_clock::now();
      if (now >= next_line) {
        ShowLine();
        next_line = now + kLiveInterval;
      }
      const auto wait = std::chrono::duration_cast<milliseconds>(next_line - now);
      const auto signal = signals->Wait(std::max(wait, milliseconds(1)));
      // What a terminal sends, it sends to the whole group: the command has got it already.
      if (signal.number != 0 && signal.number != SIGCHLD && !signal.from_terminal) {
        child_.Signal(signal.number);
      }
    }
  }

  void ShowLine() {
    const auto answer =
        AskServer(Question::kQuery, {Since(), {"stat", kLiveStats}, {"by", "kind"}}, Url());
    if (!answer.ok()) {
      return;
    }
    if (const std::string text = ProgressText(*answer); !text.empty()) {
      line_.Show(text);
    }
  }

  void Report() const {
    const auto report = AskServer(Question::kReport, {Since()}, Url());
    if (!report.ok()) {
      PrintError("no report: " + report.message());
      return;
    }
    if (report->at("operations").empty()) {
      PrintError("nothing was recorded (does the command use the probe?)");
      return;
    }
    std::fputs(ReportText(*report, TerminalWidth(STDERR_FILENO)).c_str(), stderr);
    if (!keep_.empty()) {
      PrintError("kept in " + keep_ + ": ringside query --last 1h --archive " + keep_);
    }
  }

  std::pair<std::string, std::string> Since() const {
    return {"from", aggregator::FormatUtc(start_unix_ns_)};
  }
  const std::string& Url() const { return stack_.http_url(); }

  std::string keep_;
  std::vector<std::string> command_;
  uint64_t start_unix_ns_ = 0;
  PrivateStack stack_;
  ChildProcess child_;
  LiveLine line_{stderr};
};

}  // namespace

void AddRun(CLI::App* app, const std::vector<std::string>& command, Action* action) {
  auto keep = std::make_shared<std::string>();
  auto stray = std::make_shared<std::vector<std::string>>();
  CLI::App* run = app->add_subcommand("run", "A private agent and aggregator around one command");
  run->add_option("--keep", *keep, "Keep the archive in this new directory")->type_name("DIR");
  run->add_option("command", *stray, "What to run, after --")->group("");
  run->footer(kFooter);
  run->callback([keep, stray, command, action] {
    if (command.empty() || !stray->empty()) {
      std::string text = "write: ringside run --";
      for (const std::string& word : *stray) {
        text += " " + word;
      }
      throw CLI::ValidationError(text + (stray->empty() ? " COMMAND..." : ""),
                                 CLI::ExitCodes::ValidationError);
    }
    *action = [keep, command] { return Run(*keep, command).Execute(); };
  });
}

}  // namespace ringside::cli
