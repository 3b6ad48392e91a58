// The request ring: where an ended request becomes one record.
#ifndef RINGSIDE_PROBE_REQUEST_RING_H_
#define RINGSIDE_PROBE_REQUEST_RING_H_

#include <cstdint>

#include "probe/lane.h"
#include "probe/slot.h"

namespace ringside::probe {

// Copies an ended slot into the ring of the thread's own lane (`is_own`), else of the shared lane,
// under a lock that is only tried. What finds no room is dropped, and counted.
void PushRequest(Lane& lane, bool is_own, const SlotRef& slot, uint32_t series,
                 uint64_t duration_ns) noexcept;

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_REQUEST_RING_H_
