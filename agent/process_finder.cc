#include "agent/process_finder.h"

#include <climits>

#include <unistd.h>

#include "agent/proc_file.h"
#include "agent/process_files.h"

namespace ringside::agent {
namespace {

constexpr uint64_t kSearchEveryNs = 5000000000;  // it reads every process
constexpr size_t kMostProcesses = size_t{1} << 20;

std::string LinkTarget(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t size = readlink(path.c_str(), target, sizeof target);
  return size > 0 ? std::string(target, static_cast<size_t>(size)) : std::string();
}

}  // namespace

bool ProcessFinder::NeedsSearch(const SampledProcess& process) const {
  return process.claimed_namespace != 0 && (process.pid == 0 || proc_ != "/proc");
}

std::vector<uint64_t> ProcessFinder::Find(const ProcessList& processes, uint64_t now_monotonic_ns) {
  std::map<Claim, uint64_t> still;
  bool missing = false;
  for (const SampledProcess& process : processes) {
    if (!NeedsSearch(process)) continue;
    const Claim claim{process.claimed_pid, process.claimed_namespace};
    const auto known = found_.find(claim);
    if (known != found_.end()) {
      still.insert(*known);
    } else {
      missing = true;
    }
  }
  found_ = std::move(still);
  if (missing && now_monotonic_ns >= next_search_ns_) {
    next_search_ns_ = now_monotonic_ns + kSearchEveryNs;
    Search(processes);
  }
  std::vector<uint64_t> pids;
  pids.reserve(processes.size());
  for (const SampledProcess& process : processes) {
    if (!NeedsSearch(process)) {
      pids.push_back(process.pid);
      continue;
    }
    const auto known = found_.find({process.claimed_pid, process.claimed_namespace});
    pids.push_back(known != found_.end() ? known->second : 0);
  }
  return pids;
}

void ProcessFinder::Search(const ProcessList& processes) {
  std::multimap<uint64_t, const SampledProcess*> wanted;
  for (const SampledProcess& process : processes) {
    const Claim claim{process.claimed_pid, process.claimed_namespace};
    if (NeedsSearch(process) && found_.count(claim) == 0) {
      wanted.emplace(process.claimed_pid, &process);
    }
  }
  for (const std::string& name : ListDirectory(proc_, kMostProcesses)) {
    const auto pid = LeadingNumber(name);
    if (!pid) continue;
    const std::string directory = proc_ + "/" + name;
    const ProcessStatus status = ParseProcessStatus(ReadProcFile(directory + "/status"));
    if (status.namespace_pids.empty()) continue;
    const auto [begin, end] = wanted.equal_range(status.namespace_pids.back());
    for (auto it = begin; it != end; ++it) {
      const SampledProcess& process = *it->second;
      if (status.effective_uid != process.uid) continue;
      if (LinkTarget(directory + "/ns/pid") !=
          "pid:[" + std::to_string(process.claimed_namespace) + "]") {
        continue;
      }
      found_[{process.claimed_pid, process.claimed_namespace}] = *pid;
    }
  }
}

}  // namespace ringside::agent
