// A thread's place in the segment: everything its records need, one thread-local access away.
//
// One writer: its thread. A record marks the lane busy while it runs; whatever meets the mark on
// the same thread (a signal handler) goes to the shared lane. The generation is compared at each
// record, so a forked child never writes into its parent's lane.
#ifndef RINGSIDE_PROBE_LANE_H_
#define RINGSIDE_PROBE_LANE_H_

#include <atomic>
#include <cstdint>

#include "probe/clock.h"
#include "probe/segment.h"
#include "proto/segment_format.h"

namespace ringside::probe {

// Where a sample may go.
enum class Way {
  kOwnLane,
  kSharedLane,  // no lane of its own, or inside a record of this very thread
  kLost,        // no segment
  kOff,         // switched off
};

inline constexpr uint32_t kLaneBusy = ~uint32_t{0};       // in a record, or being attached
inline constexpr uint32_t kLaneDetached = kLaneBusy - 1;  // no lane

// Generations are counted up from 1 and attachments of one process from 2: these are never real.
inline constexpr uint64_t kNoAttachment = ~uint64_t{0};
inline constexpr std::atomic<uint32_t> kNoGeneration{0};
inline constexpr std::atomic<uint64_t> kNoControl{0};

struct Lane {
  // -- what every record reads --
  // The generation this lane belongs to, kLaneBusy or kLaneDetached. Read by signal handlers of
  // this thread only: relaxed, with signal fences.
  std::atomic<uint32_t> armed{kLaneDetached};
  bool has_counter_clock = false;
  const std::atomic<uint32_t>* generation = &kNoGeneration;
  const std::atomic<uint64_t>* control = &kNoControl;
  BlockRef* refs = nullptr;
  proto::Lane* shared = nullptr;  // the part of it that lies in the segment
  proto::TimingRecord* ring = nullptr;
  uint64_t ring_mask = 0;  // its records - 1
  char* pool = nullptr;
  uint64_t ns_per_tick_q32 = 0;
  uint64_t attachment = kNoAttachment;  // generation << 32 | a number never used before

  // -- the rest --
  Segment* segment = nullptr;  // also while on the shared lane of it
  uint32_t own_generation = 0;
  uint32_t index = 0;
  uint32_t lanes_freed_seen = 0;
  uint32_t slot_hint = 0;
  uint64_t random[2] = {};
  bool is_past_release = false;  // its thread is ending: no lane any more
  bool is_opening = false;       // holds the opening lock

  uint64_t Now() const noexcept {
    return has_counter_clock ? proto::ReadCounter() : proto::MonotonicNs();
  }
  // Lets go of the lane; the next record looks for one. The pointers stay: a thread that forked in
  // a signal handler, out of a record, goes on with that record in the child, in emptied memory.
  void Reset() noexcept;
  // 64 random bits, of a generator seeded once per thread and process.
  uint64_t Random() noexcept;
};

// Initial-exec: one addition to the thread pointer, also in the shared library. __thread: known to
// need no constructor, so no wrapper is called.
extern __thread Lane current_lane __attribute__((tls_model("initial-exec")));

// The cold way in: finds out where this thread's samples go now; attaches, opens, replaces, adopts
// a fork. For kOwnLane the lane is ready; for kSharedLane `segment` is set.
Way Enter(Lane& lane, Segment** segment) noexcept;

// Marks the lane busy for the length of a record. What was there before goes to EndMark.
[[gnu::always_inline]] inline uint32_t BeginMark(Lane& lane) noexcept {
  const uint32_t armed = lane.armed.load(std::memory_order_relaxed);
  lane.armed.store(kLaneBusy, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return armed;
}
[[gnu::always_inline]] inline void EndMark(Lane& lane, uint32_t armed) noexcept {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  lane.armed.store(armed, std::memory_order_relaxed);
}

class BusyMark {
 public:
  explicit BusyMark(Lane& lane) noexcept : lane_(lane), armed_(BeginMark(lane)) {}
  ~BusyMark() { EndMark(lane_, armed_); }
  uint32_t armed() const noexcept { return armed_; }
  BusyMark(const BusyMark&) = delete;
  BusyMark& operator=(const BusyMark&) = delete;

 private:
  Lane& lane_;
  const uint32_t armed_;
};

// Whether the lane may be written; `armed` is what it said before the mark. `control` is the
// control word that this record goes by. Looked at under the mark: a signal handler that came
// before it may have moved the lane to another segment.
[[gnu::always_inline]] inline bool IsReady(const Lane& lane, uint32_t armed,
                                           uint64_t* control) noexcept {
  *control = lane.control->load(std::memory_order_relaxed);
  const bool is_current = armed == lane.generation->load(std::memory_order_relaxed);
  const bool is_open =
      (*control & (proto::kControlEnabled | proto::kControlRetired)) == proto::kControlEnabled;
  return __builtin_expect(is_current && is_open, 1) != 0;
}

// For what does not write the lane itself.
inline bool IsReady(const Lane& lane) noexcept {
  uint64_t control = 0;
  return IsReady(lane, lane.armed.load(std::memory_order_relaxed), &control);
}

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_LANE_H_
