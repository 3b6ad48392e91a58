#include "probe/sample.h"

#include "probe/memory.h"
#include "probe/pool.h"

namespace ringside::probe {
namespace {

// Into the slot of one interval. False: it was within the extremes already.
bool Widen(proto::BlockHead* block, int64_t value, uint64_t interval) noexcept {
  proto::ExtremeSlot& slot = block->extremes[interval & 1];
  if (slot.tag.load(std::memory_order_relaxed) < interval + 1) {
    slot.min.store(value, std::memory_order_relaxed);
    slot.max.store(value, std::memory_order_relaxed);
    // SYNC extreme-tag (writer): a reader that acquires the tag sees this interval's extremes.
    slot.tag.store(interval + 1, std::memory_order_release);
    return true;
  }
  // A newer tag: this thread read the control word before it moved. Merged, never lost.
  const bool is_lower = value < slot.min.load(std::memory_order_relaxed);
  const bool is_higher = value > slot.max.load(std::memory_order_relaxed);
  if (is_lower) slot.min.store(value, std::memory_order_relaxed);
  if (is_higher) slot.max.store(value, std::memory_order_relaxed);
  return is_lower || is_higher;
}

// A new extreme of the interval that `control` names.
void WidenExtremes(const Lane& lane, proto::BlockHead* block, int64_t value,
                   uint64_t control) noexcept {
  uint64_t interval = control & proto::kControlIntervalMask;
  for (int i = 0; i < 3; ++i) {
    if (!Widen(block, value, interval)) return;
    // SYNC extreme-late (writer): either this thread sees that the interval moved, or the agent,
    // which moves it and then fences and reads, sees the extreme. Both sides need the full fence.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const uint64_t now =
        lane.control->load(std::memory_order_relaxed) & proto::kControlIntervalMask;
    if (now == interval) return;
    interval = now;
  }
}

// The cell of a bucket whose page is not there: makes the page, else falls back to the coarse cell.
std::atomic<uint64_t>* GrowCell(Lane& lane, proto::BlockTable* table, proto::BucketPlace place,
                                int scale) noexcept {
  const ErrnoKeeper keeper;
  const auto units = static_cast<uint32_t>(proto::PageUnits(scale));
  const uint32_t unit = TakeUnits(*lane.segment, lane.index, units);
  if (unit == 0) {
    lane.segment->header->coarse_samples.fetch_add(1, std::memory_order_relaxed);
    return &table->coarse[place.octave];
  }
  // SYNC page-ready (writer): the page is zero before the table names it.
  table->page[place.octave].store(unit, std::memory_order_release);
  return CellAt(lane.pool, unit, place.sub);
}

}  // namespace

[[gnu::cold]] void AddSample(Lane& lane, const BlockRef& ref, int64_t value,
                             uint64_t control) noexcept {
  WidenExtremes(lane, ref.block, value, control);
  if (value == 0) {
    Bump(ref.block->zero_count);
    return;
  }
  const proto::BucketPlace place = proto::PlaceAt(Magnitude(value), ref.coarser);
  proto::BlockTable* table = TableOf(ref.block, value < 0);
  const uint32_t unit = table->page[place.octave].load(std::memory_order_relaxed);
  Bump(unit != 0 ? *CellAt(lane.pool, unit, place.sub)
                 : *GrowCell(lane, table, place, proto::kMaxScale - static_cast<int>(ref.coarser)));
  Bump(ref.block->sum, static_cast<uint64_t>(value));
}

}  // namespace ringside::probe
