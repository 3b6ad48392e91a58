// `ringside archive`: what the archive holds, whether it is whole, and its plain lines.
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "aggregator/archive_keeper.h"
#include "aggregator/archive_summary.h"
#include "aggregator/data_directory.h"
#include "aggregator/query.h"
#include "aggregator/utc_time.h"
#include "cli/archive_cat.h"
#include "cli/archive_text.h"
#include "cli/command.h"
#include "cli/daemon_options.h"
#include "cli/text_table.h"
#include "proto/tick_clock.h"

namespace ringside::cli {
namespace {

using aggregator::Json;

constexpr const char* kFooter =
    "DIR is a data directory, or the archive in it (default: $XDG_STATE_HOME/ringside, else\n"
    "~/.local/state/ringside).\n"
    "\n"
    "Examples:\n"
    "  ringside archive ls                                  files, what they hold, their sizes\n"
    "  ringside archive verify /srv/ringside                names every damaged line; exit 1\n"
    "  ringside archive cat --kind request --from 2025-03-01 | jq .total_time_ms\n"
    "  ringside archive compact --retain requests=7d        what the aggregator does by itself";

struct ArchiveOptions {
  std::string directory;
  bool json = false;
  std::string retain;
  CatFilter filter;
  std::string from;
  std::string to;
  std::vector<std::string> kinds;
};

int List(const ArchiveOptions& options) {
  const std::string directory = aggregator::ArchiveDirectory(options.directory);
  const auto lock = aggregator::ArchiveLock::Share(directory);
  const auto entries = aggregator::ListArchive(directory);
  if (!entries.ok()) {
    return Fail(entries.message());
  }
  std::vector<ArchiveRow> rows;
  for (const aggregator::ArchiveEntry& entry : *entries) {
    rows.push_back({entry.name, aggregator::Summarize(directory, entry.name)});
  }
  const std::string text = options.json ? ArchiveJson(rows).dump() + "\n"
                                        : ArchiveTable(rows, TerminalWidth(STDOUT_FILENO));
  std::fputs(text.c_str(), stdout);
  return kExitOk;
}

int Verify(const ArchiveOptions& options) {
  Json problems = Json::array();
  const auto verdict = aggregator::VerifyArchive(
      options.directory, aggregator::DataDirectory::IsServed(options.directory),
      [&](const aggregator::ArchiveProblem& problem) {
        if (options.json) {
          problems.push_back(
              Json{{"file", problem.file}, {"line", problem.line}, {"what", problem.what}});
        } else {
          std::printf("%s\n", problem.ToString().c_str());
        }
      });
  if (!verdict.ok()) {
    return Fail(verdict.message());
  }
  std::fputs((options.json ? VerdictJson(*verdict, std::move(problems)).dump() + "\n"
                           : VerdictText(*verdict))
                 .c_str(),
             stdout);
  return verdict->problems == 0 ? kExitOk : kExitFailed;
}

int Compact(const ArchiveOptions& options) {
  std::error_code error;
  if (!std::filesystem::is_directory(options.directory + "/archive", error)) {
    return Fail("archive compact: " + options.directory +
                " is no data directory of an aggregator: it holds no \"archive\"");
  }
  aggregator::ArchivePolicy policy;
  if (const proto::Status set = policy.Set(options.retain); !set.ok()) {
    return Fail(set.message());
  }
  const auto data = aggregator::DataDirectory::Open(options.directory);
  if (!data.ok()) {
    return Fail(data.message() + "; a running aggregator compacts by itself");
  }
  Json done = Json::array();
  Json troubles = Json::array();
  aggregator::ArchiveKeeper keeper(data->archive(), policy,
                                   [&](bool is_trouble, const std::string& text) {
                                     (is_trouble ? troubles : done).push_back(text);
                                     if (is_trouble) {
                                       PrintError(text);
                                     } else if (!options.json) {
                                       std::printf("%s\n", text.c_str());
                                     }
                                   });
  while (keeper.Round(proto::UnixNs()) != 0) {
  }
  if (options.json) {
    std::printf("%s\n", Json{{"done", done}, {"problems", troubles}}.dump().c_str());
  } else if (done.empty() && troubles.empty()) {
    std::printf("nothing to do\n");
  }
  return troubles.empty() && keeper.failed() == 0 ? kExitOk : kExitFailed;
}

std::string CheckPolicy(const std::string& text) {
  aggregator::ArchivePolicy policy;
  const proto::Status set = policy.Set(text);
  return set.ok() ? policy.Check().message() : set.message();
}

std::string CheckTime(const std::string& text) {
  const auto time = aggregator::ParseUtc(text);
  return time.ok() ? std::string() : time.message();
}

void AddCat(CLI::App* app, const std::shared_ptr<ArchiveOptions>& options, Action* action) {
  CLI::App* cat = app->add_subcommand("cat", "Prints what counts as plain JSON lines");
  cat->add_option("directory", options->directory)->type_name("DIR");
  cat->add_option("--from", options->from, "What ended after this time (2024-05-31T12:00:00Z; UTC)")
      ->type_name("TIME")
      ->check(CLI::Validator(CheckTime, ""));
  cat->add_option("--to", options->to, "What ended up to this time")
      ->type_name("TIME")
      ->check(CLI::Validator(CheckTime, ""));
  cat->add_option("--kind", options->kinds,
                  "Only these lines: interval, request, timing (with their series); may be "
                  "repeated")
      ->type_name("KIND")
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"interval", "request", "timing"}));
  cat->callback([options, action] {
    *action = [options] {
      CatFilter filter;
      if (!options->from.empty()) {
        filter.from_unix_ns = *aggregator::ParseUtc(options->from);
      }
      if (!options->to.empty()) {
        filter.to_unix_ns = *aggregator::ParseUtc(options->to);
      }
      filter.kinds.insert(options->kinds.begin(), options->kinds.end());
      const proto::Status status = CatArchive(options->directory, filter, stdout);
      return status.ok() ? kExitOk : Fail(status.message());
    };
  });
}

}  // namespace

void AddArchive(CLI::App* app, Action* action) {
  auto options = std::make_shared<ArchiveOptions>();
  options->directory = DefaultDataDirectory();
  CLI::App* command = app->add_subcommand("archive", "What the archive on disk holds, as files");
  command->require_subcommand(1);
  command->footer(kFooter);
  CLI::App* list = command->add_subcommand("ls", "Files, what they hold, their sizes");
  CLI::App* verify =
      command->add_subcommand("verify", "Names every damaged or foreign line; exit 1 if any");
  CLI::App* compact = command->add_subcommand(
      "compact", "Compresses, makes coarser copies and removes what is due, without an aggregator");
  for (CLI::App* each : {list, verify, compact}) {
    each->add_option("directory", options->directory)->type_name("DIR");
    each->add_flag("--json", options->json, "Print the answer as JSON");
  }
  compact->add_option("--retain", options->retain, kRetainHelp)
      ->type_name("KIND=AGE,BYTES ...")
      ->check(CLI::Validator(CheckPolicy, ""));
  list->callback([options, action] { *action = [options] { return List(*options); }; });
  verify->callback([options, action] { *action = [options] { return Verify(*options); }; });
  compact->callback([options, action] { *action = [options] { return Compact(*options); }; });
  AddCat(command, options, action);
}

}  // namespace ringside::cli
