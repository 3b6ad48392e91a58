// Which directory of /proc a producer's process has.
//
// The kernel names the holder of a segment's lock in this agent's own pid namespace. Where it
// cannot (the worker is in another one), or where the /proc that is read is another namespace's
// (the host's, mounted into a container), the process is found by what the segment says of itself:
// the pid in its own namespace (NSpid) and that namespace. A claim counts only for a process whose
// owner is the segment's.
#ifndef RINGSIDE_AGENT_PROCESS_FINDER_H_
#define RINGSIDE_AGENT_PROCESS_FINDER_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/sampler.h"

namespace ringside::agent {

class ProcessFinder {
 public:
  explicit ProcessFinder(std::string proc) : proc_(std::move(proc)) {}

  // For each process its pid in this /proc; 0: not to be seen.
  std::vector<uint64_t> Find(const ProcessList& processes, uint64_t now_monotonic_ns);

 private:
  using Claim = std::pair<uint64_t, uint32_t>;  // pid, namespace

  bool NeedsSearch(const SampledProcess& process) const;
  void Search(const ProcessList& processes);

  std::string proc_;
  std::map<Claim, uint64_t> found_;
  uint64_t next_search_ns_ = 0;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_PROCESS_FINDER_H_
