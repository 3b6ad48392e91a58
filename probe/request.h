// What the caller's storage holds of an open request and of its stages.
#ifndef RINGSIDE_PROBE_REQUEST_H_
#define RINGSIDE_PROBE_REQUEST_H_

#include <cstdint>

#include <ringside/probe_c.h>

#include "probe/series.h"
#include "probe/slot.h"

namespace ringside::probe {

struct StageState {
  const Series* series;  // with the outcome it will have; nullptr: not begun, or ended
  uint64_t start_ticks;
  SlotRef slot;  // {}: no detail
  EntryId step;
  uint32_t generation;  // of the process that began it
  uint64_t owner;  // attachment of the thread that may use the slot without entering it; 0 none
  uint64_t duration_ns;  // once it has ended
};
static_assert(sizeof(StageState) == sizeof(ringside_stage));

struct RequestState {
  const Series* series;  // with the outcome ok; nullptr: not begun, or ended
  const Series* failed;  // with its error type, once it failed
  uint64_t start_ticks;
  SlotRef slot;
  uint32_t generation;
  uint32_t reserved0;
  uint64_t owner;        // attachment of the thread that began it
  StepRoom room;         // of `next`
  uint64_t duration_ns;  // once it has ended
  StageState next;       // of ringside_request_next
};
static_assert(sizeof(RequestState) == sizeof(ringside_request));

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_REQUEST_H_
