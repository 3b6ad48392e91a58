// Copies a segment's statistics - directory rows and the used pool - into the idle slot of its
// baseline: one copy, then everything else works on it. Cells are never cross-validated, for the
// writer is running: a sample that is half in the copy is whole in the next.
#ifndef RINGSIDE_AGENT_SNAPSHOT_H_
#define RINGSIDE_AGENT_SNAPSHOT_H_

#include "agent/baseline_file.h"
#include "agent/segment_file.h"
#include "proto/status.h"

namespace ringside::agent {

// Fills the idle slot, which was reserved for `use`: directory, pool, their extent, the segment's
// own counters.
proto::Status TakeSnapshot(const SegmentFile& segment, const SegmentUse& use,
                           const SlotImage& valid, const SlotImage& idle);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_SNAPSHOT_H_
