// Looks after the archive's closed files: compresses them, makes coarser copies, removes what is
// too old. In a thread of its own at the lowest priority, so that acknowledgements never wait for
// it; or, without Start, by whoever calls Round (`ringside archive compact`).
#ifndef RINGSIDE_AGGREGATOR_ARCHIVE_KEEPER_H_
#define RINGSIDE_AGGREGATOR_ARCHIVE_KEEPER_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "aggregator/archive_policy.h"
#include "proto/status.h"

namespace ringside::aggregator {

class ArchiveKeeper {
 public:
  // A line for people about each thing done (is_trouble false) or not done.
  using Tell = std::function<void(bool is_trouble, const std::string& text)>;

  ArchiveKeeper(std::string directory, ArchivePolicy policy, Tell tell)
      : directory_(std::move(directory)), policy_(policy), tell_(std::move(tell)) {}
  ~ArchiveKeeper() { Stop(); }
  ArchiveKeeper(const ArchiveKeeper&) = delete;
  ArchiveKeeper& operator=(const ArchiveKeeper&) = delete;

  // Everything that is due now, once. Returns how many steps were done; 0: nothing is due, or
  // nothing can be done (`failed` then counts why).
  int Round(uint64_t now_unix_ns);
  int failed() const { return failed_; }

  // Rounds until Stop; `pause_ms` between one that did nothing and the next.
  void Start(int pause_ms);
  // Ends the step at hand, which is then as if it had not begun. Idempotent.
  void Stop();

 private:
  void Run(int pause_ms);

  const std::string directory_;
  const ArchivePolicy policy_;
  const Tell tell_;
  std::set<std::string> left_alone_;
  bool is_swept_ = false;
  int failed_ = 0;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVE_KEEPER_H_
