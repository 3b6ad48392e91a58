// How a process ended that is not our child. A descriptor of the process, opened while it lives,
// still says so after it was reaped (Linux 6.15 and later); before that, its entry in /proc does,
// as long as it is a zombie. Where neither helps, it is unknown.
//
// Owner: the agent's thread, one per producer.
#ifndef RINGSIDE_AGENT_EXIT_WATCH_H_
#define RINGSIDE_AGENT_EXIT_WATCH_H_

#include <cstdint>
#include <optional>
#include <string>

#include "proto/unique_fd.h"

namespace ringside::agent {

class ExitWatch {
 public:
  // The process that holds the lock of the segment now; nothing when none does, or it is hidden.
  void FollowHolder(int segment_fd);
  void Follow(uint64_t pid);
  // As waitpid() would give it. Once known it stays.
  std::optional<int> Status();

 private:
  uint64_t pid_ = 0;
  uint64_t start_ticks_ = 0;  // tells a reused pid
  proto::UniqueFd process_;
  std::optional<int> status_;
};

// "signal 9 (SIGKILL)", "exit status 1", "unknown".
std::string ExitText(std::optional<int> status);
// "SIGKILL", "1", "unknown": short and of few values, for a label.
std::string ExitLabel(std::optional<int> status);
// A failed exit, or a signal that is no usual request to end.
bool IsCrash(std::optional<int> status);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_EXIT_WATCH_H_
