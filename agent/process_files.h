// What /proc/PID says, parsed. Missing fields (kernel threads, old kernels) are nothing, not 0.
#ifndef RINGSIDE_AGENT_PROCESS_FILES_H_
#define RINGSIDE_AGENT_PROCESS_FILES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::agent {

// /proc/PID/stat.
struct ProcessStat {
  uint64_t minor_faults = 0;
  uint64_t major_faults = 0;
  uint64_t user_ticks = 0;
  uint64_t system_ticks = 0;
  uint64_t threads = 0;
  uint64_t start_ticks = 0;  // since boot: tells a reused pid
  uint64_t rss_pages = 0;

  friend bool operator==(const ProcessStat& a, const ProcessStat& b) = default;
};
std::optional<ProcessStat> ParseProcessStat(std::string_view text);

// /proc/PID/status.
struct ProcessStatus {
  std::optional<uint64_t> private_bytes;
  std::optional<uint64_t> shared_bytes;
  std::optional<uint64_t> peak_bytes;
  std::optional<uint64_t> voluntary_switches;
  std::optional<uint64_t> involuntary_switches;
  std::vector<uint64_t> namespace_pids;  // from the reader's namespace inwards
  std::optional<uint64_t> effective_uid;
};
ProcessStatus ParseProcessStatus(std::string_view text);

// The path of control groups v2, as the reader's cgroup namespace shows it. Empty: unknown, or not
// below that namespace's root.
std::string ParseCgroupPath(std::string_view text);
// 64 hex digits in one part of the path, as container runtimes name their groups; the first 12 of
// the last such part. Empty: no container.
std::string ContainerOf(std::string_view cgroup_path);

// Arguments with blanks between them.
std::string ParseCommandLine(std::string_view text, size_t limit);

// Open descriptors of a process. Nothing if they may not be seen.
std::optional<uint64_t> CountOpenFiles(const std::string& process_directory);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_PROCESS_FILES_H_
