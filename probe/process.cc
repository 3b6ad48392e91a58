#include "probe/process.h"

#include <cstdio>

#include <pthread.h>
#include <sys/mman.h>
#include <time.h>

#include "probe/lane.h"
#include "probe/memory.h"
#include "probe/stderr_line.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

// SYNC none: a switch; a record that sees it late is as good as one made a moment earlier.
int ringside_on = 1;

namespace ringside::probe {
namespace {

constexpr uint64_t kFirstPauseNs = 1'000'000'000;
constexpr uint64_t kLongestPauseNs = 60'000'000'000;
// About ten seconds. Whoever opens has milliseconds to do, but a machine can stall for seconds, and
// what waits is a thread's first sample: it is lost when the wait ends.
constexpr uint64_t kOpeningWaitNs = 10'000'000'000;
// Between two looks at a lock that is held: doubled each time. Hundreds of threads that look every
// few microseconds would keep a busy machine from the one that they wait for.
constexpr uint64_t kFirstLookNs = 50'000;
constexpr uint64_t kRarestLookNs = 10'000'000;

struct State {
  std::atomic<ForkPage*> page{nullptr};  // SYNC fork-page: stored with release, read with acquire
  std::atomic<uint32_t> last_generation{0};
  // SYNC current-segment: complete before it is stored with release, read with acquire.
  std::atomic<Segment*> current{nullptr};
  Segment* newest = nullptr;  // of all segments, linked by `older`; under the opening lock
  std::atomic<uint64_t> lost[proto::kLossReasonCount] = {};
  std::atomic<bool> is_switched_off{false};
  std::atomic<uint64_t> retry_at{0};  // coarse ns: no try to open before
  // Under the opening lock:
  Settings settings;
  bool has_settings = false;
  bool has_complained = false;
  uint64_t pause = kFirstPauseNs;
  ErrorText error;
};
State state;
ForkPage fallback_page{};

void AdoptFork() noexcept;

void AfterForkInChild() {
  ForkPage& page = Process::Page();
  page.generation.store(0, std::memory_order_relaxed);  // where the kernel did not wipe
  page.opening.store(0, std::memory_order_relaxed);
  page.is_opening_stuck.store(0, std::memory_order_relaxed);
  page.shared_ring.store(0, std::memory_order_relaxed);
  page.shared_extremes.store(0, std::memory_order_relaxed);
  AdoptFork();
}

ForkPage* MakePage() noexcept {
  void* memory = MapPrivate(kPageBytes);
  auto* page = memory == nullptr ? &fallback_page : static_cast<ForkPage*>(memory);
  if (memory != nullptr) (void)madvise(memory, kPageBytes, MADV_WIPEONFORK);
  page->generation.store(1, std::memory_order_relaxed);
  ForkPage* expected = nullptr;
  // SYNC fork-page (writer)
  if (!state.page.compare_exchange_strong(expected, page, std::memory_order_acq_rel)) {
    if (memory != nullptr) Unmap(memory, kPageBytes);
    return expected;
  }
  state.last_generation.store(1, std::memory_order_relaxed);
  pthread_atfork(nullptr, nullptr, AfterForkInChild);
  return page;
}

// In a forked child, before its first record: nothing of the parent's stays in use.
void AdoptFork() noexcept {
  const ErrnoKeeper keeper;
  ForkPage& page = Process::Page();
  const PageLock lock{page.opening, current_lane.is_opening ? 0 : kOpeningWaitNs};
  // SYNC generation (reader)
  if (!lock.is_held() || page.generation.load(std::memory_order_acquire) != 0) return;
  current_lane.is_opening = true;
  state.current.store(nullptr, std::memory_order_relaxed);
  current_lane.Reset();
  // The newest stays mapped, emptied: this very thread may have forked, in a signal handler, out of
  // a record. The older ones nobody can be in.
  if (state.newest != nullptr) {
    state.newest->Empty();
    while (Segment* older = state.newest->older) {
      state.newest->older = older->older;
      older->Destroy();
    }
  }
  for (auto& lost : state.lost) lost.store(0, std::memory_order_relaxed);  // the parent's to report
  state.retry_at.store(0, std::memory_order_relaxed);
  state.pause = kFirstPauseNs;
  const uint32_t next = state.last_generation.load(std::memory_order_relaxed) + 1;
  state.last_generation.store(next, std::memory_order_relaxed);
  page.generation.store(next, std::memory_order_release);  // SYNC generation (writer)
  current_lane.is_opening = false;
}

uint64_t OpeningWaitNs() noexcept {
  const bool must_not_wait = current_lane.is_opening ||
                             Process::Page().is_opening_stuck.load(std::memory_order_relaxed) != 0;
  return must_not_wait ? 0 : kOpeningWaitNs;
}

uint64_t CoarseNs() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}

// One line, once in the life of the process.
void Complain() noexcept {
  if (state.has_complained || state.settings.is_quiet) return;
  state.has_complained = true;
  char line[1500];
  const int size =
      snprintf(line, sizeof line, "ringside: not recording: %s\n", state.error.c_str());
  if (size > 0) WriteStderrLine({line, static_cast<size_t>(size)});
}

// The samples that had nowhere to go are the new segment's to report. Called by whoever stored the
// segment, and by whoever counted a loss without one and then sees one: one of them sees the other.
void HandOverLosses(Segment* segment) noexcept {
  for (size_t i = 0; i < proto::kLossReasonCount; ++i) {
    // SYNC loss-hand-over (reader)
    const uint64_t count = state.lost[i].exchange(0, std::memory_order_seq_cst);
    if (count > 0) segment->header->lost[i].fetch_add(count, std::memory_order_relaxed);
  }
}

// Under the opening lock.
Segment* OpenNext() noexcept {
  if (!state.has_settings) {
    ReadSettings(&state.settings);
    state.has_settings = true;
    if (state.settings.is_disabled) Process::SetEnabled(false);
  }
  if (state.settings.is_disabled) return nullptr;
  Segment* segment = Segment::Open(state.settings, true, &state.error);
  if (segment == nullptr) {
    Complain();
    state.retry_at.store(CoarseNs() + state.pause, std::memory_order_relaxed);
    state.pause = state.pause * 2 > kLongestPauseNs ? kLongestPauseNs : state.pause * 2;
    return nullptr;
  }
  state.error.Set({});
  state.pause = kFirstPauseNs;
  if (state.newest != nullptr) {
    // Threads may still be in the one just retired, and for a while; not in those before it.
    for (Segment* older = state.newest->older; older != nullptr; older = older->older)
      older->Empty();
  }
  segment->older = state.newest;
  state.newest = segment;
  return segment;
}

}  // namespace

