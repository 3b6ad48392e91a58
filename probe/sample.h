// One sample into one block: the plain stores of a lane's own thread, inline for the hot path.
//
// Order within a record: extremes, bucket cell, sum; the ring comes after. A kill between two of
// them leaves a count and a sum that differ by this one record.
#ifndef RINGSIDE_PROBE_SAMPLE_H_
#define RINGSIDE_PROBE_SAMPLE_H_

#include <atomic>
#include <cstdint>
#include <cstring>

#include "probe/lane.h"
#include "proto/exponential_index.h"
#include "proto/segment_format.h"

namespace ringside::probe {

// The largest sample: extremes are int64.
inline constexpr uint64_t kLargestSample = proto::kMaxValue - 1;

// Whether a signal handler of the same thread, or a kill, comes either before a Bump or after it.
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
inline constexpr bool kBumpIsOneInstruction = true;
#else
inline constexpr bool kBumpIsOneInstruction = false;
#endif

// One writer: no locked read-modify-write is needed. Readers need no order among cells, on no
// machine: each cell is one word that only grows.
[[gnu::always_inline]] inline void Bump(std::atomic<uint64_t>& cell, uint64_t amount = 1) noexcept {
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
  asm("addq %1, %0" : "+m"(cell) : "er"(amount) : "cc");
#else
  cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
#endif
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

// The cell that counts this sample, in the common case: it is positive, its page is there, and no
// extreme of the interval widens. Found without writing anything. nullptr: AddSample does all.
[[gnu::always_inline]] inline std::atomic<uint64_t>* FindCell(const Lane& lane, const BlockRef& ref,
                                                              int64_t value,
                                                              uint64_t control) noexcept {
  proto::BlockHead* block = ref.block;
  const proto::ExtremeSlot& slot = block->extremes[control & 1];
  const bool is_within =
      slot.tag.load(std::memory_order_relaxed) == (control & proto::kControlIntervalMask) + 1 &&
      value >= slot.min.load(std::memory_order_relaxed) &&
      value <= slot.max.load(std::memory_order_relaxed);
  if (__builtin_expect(!is_within || value <= 0, 0)) return nullptr;
  const proto::BucketPlace place = proto::PlaceAt(static_cast<uint64_t>(value), ref.coarser);
  const uint32_t unit = TableOf(block, false)->page[place.octave].load(std::memory_order_relaxed);
  return __builtin_expect(unit != 0, 1) ? CellAt(lane.pool, unit, place.sub) : nullptr;
}

void AddSample(Lane& lane, const BlockRef& ref, int64_t value, uint64_t control) noexcept;

// The raw record, if the agent left room for it.
[[gnu::always_inline]] inline void PushTiming(Lane& lane, const BlockRef& ref, uint64_t start_ticks,
                                              int64_t value) noexcept {
  proto::Lane& shared = *lane.shared;
  const uint64_t head = shared.timing_head.load(std::memory_order_relaxed);
  if (__builtin_expect(head - shared.cached_timing_tail > lane.ring_mask, 0)) {
    // SYNC ring-release (writer): the agent has copied what we write over.
    shared.cached_timing_tail = shared.timing_tail.load(std::memory_order_acquire);
    if (head - shared.cached_timing_tail > lane.ring_mask) {
      Bump(shared.timing_dropped);
      return;
    }
  }
  proto::TimingRecord& record = lane.ring[head & lane.ring_mask];
  record.start_ticks = start_ticks;
  record.value = static_cast<uint64_t>(value);
  const uint32_t series_and_reserved[2] = {ref.series, 0};
  memcpy(&record.series, series_and_reserved, sizeof series_and_reserved);  // one store
  shared.timing_head.store(head + 1, std::memory_order_release);  // SYNC ring-publish (writer)
}

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_SAMPLE_H_
