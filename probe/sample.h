// One sample into one block: the plain stores of a lane's own thread, inline for the hot path.
//
// Order within a record: extremes, bucket cell, sum; the ring comes after. A kill between two of
// them leaves a count and a sum that differ by this one record.
#ifndef RINGSIDE_PROBE_SAMPLE_H_
#define RINGSIDE_PROBE_SAMPLE_H_

#include <atomic>
#include <cstdint>

#include "probe/lane.h"
#include "proto/exponential_index.h"
#include "proto/segment_format.h"

namespace ringside::probe {

// The largest sample: extremes are int64.
inline constexpr uint64_t kLargestSample = proto::kMaxValue - 1;

// One writer: no read-modify-write is needed.
inline void Bump(std::atomic<uint64_t>& cell, uint64_t amount = 1) noexcept {
  cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

inline proto::BlockTable* TableOf(proto::BlockHead* block, bool is_negative) noexcept {
  return reinterpret_cast<proto::BlockTable*>(block + 1) + (is_negative ? 1 : 0);
}

inline std::atomic<uint64_t>* CellAt(char* pool, uint32_t unit, uint32_t sub) noexcept {
  return reinterpret_cast<std::atomic<uint64_t>*>(pool + uint64_t{unit} * proto::kPoolUnitBytes) +
         sub;
}

inline uint64_t Magnitude(int64_t value) noexcept {
  return value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
}

// The cell of a bucket whose page is not there: makes the page, else falls back to the coarse cell.
std::atomic<uint64_t>* GrowCell(Lane& lane, proto::BlockTable* table, proto::BucketPlace place,
                                uint32_t scale) noexcept;

// A new extreme of the interval that `control` names.
void WidenExtremes(const Lane& lane, proto::BlockHead* block, int64_t value,
                   uint64_t control) noexcept;

[[gnu::always_inline]] inline void AddSample(Lane& lane, const BlockRef& ref, int64_t value,
                                             uint64_t control) noexcept {
  proto::BlockHead* block = ref.block;
  const proto::ExtremeSlot& slot = block->extremes[control & 1];
  const bool is_within =
      slot.tag.load(std::memory_order_relaxed) == (control & proto::kControlIntervalMask) + 1 &&
      value >= slot.min.load(std::memory_order_relaxed) &&
      value <= slot.max.load(std::memory_order_relaxed);
  if (__builtin_expect(!is_within, 0)) WidenExtremes(lane, block, value, control);
  if (__builtin_expect(value == 0, 0)) {
    Bump(block->zero_count);
    return;
  }
  const proto::BucketPlace place = proto::PlaceOf(Magnitude(value), static_cast<int>(ref.scale));
  proto::BlockTable* table = TableOf(block, value < 0);
  const uint32_t unit = table->page[place.octave].load(std::memory_order_relaxed);
  Bump(__builtin_expect(unit != 0, 1) ? *CellAt(lane.pool, unit, place.sub)
                                      : *GrowCell(lane, table, place, ref.scale));
  Bump(block->sum, static_cast<uint64_t>(value));
}

// The raw record, if the agent left room for it.
[[gnu::always_inline]] inline void PushTiming(Lane& lane, const BlockRef& ref, uint64_t start_ticks,
                                              int64_t value) noexcept {
  proto::Lane& shared = *lane.shared;
  const uint64_t head = shared.timing_head.load(std::memory_order_relaxed);
  if (__builtin_expect(head - shared.cached_timing_tail >= lane.ring_records, 0)) {
    // SYNC ring-release (writer): the agent has copied what we write over.
    shared.cached_timing_tail = shared.timing_tail.load(std::memory_order_acquire);
    if (head - shared.cached_timing_tail >= lane.ring_records) {
      Bump(shared.timing_dropped);
      return;
    }
  }
  proto::TimingRecord& record = lane.ring[head & (lane.ring_records - 1)];
  record.start_ticks = start_ticks;
  record.value = static_cast<uint64_t>(value);
  record.series = ref.series;
  record.reserved = 0;
  shared.timing_head.store(head + 1, std::memory_order_release);  // SYNC ring-publish (writer)
}

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_SAMPLE_H_
