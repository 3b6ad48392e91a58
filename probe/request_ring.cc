#include "probe/request_ring.h"

#include <cstring>

#include "probe/memory.h"
#include "probe/process.h"
#include "probe/sample.h"

namespace ringside::probe {
namespace {

constexpr uint64_t kGrowBytes = 16 << 10;

void CountDrop(Segment& segment, proto::DropReason reason) noexcept {
  segment.header->dropped[static_cast<size_t>(reason)].fetch_add(1, std::memory_order_relaxed);
}

bool HasRoom(const proto::Geometry& geometry, proto::Lane* lane, uint64_t end) noexcept {
  const uint64_t most = geometry.request_ring_bytes;
  if (end - lane->cached_request_tail <= most) return true;
  // SYNC ring-release (writer): the agent has copied what we write over.
  lane->cached_request_tail = lane->request_tail.load(std::memory_order_acquire);
  return end - lane->cached_request_tail <= most;
}

// Real memory up to `end`, the first time around.
bool CoverRing(Segment& segment, uint32_t lane, uint64_t end) noexcept {
  LaneMemory& memory = segment.lane_memory[lane];
  if (end <= memory.request_populated) return true;
  const uint64_t most = segment.geometry.request_ring_bytes;
  uint64_t target = RoundUp(end, kGrowBytes);
  if (target > most) target = most;
  if (!segment.Populate(segment.RequestRing(lane) + memory.request_populated,
                        target - memory.request_populated)) {
    return false;
  }
  memory.request_populated = target;
  return true;
}

// One writer at a time for each lane. False: no room.
bool Push(Segment& segment, uint32_t lane_index, const SlotRef& slot,
          const proto::RequestRecord& record) noexcept {
  proto::Lane& lane = segment.lanes[lane_index];
  const uint64_t ring_bytes = segment.geometry.request_ring_bytes;
  char* ring = segment.RequestRing(lane_index);
  const uint64_t head = lane.request_head.load(std::memory_order_relaxed);
  const uint64_t at = head & (ring_bytes - 1);
  const uint64_t padding = at + record.total_bytes > ring_bytes ? ring_bytes - at : 0;
  const uint64_t end = head + padding + record.total_bytes;
  if (!HasRoom(segment.geometry, &lane, end)) return false;
  if (!CoverRing(segment, lane_index, padding > 0 ? ring_bytes : at + record.total_bytes)) {
    return false;
  }
  if (padding > 0) {
    const uint32_t words[2] = {static_cast<uint32_t>(padding), proto::kRequestPadding};
    memcpy(ring + at, words, sizeof words);
  }
  char* place = ring + (padding > 0 ? 0 : at);
  memcpy(place, &record, sizeof record);
  memcpy(place + sizeof record, slot.entries(), record.entry_bytes);
  Bump(lane.request_records);
  lane.request_head.store(end, std::memory_order_release);  // SYNC ring-publish (writer)
  return true;
}

}  // namespace

void PushRequest(Lane& lane, bool is_own, const SlotRef& slot, uint32_t series,
                 uint64_t duration_ns) noexcept {
  const ErrnoKeeper keeper;
  Segment& segment = *slot.segment;
  const proto::SlotHead* head = slot.head;
  const uint32_t used = head->used_bytes.load(std::memory_order_relaxed);
  proto::RequestRecord record{};
  record.total_bytes = static_cast<uint32_t>(sizeof record) + used;
  if (used > slot.entry_bytes() || record.total_bytes > segment.geometry.request_ring_bytes) {
    CountDrop(segment, proto::DropReason::kTooLarge);
    return;
  }
  memcpy(record.id, head->id, sizeof record.id);
  record.start_ticks = head->start_ticks;
  record.duration_ns = duration_ns;
  record.series = series;
  record.entry_bytes = used;
  const BusyMark busy{lane};
  // A signal handler that came before the mark may have moved the lane to a new segment.
  if (is_own && lane.segment == &segment && lane.index != 0) {
    if (!Push(segment, lane.index, slot, record)) {
      Bump(segment.lanes[lane.index].request_dropped);
    }
    return;
  }
  const PageLock lock{Process::Page().shared_ring, 0};
  if (!lock.is_held() || !Push(segment, 0, slot, record)) {
    segment.lanes[0].request_dropped.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace ringside::probe
