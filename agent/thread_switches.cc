#include "agent/thread_switches.h"

#include <utility>

#include <dirent.h>

#include "agent/proc_file.h"
#include "agent/process_files.h"

namespace ringside::agent {
namespace {

constexpr size_t kMostStatusBytes = size_t{16} << 10;

// Empty: there are too many, or they cannot be seen.
std::map<std::string, SwitchCounts> ReadThreads(const std::string& process_directory) {
  std::map<std::string, SwitchCounts> threads;
  const std::string tasks = process_directory + "/task";
  DIR* const stream = opendir(tasks.c_str());
  if (stream == nullptr) return threads;
  bool is_whole = true;
  while (const dirent* entry = readdir(stream)) {
    if (*entry->d_name < '0' || *entry->d_name > '9') continue;
    is_whole = threads.size() < ThreadSwitches::kMostThreads;
    if (!is_whole) break;
    const ProcessStatus status =
        ParseProcessStatus(ReadProcFile(tasks + "/" + entry->d_name + "/status", kMostStatusBytes));
    if (!status.voluntary_switches || !status.involuntary_switches) continue;  // it has ended
    threads[entry->d_name] = {static_cast<int64_t>(*status.voluntary_switches),
                              static_cast<int64_t>(*status.involuntary_switches)};
  }
  closedir(stream);
  if (!is_whole) threads.clear();
  return threads;
}

}  // namespace

std::optional<SwitchCounts> ThreadSwitches::Take(const std::string& process_directory) {
  std::map<std::string, SwitchCounts> now = ReadThreads(process_directory);
  const bool is_known = !threads_.empty() && !now.empty();
  SwitchCounts sum;
  for (const auto& [tid, counts] : now) {
    // A thread that is new brings all that it has; so does one with the number of one that ended.
    const auto found = threads_.find(tid);
    const bool is_same = found != threads_.end() && found->second.voluntary <= counts.voluntary &&
                         found->second.involuntary <= counts.involuntary;
    sum.voluntary += counts.voluntary - (is_same ? found->second.voluntary : 0);
    sum.involuntary += counts.involuntary - (is_same ? found->second.involuntary : 0);
  }
  threads_ = std::move(now);
  return is_known ? std::optional<SwitchCounts>(sum) : std::nullopt;
}

}  // namespace ringside::agent
