// What a thread is doing, from /proc and without ptrace: its state, the system call it waits in,
// and for a descriptor what or who is behind it. "in recv from 10.0.0.5:11434", "in futex",
// "on a CPU". What the rights do not allow to be seen is left out.
//
// Owner: the reader's thread (evidence_reader.h), once a second for what has been in flight for
// long; bounded by a budget of threads per round. A read may wait for a lock of the process.
#ifndef RINGSIDE_AGENT_THREAD_EVIDENCE_H_
#define RINGSIDE_AGENT_THREAD_EVIDENCE_H_

#include <cstdint>
#include <string>
#include <utility>

namespace ringside::agent {

class ThreadEvidence {
 public:
  // Younger ones are not looked at. What is found is shown a second later: from 5 s on.
  static constexpr uint64_t kFromAgeNs = 4'000'000'000;
  static constexpr int kThreadsPerRound = 32;

  // For one round.
  explicit ThreadEvidence(std::string proc = "/proc") : proc_(std::move(proc)) {}

  // `tid`: as the process sees it; `same_namespace`: which is as we see it. Empty: unknown, or the
  // round's budget is spent.
  std::string OfThread(uint64_t pid, uint64_t tid, bool same_namespace);
  // Of all its threads together, for requests, which belong to none: "3 threads: 2 in futex, 1 in
  // recv from 10.0.0.5:11434".
  std::string OfProcess(uint64_t pid);

 private:
  std::string Look(const std::string& process, const std::string& tid);
  std::string InSyscall(const std::string& process, const std::string& syscall);
  std::string FileText(const std::string& process, uint64_t fd, bool wants_peer);
  std::string ResolveTid(const std::string& process, uint64_t tid);

  const std::string proc_;
  int budget_ = kThreadsPerRound;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_THREAD_EVIDENCE_H_
