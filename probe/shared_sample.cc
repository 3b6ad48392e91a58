#include "probe/shared_sample.h"

#include "probe/memory.h"
#include "probe/pool.h"
#include "probe/process.h"
#include "probe/sample.h"
#include "probe/segment_series.h"

namespace ringside::probe {
namespace {

constexpr int kTries = 100;

void Merge(proto::ExtremeSlot& slot, int64_t value) noexcept {
  int64_t min = slot.min.load(std::memory_order_relaxed);
  while (value < min && !slot.min.compare_exchange_weak(min, value, std::memory_order_relaxed)) {
  }
  int64_t max = slot.max.load(std::memory_order_relaxed);
  while (value > max && !slot.max.compare_exchange_weak(max, value, std::memory_order_relaxed)) {
  }
}

// A new interval: as the owner of a lane would, in the order of sample.cc. Under the lock.
void ResetSlot(proto::ExtremeSlot& slot, int64_t value, uint64_t interval) noexcept {
  slot.min.store(value, std::memory_order_relaxed);
  slot.max.store(value, std::memory_order_relaxed);
  slot.tag.store(interval + 1, std::memory_order_release);  // SYNC extreme-tag (writer)
}

void WidenShared(proto::BlockHead* block, int64_t value, uint64_t interval) noexcept {
  proto::ExtremeSlot& slot = block->extremes[interval & 1];
  for (int i = 0; i < kTries; ++i) {
    // SYNC extreme-tag (reader): a merge comes after the reset that set the tag.
    if (slot.tag.load(std::memory_order_acquire) > interval) {
      Merge(slot, value);
      return;
    }
    const PageLock lock{Process::Page().shared_extremes, 0};
    if (!lock.is_held()) continue;
    if (slot.tag.load(std::memory_order_relaxed) > interval) continue;
    ResetSlot(slot, value, interval);
    return;
  }
  // Whoever resets was interrupted by this very handler, or is not running: the other slot takes
  // it. An extreme may come in the wrong one of two intervals, never not at all.
  Merge(block->extremes[(interval + 1) & 1], value);
}

std::atomic<uint64_t>* SharedCell(Segment& segment, proto::BlockTable* table,
                                  proto::BucketPlace place, int scale) noexcept {
  // SYNC page-ready (reader)
  uint32_t unit = table->page[place.octave].load(std::memory_order_acquire);
  if (unit == 0) {
    const uint32_t fresh =
        TakeSharedUnits(segment, static_cast<uint32_t>(proto::PageUnits(scale)), Reserve::kKeep);
    if (fresh == 0) {
      segment.header->coarse_samples.fetch_add(1, std::memory_order_relaxed);
      return &table->coarse[place.octave];
    }
    // SYNC page-ready (writer); a page that loses the race is left over.
    if (table->page[place.octave].compare_exchange_strong(unit, fresh, std::memory_order_acq_rel)) {
      unit = fresh;
    }
  }
  return CellAt(segment.pool, unit, place.sub);
}

}  // namespace

void AddSharedSample(Segment& segment, uint32_t entry, int64_t value) noexcept {
  const ErrnoKeeper keeper;
  proto::BlockHead* block = SharedBlock(segment, entry);
  const int scale = segment.series[entry].scale;
  uint64_t interval =
      segment.header->control.load(std::memory_order_relaxed) & proto::kControlIntervalMask;
  WidenShared(block, value, interval);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // SYNC extreme-late (writer)
  const uint64_t now =
      segment.header->control.load(std::memory_order_relaxed) & proto::kControlIntervalMask;
  if (now != interval) WidenShared(block, value, now);
  if (value == 0) {
    block->zero_count.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const proto::BucketPlace place = proto::PlaceOf(Magnitude(value), scale);
  SharedCell(segment, TableOf(block, value < 0), place, scale)
      ->fetch_add(1, std::memory_order_relaxed);
  block->sum.fetch_add(static_cast<uint64_t>(value), std::memory_order_relaxed);
}

void AddSharedCount(Segment& segment, uint32_t entry, uint64_t amount) noexcept {
  SharedBlock(segment, entry)->sum.fetch_add(amount, std::memory_order_relaxed);
}

void SetSharedGauge(Segment& segment, uint32_t entry, int64_t value, uint64_t ticks) noexcept {
  proto::BlockHead* block = SharedBlock(segment, entry);
  block->last.store(value, std::memory_order_relaxed);
  block->last_ticks.store(ticks, std::memory_order_release);  // SYNC gauge-last (writer)
}

}  // namespace ringside::probe
