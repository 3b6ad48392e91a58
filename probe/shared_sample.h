// One sample into the shared lane: the same cells as sample.h, by atomic read-modify-writes, for
// threads without a lane, re-entered records, and samples whose own block found no memory.
#ifndef RINGSIDE_PROBE_SHARED_SAMPLE_H_
#define RINGSIDE_PROBE_SHARED_SAMPLE_H_

#include <cstdint>

#include "probe/segment.h"

namespace ringside::probe {

// Never waits, never fails; `entry` is one that EntryOf gave.
void AddSharedSample(Segment& segment, uint32_t entry, int64_t value) noexcept;
void AddSharedCount(Segment& segment, uint32_t entry, uint64_t amount) noexcept;
void SetSharedGauge(Segment& segment, uint32_t entry, int64_t value, uint64_t ticks) noexcept;

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_SHARED_SAMPLE_H_
