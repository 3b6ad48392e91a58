// As many open files as this process may have: agents follow thousands of segments, aggregators
// hold thousands of connections.
#ifndef RINGSIDE_PROTO_DESCRIPTOR_LIMIT_H_
#define RINGSIDE_PROTO_DESCRIPTOR_LIMIT_H_

#include <sys/resource.h>

namespace ringside::proto {

inline void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_DESCRIPTOR_LIMIT_H_
