// `ringside shm`: what the workers' segments hold, read without an agent, also after a crash.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <unistd.h>

#include "agent/default_directory.h"
#include "agent/directory_watch.h"
#include "agent/process_maps.h"
#include "agent/segment_file.h"
#include "cli/command.h"
#include "cli/segment_report.h"
#include "cli/shm_text.h"
#include "cli/text_table.h"
#include "proto/status.h"
#include "proto/unique_fd.h"

namespace ringside::cli {
namespace {

using agent::SegmentFile;
using aggregator::Json;

// A person waits, and would rather know.
constexpr std::chrono::seconds kPatience{10};

constexpr const char* kFooter =
    "Needs no agent and changes nothing: also for the segment that a killed worker left behind.\n"
    "\n"
    "Examples:\n"
    "  ringside shm                             all segments of the directory, one line each\n"
    "  ringside shm 4711                        what process 4711 does, and did\n"
    "  ringside shm 4711 --records 50 --json    for machines\n"
    "  ringside shm /dev/shm/ringside-1000/0b9c2a44-5d1e-4c1a-9f0e-2f6a7c3b8d10.seg";

struct ShmOptions {
  std::string what;  // FILE or PID; empty: all
  std::string directory;
  size_t records = 10;
  bool json = false;
};

struct Found {
  std::string path;
  std::unique_ptr<SegmentFile> file;
};

// All digits, and a number.
bool ParsePid(const std::string& text, uint64_t* pid) {
  constexpr size_t kMostDigits = 19;
  if (text.empty() || text.size() > kMostDigits ||
      text.find_first_not_of("0123456789") != std::string::npos) {
    return false;
  }
  *pid = std::stoull(text);
  return true;
}

std::string OpenMessage(const std::string& path, const SegmentFile::OpenError& error) {
  std::string message = "segment " + path + ": " + error.reason;
  if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
    return message + " (ringside shm alone lists those that there are)";
  }
  if (access(path.c_str(), R_OK) != 0) return message + " (run this as its owner, or as root)";
  return message;
}

// The directory's segments that can be read. What cannot is said on stderr: others still can.
proto::Result<std::vector<Found>> OpenAll(const std::string& directory, bool* complete) {
  const proto::UniqueFd fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok()) {
    return proto::Status::Error("segment directory " + directory + ": " + std::strerror(errno) +
                                " (--dir or RINGSIDE_DIR names the one that the workers use)");
  }
  std::vector<std::string> names = agent::ListNames(fd.get(), proto::kSegmentSuffix);
  std::sort(names.begin(), names.end());
  std::vector<Found> found;
  for (const std::string& name : names) {
    std::string path = directory;
    path.append("/").append(name);
    SegmentFile::OpenError error;
    std::unique_ptr<SegmentFile> file = SegmentFile::OpenReadOnly(path, &error);
    if (file == nullptr) {
      // Gone since the directory was read: as if it had never been listed.
      if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) continue;
      PrintError(OpenMessage(path, error));
      *complete = false;
      continue;
    }
    found.push_back({std::move(path), std::move(file)});
  }
  return found;
}

bool HoldsLock(const SegmentFile& file, uint64_t pid) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return fcntl(file.fd(), F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0 &&
         static_cast<uint64_t>(lock.l_pid) == pid;
}

// Those of one process: by the pid in them, which is the worker's own view, or by their lock, which
// is the kernel's.
proto::Result<std::vector<Found>> OpenOf(uint64_t pid, const std::string& directory) {
  bool complete = true;
  proto::Result<std::vector<Found>> all = OpenAll(directory, &complete);
  if (!all) return all;
  std::vector<Found> own;
  for (Found& found : *all) {
    if (found.file->identity().pid == pid || HoldsLock(*found.file, pid)) {
      own.push_back(std::move(found));
    }
  }
  if (own.empty()) {
    return proto::Status::Error("no segment of process " + std::to_string(pid) + " in " +
                                directory +
                                " (--dir names another directory; ringside shm alone lists all)");
  }
  return own;
}