PageLock::PageLock(std::atomic<uint32_t>& word, uint64_t longest_wait_ns) noexcept : word_(word) {
  // Many calls that are made under it are cancellation points; an unwinding would end the program
  // at the first noexcept function, or leave the lock held.
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state_);
  uint64_t pause_ns = kFirstLookNs;
  for (uint64_t waited_ns = 0;; waited_ns += pause_ns) {
    uint32_t expected = 0;
    // SYNC page-lock: acquire pairs with the release of the holder before.
    is_held_ = word_.compare_exchange_strong(expected, 1, std::memory_order_acquire);
    if (is_held_ || waited_ns >= longest_wait_ns) return;
    if (waited_ns > 0 && pause_ns < kRarestLookNs) pause_ns *= 2;
    const timespec pause{0, static_cast<long>(pause_ns)};
    nanosleep(&pause, nullptr);
  }
}

PageLock::~PageLock() {
  if (is_held_) word_.store(0, std::memory_order_release);  // SYNC page-lock
  pthread_setcancelstate(cancel_state_, nullptr);
}

ForkPage& Process::Page() noexcept {
  ForkPage* page = state.page.load(std::memory_order_acquire);  // SYNC fork-page (reader)
  return page != nullptr ? *page : *MakePage();
}

uint32_t Process::Generation() noexcept {
  ForkPage& page = Page();
  uint32_t generation =
      page.generation.load(std::memory_order_acquire);  // SYNC generation (reader)
  if (generation == 0) {
    AdoptFork();
    generation = page.generation.load(std::memory_order_acquire);  // SYNC generation (reader)
  }
  return generation;
}

