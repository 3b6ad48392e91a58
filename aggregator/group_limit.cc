#include "aggregator/group_limit.h"

#include <fstream>

namespace ringside::aggregator {
namespace {

constexpr uint64_t kMebibyte = uint64_t{1} << 20;

// "0::/system.slice/ringside-aggregator.service"
std::string OwnGroup(const std::string& proc) {
  std::ifstream file(proc + "/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::/")) return line.substr(3);
  }
  return "";
}

}  // namespace

uint64_t GroupLimitBytes(const std::string& proc, const std::string& sys) {
  std::string group = OwnGroup(proc);
  uint64_t least = 0;
  while (!group.empty()) {
    std::ifstream file(sys + "/fs/cgroup" + group + "/memory.max");
    uint64_t bytes = 0;  // "max" is no number
    if (file >> bytes && (least == 0 || bytes < least)) least = bytes;
    group.resize(group.rfind('/'));
  }
  return least;
}

std::string GroupLimitWarning(uint64_t memory_limit, uint64_t group_bytes) {
  if (group_bytes == 0 || memory_limit <= group_bytes / 4 * 3) return "";
  return "memory_limit " + std::to_string(memory_limit / kMebibyte) +
         "MiB is more than three quarters of what the control group may have (" +
         std::to_string(group_bytes / kMebibyte) +
         "MiB): raise the group's limit too (MemoryMax=, docs/deploy.md), or the kernel ends the "
         "aggregator when memory is short";
}

}  // namespace ringside::aggregator
