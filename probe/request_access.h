// How the calls on requests and stages reach the segment and the slot.
//
// Every object here lives within one call, on the stack of its thread.
#ifndef RINGSIDE_PROBE_REQUEST_ACCESS_H_
#define RINGSIDE_PROBE_REQUEST_ACCESS_H_

#include <cstdint>

#include "probe/lane.h"
#include "probe/process.h"
#include "probe/record.h"
#include "probe/request.h"
#include "probe/segment_series.h"

namespace ringside::probe {

inline RequestState& StateOf(ringside_request* request) noexcept {
  return *reinterpret_cast<RequestState*>(request);
}
inline const RequestState& StateOf(const ringside_request* request) noexcept {
  return *reinterpret_cast<const RequestState*>(request);
}
inline StageState& StateOf(ringside_stage* stage) noexcept {
  return *reinterpret_cast<StageState*>(stage);
}
inline const StageState& StateOf(const ringside_stage* stage) noexcept {
  return *reinterpret_cast<const StageState*>(stage);
}

// How this thread reaches the segment, and what time it is there.
struct Access {
  Lane& lane = current_lane;
  Segment* segment = nullptr;
  bool is_own = false;
  Way way = Way::kOwnLane;

  Access() noexcept {
    if (IsReady(lane)) {
      segment = lane.segment;
      is_own = true;
      return;
    }
    way = Enter(lane, &segment);
    is_own = way == Way::kOwnLane;
  }
  uint64_t Now() const noexcept { return segment->clock.Now(); }
  int64_t NsSince(uint64_t start_ticks, uint64_t ticks) const noexcept {
    return ElapsedNs(start_ticks, ticks, segment->clock.ns_per_tick_q32);
  }
  // When what ends at `ticks` began. Never 0, the mark of what did not begin.
  uint64_t StartOf(uint64_t ticks, uint64_t ns) const noexcept {
    const uint64_t before = proto::TicksToNs(ns, segment->clock.ticks_per_ns_q32);
    return before < ticks ? ticks - before : 1;
  }
  // The table index of `series` in `in`, which may be a segment that was retired meanwhile.
  uint32_t EntryIn(Segment& in, const Series& series) const noexcept {
    if (is_own && &in == segment) {
      if (const BlockRef* ref = RefOf(lane, series)) return ref->series;
    }
    return EntryOf(in, series);
  }
};

// The child of a fork does not go on with its parent's requests. Reads the generation without the
// kernel's help as long as the lane is attached.
inline bool IsOurs(uint32_t generation) noexcept {
  const Lane& lane = current_lane;
  const uint32_t here = lane.generation->load(std::memory_order_relaxed);
  return generation == (here != 0 ? here : Process::Generation());
}

inline bool IsEmptied(const SlotRef& slot) noexcept {
  return slot.segment->is_emptied.load(std::memory_order_relaxed);
}

// Holds a slot for writing: the thread that began the request is its user already.
class SlotUse {
 public:
  SlotUse(const SlotRef& slot, uint64_t owner) noexcept : slot_(slot) {
    if (!slot || IsEmptied(slot)) return;
    is_owner_ = owner != 0 && owner == current_lane.attachment;
    may_write_ = is_owner_ || EnterSlot(slot);
  }
  ~SlotUse() {
    if (may_write_ && !is_owner_) LeaveSlot(slot_);
  }
  SlotUse(const SlotUse&) = delete;
  SlotUse& operator=(const SlotUse&) = delete;
  explicit operator bool() const noexcept { return may_write_; }

 private:
  const SlotRef& slot_;
  bool is_owner_ = false;
  bool may_write_ = false;
};

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_REQUEST_ACCESS_H_