Segment* Process::Current() noexcept {
  return state.current.load(std::memory_order_acquire);  // SYNC current-segment (reader)
}

Segment* Process::Ensure(const Segment* retired) noexcept {
  Segment* current = Current();
  if (current != nullptr && current != retired) return current;
  const uint64_t retry_at = state.retry_at.load(std::memory_order_relaxed);
  if (current == nullptr && retry_at != 0 && CoarseNs() < retry_at) return nullptr;
  const PageLock lock{Page().opening, OpeningWaitNs()};
  if (!lock.is_held()) {
    if (!current_lane.is_opening) Page().is_opening_stuck.store(1, std::memory_order_relaxed);
    return nullptr;
  }
  current = Current();
  if (current != nullptr && current != retired) return current;
  current_lane.is_opening = true;
  Segment* next = OpenNext();
  current_lane.is_opening = false;
  if (current != nullptr) current->CloseFile();
  // SYNC current-segment (writer), and loss-hand-over: before the exchange of the losses
  state.current.store(next, std::memory_order_seq_cst);
  if (next != nullptr) HandOverLosses(next);
  Page().is_opening_stuck.store(0, std::memory_order_relaxed);
  // A switch thrown meanwhile met the old segment.
  if (next != nullptr && state.is_switched_off.load(std::memory_order_relaxed)) SetEnabled(false);
  return next;
}

void Process::CountLost(proto::LossReason reason) noexcept {
  (void)Generation();  // a child does not count in its parent's segment
  const auto i = static_cast<size_t>(reason);
  if (Segment* segment = Current()) {
    segment->header->lost[i].fetch_add(1, std::memory_order_relaxed);
    return;
  }
  // SYNC loss-hand-over (writer): before the look at the segment
  state.lost[i].fetch_add(1, std::memory_order_seq_cst);
  if (Segment* segment = state.current.load(std::memory_order_seq_cst)) HandOverLosses(segment);
}

bool Process::Configure(const ringside_config& config) noexcept {
  const ErrnoKeeper keeper;
  const PageLock lock{Page().opening, kOpeningWaitNs};
  if (!lock.is_held() || state.has_settings) return false;
  KeepConfiguration(config);
  return true;
}

void Process::SetEnabled(bool enabled) noexcept {
  if (enabled && state.has_settings && state.settings.is_disabled) return;
  state.is_switched_off.store(!enabled, std::memory_order_relaxed);
  __atomic_store_n(&ringside_on, enabled ? 1 : 0, __ATOMIC_RELAXED);
  Segment* segment = Current();
  if (segment == nullptr) return;
  if (enabled) {
    segment->header->control.fetch_or(proto::kControlEnabled, std::memory_order_relaxed);
  } else {
    segment->header->control.fetch_and(~proto::kControlEnabled, std::memory_order_relaxed);
  }
}

uint64_t Process::Lost(proto::LossReason reason) noexcept {
  const Segment* segment = Current();
  const auto i = static_cast<size_t>(reason);
  const uint64_t own = state.lost[i].load(std::memory_order_relaxed);
  return segment == nullptr ? own : own + segment->header->lost[i].load(std::memory_order_relaxed);
}

const char* Process::LastError() noexcept { return state.error.c_str(); }

}  // namespace ringside::probe
