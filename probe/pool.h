// The pool: where blocks and bucket pages come from. Only ever taken, never given back.
//
// A lane takes a chunk at a time, populated before it is used. The shared lane takes piece by
// piece, lock-free. A reserve is kept for the blocks of overflow series: the last resort finds
// room.
#ifndef RINGSIDE_PROBE_POOL_H_
#define RINGSIDE_PROBE_POOL_H_

#include <cstdint>

#include "probe/segment.h"

namespace ringside::probe {

// Zeroed units for a lane that the caller owns; 0 when there are none.
uint32_t TakeUnits(Segment& segment, uint32_t lane, uint32_t units) noexcept;

// The same for the shared lane, from any thread.
enum class Reserve { kKeep, kUse };
uint32_t TakeSharedUnits(Segment& segment, uint32_t units, Reserve reserve) noexcept;

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_POOL_H_
