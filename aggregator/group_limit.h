// Whether the control group leaves the aggregator room for its own limit of memory: where it does
// not, the kernel ends the process before that can give anything up.
#ifndef RINGSIDE_AGGREGATOR_GROUP_LIMIT_H_
#define RINGSIDE_AGGREGATOR_GROUP_LIMIT_H_

#include <cstdint>
#include <string>

namespace ringside::aggregator {

// The least memory.max of this process's control group (version 2) and of those above it; 0: none,
// or not known.
uint64_t GroupLimitBytes(const std::string& proc = "/proc", const std::string& sys = "/sys");

// Sockets' queues and the kernel's buffers come on top of `memory_limit`: what to say where less
// than a quarter of the group's is left for them. Empty: nothing.
std::string GroupLimitWarning(uint64_t memory_limit, uint64_t group_bytes);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_GROUP_LIMIT_H_
