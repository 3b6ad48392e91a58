// What the agent says to its log: each kind of line at most once in ten seconds.
#ifndef RINGSIDE_AGENT_NOTE_LOG_H_
#define RINGSIDE_AGENT_NOTE_LOG_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ringside::agent {

class NoteLog {
 public:
  static constexpr uint64_t kPauseNs = 10ull * 1000000000ull;
  static constexpr size_t kMostKinds = 256;

  void Info(const std::string& text);
  // `kind`: lines of one kind are held back together, and counted.
  void Warn(const std::string& kind, const std::string& text, uint64_t now_monotonic_ns);
  // Each line is a kind of its own.
  void WarnAll(const std::vector<std::string>& notes, uint64_t now_monotonic_ns);

 private:
  struct Kind {
    uint64_t last_ns = 0;
    uint64_t held_back = 0;
  };
  std::map<std::string, Kind> kinds_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_NOTE_LOG_H_
