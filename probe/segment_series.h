// The segment's series table, its strings, and the blocks of lanes: registration, out of the hot
// path.
//
// Lock-free. A writer killed or forked away half-way leaves an entry reserved for ever and nobody
// waiting; two threads that register the same series at once make a duplicate, which is legal.
#ifndef RINGSIDE_PROBE_SEGMENT_SERIES_H_
#define RINGSIDE_PROBE_SEGMENT_SERIES_H_

#include <cstdint>
#include <string_view>

#include "probe/segment.h"
#include "probe/series.h"

namespace ringside::probe {

// The table index of a series in this segment: its own, or that of the overflow series that stands
// in for it. Its block in the shared lane exists.
uint32_t EntryOf(Segment& segment, const Series& series) noexcept;

// The shared lane's block of an entry; never nullptr for an index that EntryOf gave.
proto::BlockHead* SharedBlock(Segment& segment, uint32_t entry) noexcept;

// The block of an entry in a lane that the caller owns; nullptr when there is no memory for it.
proto::BlockHead* OwnBlock(Segment& segment, uint32_t lane, uint32_t entry) noexcept;

// For Segment::Open alone.
bool AddGlobalSeries(Segment& segment) noexcept;
bool AppendString(Segment& segment, std::string_view text, uint32_t* offset) noexcept;

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_SEGMENT_SERIES_H_