proto::Result<std::vector<Found>> OpenFile(const std::string& path) {
  SegmentFile::OpenError error;
  std::unique_ptr<SegmentFile> file = SegmentFile::OpenReadOnly(path, &error);
  if (file == nullptr) return proto::Status::Error(OpenMessage(path, error));
  std::vector<Found> one;
  one.push_back({path, std::move(file)});
  return one;
}

// What was read of a damaged segment was shown; here is what was not.
bool SayDamage(const Json& segments) {
  bool is_damaged = false;
  for (const Json& segment : segments) {
    for (const Json& damage : segment.at("damage")) {
      is_damaged = true;
      PrintError("segment " + segment.at("segment").at("path").get<std::string>() +
                 " is damaged: " + Printable(damage.get<std::string>()));
    }
  }
  return is_damaged;
}

void PrintJson(const std::string& directory, const Json& segments) {
  const Json answer = {{"directory", directory}, {"segments", segments}};
  std::puts(answer.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
}

int ListSegments(const ShmOptions& options) {
  bool complete = true;
  const proto::Result<std::vector<Found>> found = OpenAll(options.directory, &complete);
  if (!found) return Fail(found.message());
  agent::ProcessMaps processes(kPatience);
  Json summaries = Json::array();
  for (const Found& one : *found) {
    summaries.push_back(SummarizeSegment(*one.file, one.path, &processes));
  }
  if (options.json) {
    PrintJson(options.directory, summaries);
  } else if (summaries.empty()) {
    std::printf("no segments in %s\n", options.directory.c_str());
  } else {
    std::fputs(ShmListText(summaries, TerminalWidth(STDOUT_FILENO)).c_str(), stdout);
  }
  std::fflush(stdout);
  return SayDamage(summaries) || !complete ? kExitFailed : kExitOk;
}

int ShowSegments(const ShmOptions& options) {
  uint64_t pid = 0;
  const bool is_pid = ParsePid(options.what, &pid);
  const proto::Result<std::vector<Found>> found =
      is_pid ? OpenOf(pid, options.directory) : OpenFile(options.what);
  if (!found) return Fail(found.message());
  agent::ProcessMaps processes(kPatience);
  Json reports = Json::array();
  for (const Found& one : *found) {
    reports.push_back(ReportSegment(*one.file, one.path, options.records, &processes));
  }
  if (options.json) {
    PrintJson(options.directory, reports);
  } else {
    std::string text;
    for (const Json& report : reports) {
      text += (text.empty() ? "" : "\n\n") + ShmText(report, TerminalWidth(STDOUT_FILENO));
    }
    std::fputs(text.c_str(), stdout);
  }
  std::fflush(stdout);
  return SayDamage(reports) ? kExitFailed : kExitOk;
}

}  // namespace

void AddShm(CLI::App* app, Action* action) {
  auto options = std::make_shared<ShmOptions>();
  CLI::App* command = app->add_subcommand(
      "shm", "What workers' segments hold, read without an agent: also after a crash");
  command->add_option("segment", options->what,
                      "A segment file, or the pid of a worker (default: list all)");
  command
      ->add_option("--dir", options->directory,
                   "Segments of the workers (default: $RINGSIDE_DIR, else /dev/shm/ringside or "
                   "/dev/shm/ringside-UID)")
      ->type_name("DIR");
  command->add_option("--records", options->records, "So many of the last records")
      ->type_name("N")
      ->check(CLI::Range(0, 1 << 24))
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print it as JSON");
  command->footer(kFooter);
  command->callback([options, action] {
    if (options->directory.empty()) options->directory = agent::DefaultDirectory();
    *action = [options] {
      return options->what.empty() ? ListSegments(*options) : ShowSegments(*options);
    };
  });
}

}  // namespace ringside::cli
