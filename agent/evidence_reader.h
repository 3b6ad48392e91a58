// Reads evidence of threads (thread_evidence.h) in a thread of its own, as a read of /proc may wait
// for a lock of the process that it is about. What one round asks for is there in a later one:
// nobody waits for it.
//
// Owner: the agent's thread.
#ifndef RINGSIDE_AGENT_EVIDENCE_READER_H_
#define RINGSIDE_AGENT_EVIDENCE_READER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace ringside::agent {

struct EvidenceSubject {
  uint64_t pid = 0;              // as we see it
  uint64_t tid = 0;              // as the process sees it; 0: all its threads together
  bool is_our_namespace = true;  // the process sees it as we do

  friend bool operator<(const EvidenceSubject& a, const EvidenceSubject& b) {
    return std::tie(a.pid, a.tid, a.is_our_namespace) < std::tie(b.pid, b.tid, b.is_our_namespace);
  }
  friend bool operator==(const EvidenceSubject& a, const EvidenceSubject& b) {
    return std::tie(a.pid, a.tid, a.is_our_namespace) == std::tie(b.pid, b.tid, b.is_our_namespace);
  }
};

class EvidenceReader {
 public:
  // So long after it was asked for a text is believed: a round that hangs leaves no old ones
  // behind.
  static constexpr uint64_t kLifeNs = 3'000'000'000;
  // What is asked for beyond so many subjects in a round is not read.
  static constexpr size_t kMostSubjects = 64;

  // A text for each subject, those asked for first being the most important; runs in the reader's
  // thread.
  using Source = std::function<std::vector<std::string>(const std::vector<EvidenceSubject>&)>;

  explicit EvidenceReader(Source source = ReadFromProc);
  // Waits 250 ms for a round at work; one that hangs is left behind.
  ~EvidenceReader();
  EvidenceReader(const EvidenceReader&) = delete;
  EvidenceReader& operator=(const EvidenceReader&) = delete;

  // A round: Begin, Of for each subject, End. Of tells what an earlier round found; empty: nothing,
  // or it is not known yet. End has the subjects read, unless the reader is still at work, or no
  // thread can be made for it.
  void Begin(uint64_t now_monotonic_ns);
  std::string Of(const EvidenceSubject& subject);
  void End();

  // How long the rounds took that have ended since the last call, in nanoseconds.
  std::vector<uint64_t> TakeDurations();

 private:
  struct State;
  static std::vector<std::string> ReadFromProc(const std::vector<EvidenceSubject>& subjects);
  bool HasThread();
  static void Loop(const std::shared_ptr<State>& state, const Source& source);

  const Source source_;
  std::shared_ptr<State> state_;
  std::thread thread_;                   // from the first round on that asks for something
  std::vector<EvidenceSubject> wanted_;  // by the round at hand, each once
  std::map<EvidenceSubject, std::string> known_;
  uint64_t known_until_ns_ = 0;
  uint64_t now_ns_ = 0;  // of the round at hand
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_EVIDENCE_READER_H_
