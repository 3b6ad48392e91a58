// What this process has one of: its current segment, its generation, its switches.
//
// The generation lives in a page that the kernel wipes in a forked child (MADV_WIPEONFORK), beside
// all locks: a child, also one of a raw clone, finds zero and every lock free. The first record
// there adopts the fork: the parent's segment is let go and a new one is opened.
#ifndef RINGSIDE_PROBE_PROCESS_H_
#define RINGSIDE_PROBE_PROCESS_H_

#include <atomic>
#include <cstdint>

#include <ringside/probe_c.h>

#include "probe/directory.h"
#include "probe/segment.h"
#include "proto/loss.h"

namespace ringside::probe {

// Wiped by fork. The locks are only ever tried, for a bounded time, and never in the path of a
// lane's own record.
struct ForkPage {
  std::atomic<uint32_t> generation;
  std::atomic<uint32_t> opening;
  std::atomic<uint32_t> is_opening_stuck;  // a thread waited for it in vain: nobody waits again
  std::atomic<uint32_t> shared_ring;       // of the shared lane: its request ring
  std::atomic<uint32_t> shared_extremes;   // of the shared lane: resets of extreme slots
};

class Process {
 public:
  static ForkPage& Page() noexcept;
  // The generation of this process: never 0; adopts a fork that has not been noticed yet.
  static uint32_t Generation() noexcept;
  // nullptr when none was opened yet, or none could be.
  static Segment* Current() noexcept;
  // The current segment, opened when there is none and replaced when it is `retired`. nullptr:
  // there is none, the error was printed once, and the next try is due after a pause.
  static Segment* Ensure(const Segment* retired) noexcept;
  static void CountLost(proto::LossReason reason) noexcept;

  static bool Configure(const ringside_config& config) noexcept;
  static void SetEnabled(bool enabled) noexcept;
  static uint64_t Lost(proto::LossReason reason) noexcept;
  static const char* LastError() noexcept;
};

// A spin lock in the fork page. Its holder, or who waits for it, cannot be cancelled.
class PageLock {
 public:
  // Sleeps for at most so long, in all; 0: tries once.
  PageLock(std::atomic<uint32_t>& word, uint64_t longest_wait_ns) noexcept;
  ~PageLock();
  PageLock(const PageLock&) = delete;
  PageLock& operator=(const PageLock&) = delete;
  bool is_held() const noexcept { return is_held_; }

 private:
  std::atomic<uint32_t>& word_;
  bool is_held_ = false;
  int cancel_state_ = 0;
};

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_PROCESS_H_
