// The clock of durations: the invariant counter of the CPU where the kernel itself keeps time by
// it, else CLOCK_MONOTONIC. Never the wall clock.
//
// Calibrated once per process, before its first segment is opened; forked children inherit it.
#ifndef RINGSIDE_PROBE_CLOCK_H_
#define RINGSIDE_PROBE_CLOCK_H_

#include <cstdint>

#include "proto/segment_format.h"
#include "proto/tick_clock.h"

namespace ringside::probe {

struct Clock {
  proto::ClockKind kind;
  uint64_t ns_per_tick_q32;
  uint64_t ticks_per_ns_q32;

  uint64_t Now() const noexcept { return proto::ReadTicks(kind); }
};

// The calibrated clock. The first call takes about 100 us, or none where the library was loaded
// long enough before. Not for two threads at once: called under the lock that opens segments.
const Clock& CalibratedClock() noexcept;

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_CLOCK_H_
