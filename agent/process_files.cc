#include "agent/process_files.h"

#include <algorithm>
#include <array>

#include <dirent.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "agent/proc_file.h"
#include "agent/text.h"

namespace ringside::agent {
namespace {

constexpr size_t kContainerIdDigits = 64;
constexpr size_t kContainerIdShown = 12;
constexpr uint64_t kMostOpenFiles = 100000;

bool IsHexDigit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

// "docker-<id>.scope", "cri-containerd-<id>.scope", "<id>".
std::string_view FindContainerId(std::string_view part) {
  size_t run = 0;
  for (size_t i = 0; i <= part.size(); ++i) {
    if (i < part.size() && IsHexDigit(part[i])) {
      ++run;
      continue;
    }
    if (run == kContainerIdDigits) return part.substr(i - run, run);
    run = 0;
  }
  return {};
}

}  // namespace

// The command, in parentheses, may hold anything: what counts comes after the last ')'.
std::optional<ProcessStat> ParseProcessStat(std::string_view text) {
  constexpr size_t kFirst = 3;  // the field after the command is the third
  constexpr size_t kLast = 24;
  const size_t paren = text.rfind(')');
  if (paren == std::string_view::npos) return std::nullopt;
  std::array<uint64_t, kLast + 1> numbers{};
  size_t at = paren + 1;
  for (size_t i = kFirst; i <= kLast; ++i) {
    while (at < text.size() && text[at] == ' ') ++at;
    if (at == text.size() || text[at] == '\n') return std::nullopt;
    const size_t end = std::min(text.find(' ', at), text.size());
    numbers[i] = LeadingNumber(text.substr(at, end - at)).value_or(0);
    at = end;
  }
  const auto field = [&](size_t number) { return numbers[number]; };
  ProcessStat stat;
  stat.minor_faults = field(10);
  stat.major_faults = field(12);
  stat.user_ticks = field(14);
  stat.system_ticks = field(15);
  stat.threads = field(20);
  stat.start_ticks = field(22);
  stat.rss_pages = field(24);
  return stat;
}

ProcessStatus ParseProcessStatus(std::string_view text) {
  const auto bytes = [&](std::string_view name) -> std::optional<uint64_t> {
    const auto kib = NumberField(text, name);
    return kib ? std::optional<uint64_t>(*kib * 1024) : std::nullopt;
  };
  ProcessStatus status;
  status.private_bytes = bytes("RssAnon");
  status.shared_bytes = bytes("RssShmem");
  status.peak_bytes = bytes("VmHWM");
  status.voluntary_switches = NumberField(text, "voluntary_ctxt_switches");
  status.involuntary_switches = NumberField(text, "nonvoluntary_ctxt_switches");
  for (const std::string_view pid : Split(TextField(text, "NSpid"), " \t")) {
    if (const auto number = LeadingNumber(pid)) status.namespace_pids.push_back(*number);
  }
  const auto uids = Split(TextField(text, "Uid"), " \t");
  if (uids.size() >= 2) status.effective_uid = LeadingNumber(uids[1]);
  return status;
}

std::string ParseCgroupPath(std::string_view text) {
  for (const std::string_view line : Split(text, "\n")) {
    if (!line.starts_with("0::/")) continue;
    const std::string_view path = line.substr(3);
    const auto parts = Split(path, "/");
    const bool leaves = std::find(parts.begin(), parts.end(), "..") != parts.end();
    return leaves ? std::string() : std::string(path);
  }
  return {};
}

std::string ContainerOf(std::string_view cgroup_path) {
  std::string_view found;
  for (const std::string_view part : Split(cgroup_path, "/")) {
    if (const std::string_view id = FindContainerId(part); !id.empty()) found = id;
  }
  return std::string(found.substr(0, kContainerIdShown));
}

std::string ParseCommandLine(std::string_view text, size_t limit) {
  std::string line(text.substr(0, text.find_last_not_of('\0') + 1));
  std::replace(line.begin(), line.end(), '\0', ' ');
  return CleanText(line, limit);
}

std::optional<uint64_t> CountOpenFiles(const std::string& process_directory) {
  const std::string path = process_directory + "/fd";
  DIR* const stream = opendir(path.c_str());
  if (stream == nullptr) return std::nullopt;
  // Of /proc since Linux 6.2 the directory's size is the answer.
  struct stat info {};
  struct statfs filesystem {};
  uint64_t count = 0;
  if (fstatfs(dirfd(stream), &filesystem) == 0 && filesystem.f_type == PROC_SUPER_MAGIC &&
      fstat(dirfd(stream), &info) == 0 && info.st_size > 0) {
    count = static_cast<uint64_t>(info.st_size);
  } else {
    while (const dirent* entry = readdir(stream)) {
      if (entry->d_name[0] != '.' && ++count >= kMostOpenFiles) break;
    }
  }
  closedir(stream);
  return count;
}

}  // namespace ringside::agent
