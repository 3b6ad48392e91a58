// Context switches of a whole process. Its own /proc/PID/status counts those of its main thread
// only, so those of its threads are added up; of one that ends, what came after the last call is
// not seen.
//
// Owner: the process sampler's thread.
#ifndef RINGSIDE_AGENT_THREAD_SWITCHES_H_
#define RINGSIDE_AGENT_THREAD_SWITCHES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace ringside::agent {

struct SwitchCounts {
  int64_t voluntary = 0;
  int64_t involuntary = 0;
};

class ThreadSwitches {
 public:
  // One file is read per thread (about 15 microseconds): of more nothing is said.
  static constexpr size_t kMostThreads = 256;

  // Since the last call. None: it is the first, or there are too many threads, or none is seen.
  std::optional<SwitchCounts> Take(const std::string& process_directory);

 private:
  std::map<std::string, SwitchCounts> threads_;  // as of the last call
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_THREAD_SWITCHES_H_
