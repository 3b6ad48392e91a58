// Where the parts of a segment lie, for sizes that were asked for.
#ifndef RINGSIDE_PROBE_GEOMETRY_H_
#define RINGSIDE_PROBE_GEOMETRY_H_

#include <cstdint>

#include "probe/settings.h"
#include "proto/segment_format.h"

namespace ringside::probe {

// Rounds and limits the sizes; parts begin on pages, so that each can be populated by itself.
proto::Geometry LayOut(SegmentSizes sizes) noexcept;

// The largest geometry of at most `limit` bytes that these sizes shrink to (pool and request rings
// first); false when not even the smallest fits.
bool LayOutWithin(SegmentSizes sizes, uint64_t limit, proto::Geometry* geometry) noexcept;

// What a segment is made of where it must be allocated as a whole.
SegmentSizes PreallocatedSizes(SegmentSizes sizes) noexcept;

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_GEOMETRY_H_
