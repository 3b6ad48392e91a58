// Memory and processor time of control groups (v2), the limits of containers among them.
#ifndef RINGSIDE_AGENT_CGROUP_SAMPLER_H_
#define RINGSIDE_AGENT_CGROUP_SAMPLER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "agent/counter_memory.h"
#include "agent/sampler.h"

namespace ringside::agent {

class CgroupSampler {
 public:
  // `sys`: where sysfs is. Groups are found in sys/fs/cgroup, or in its `unified` where v1 is
  // mounted beside it.
  explicit CgroupSampler(const std::string& sys);

  // `path` as /proc/PID/cgroup names it.
  void Sample(const std::string& path, uint64_t now_unix_ns, std::vector<proto::SeriesDelta>* out);

 private:
  std::string root_;
  CounterMemory counters_;
};

// What stands for a group in labels: its path, of a long one the end.
std::string CgroupLabel(const std::string& path);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_CGROUP_SAMPLER_H_
