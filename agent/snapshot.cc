#include "agent/snapshot.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace ringside::agent {
namespace {

using proto::Status;

uint64_t RowOffset(const proto::Geometry& g, uint32_t lane) {
  return g.directory_offset + uint64_t{lane} * g.series_capacity * sizeof(uint32_t);
}

size_t RowBytes(uint32_t series_count) { return size_t{series_count} * sizeof(uint32_t); }

}  // namespace

Status TakeSnapshot(const SegmentFile& segment, const SegmentUse& use, const SlotImage& valid,
                    const SlotImage& idle) {
  if (use.pool_used < valid.head->pool_used || use.lanes_used < valid.head->lanes_used ||
      use.series_count < valid.head->series_count) {
    return Status::Error("its counts of used parts went backwards");
  }
  const proto::Geometry& g = segment.geometry();
  for (uint32_t lane = 0; lane < use.lanes_used; ++lane) {
    uint32_t* row = idle.directory + uint64_t{lane} * idle.series_capacity;
    Status status = segment.Read(RowOffset(g, lane), RowBytes(use.series_count), row);
    if (!status) return status;
  }
  // SYNC block-ready (agent): the rows first, then the blocks they name, which were filled
  // before. A block beyond the copied extent was taken meanwhile: it comes with the next copy.
  std::atomic_thread_fence(std::memory_order_acquire);
  if (Status s = segment.Read(g.pool_offset, use.pool_used, idle.pool); !s) return s;
  BaselineSlot& head = *idle.head;
  head.lanes_used = use.lanes_used;
  head.series_count = use.series_count;
  head.pool_used = use.pool_used;
  std::copy(use.lost.begin(), use.lost.end(), head.lost);
  std::copy(use.dropped.begin(), use.dropped.end(), head.dropped);
  return Status();
}

}  // namespace ringside::agent
