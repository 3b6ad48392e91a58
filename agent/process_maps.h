// Which processes map which files, from /proc/PID/maps: the second opinion on whether a producer
// is dead, for its lock can be freed by an unlucky close().
#ifndef RINGSIDE_AGENT_PROCESS_MAPS_H_
#define RINGSIDE_AGENT_PROCESS_MAPS_H_

#include <cstdint>
#include <set>
#include <utility>

#include <sys/types.h>

namespace ringside::agent {

enum class MapsAnswer {
  kMaps,     // the process maps the file
  kDoesNot,  // it does not, or there is no such process
  kUnknown,  // it may not be looked at
};
MapsAnswer AskProcess(uint64_t pid, dev_t device, ino_t inode);

// Inode number of this process's pid namespace; 0 unknown.
uint32_t OwnPidNamespace();

// All processes that can be seen, but this one. Read once, when first asked.
class ProcessMaps {
 public:
  // True when nothing can hide: this is the initial pid namespace and every process could be read.
  bool SeesAll();
  bool IsMapped(dev_t device, ino_t inode);

 private:
  void Scan();

  bool scanned_ = false;
  bool sees_all_ = false;
  std::set<std::pair<dev_t, ino_t>> mapped_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_PROCESS_MAPS_H_
