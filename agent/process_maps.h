// Which processes map which files, from /proc/PID/maps: the second opinion on whether a producer
// is dead, for its lock can be freed by an unlucky close().
//
// To read maps takes a lock of that process's memory, and one that is stuck may hold it for ever.
// So helper threads read, and the agent's thread waits for them only so long: what is not there
// yet is pending, and picked up in a later round. No thread is there before the first question.
// Owner: one thread, the agent's. Shared with the helpers is State; one that hangs is left behind.
#ifndef RINGSIDE_AGENT_PROCESS_MAPS_H_
#define RINGSIDE_AGENT_PROCESS_MAPS_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include <sys/types.h>

namespace ringside::agent {

enum class MapsAnswer {
  kMaps,     // it maps the file
  kDoesNot,  // it does not, or there is no such process
  kUnknown,  // it may not be looked at
  kPending,  // it has not been looked at yet
};

// Inode number of this process's pid namespace; 0 unknown.
uint32_t OwnPidNamespace();

class ProcessMaps {
 public:
  static constexpr std::chrono::milliseconds kPatience{200};
  static constexpr size_t kThreads = 2;
  static constexpr size_t kMostQuestions = 1024;  // that wait; the others are asked later

  // `patience`: of all questions of a round together.
  explicit ProcessMaps(std::chrono::milliseconds patience = kPatience, std::string proc = "/proc");
  ~ProcessMaps();
  ProcessMaps(const ProcessMaps&) = delete;
  ProcessMaps& operator=(const ProcessMaps&) = delete;

  // What was answered in the last round is asked anew. A question that nobody answered in the round
  // that asked it is never waited for again.
  void BeginRound();
  MapsAnswer Ask(uint64_t pid, dev_t device, ino_t inode);
  // Of all processes but this one. kDoesNot: none does, and none can hide: this is the initial pid
  // namespace, and all could be read. kUnknown: none that can be seen.
  MapsAnswer AskAll(dev_t device, ino_t inode);

 private:
  struct State;
  static void Help(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_PROCESS_MAPS_H_
