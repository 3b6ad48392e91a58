#include "probe/record.h"

#include "probe/memory.h"
#include "probe/process.h"
#include "probe/segment_series.h"
#include "probe/shared_sample.h"

namespace ringside::probe {
namespace {

void RecordInOwnLane(Lane& lane, Form form, const BlockRef& ref, Sample sample,
                     uint64_t control) noexcept {
  if (form == Form::kCounter) {
    Bump(ref.block->sum, static_cast<uint64_t>(sample.value));
    return;
  }
  AddSample(lane, ref, sample.value, control);
  if (form == Form::kGauge) return AddDetail<Form::kGauge>(lane, ref, sample);
  if (form == Form::kTimed) AddDetail<Form::kTimed>(lane, ref, sample);
}

// The shared lane has statistics only: its timing record is dropped, and counted.
void RecordInSharedLane(Segment& segment, Form form, const Series& series, Sample sample) noexcept {
  const uint32_t entry = EntryOf(segment, series);
  if (form == Form::kCounter) {
    AddSharedCount(segment, entry, static_cast<uint64_t>(sample.value));
    return;
  }
  AddSharedSample(segment, entry, sample.value);
  if (form == Form::kGauge) SetSharedGauge(segment, entry, sample.value, sample.ticks);
  if (form != Form::kStage) {
    segment.lanes[0].timing_dropped.fetch_add(1, std::memory_order_relaxed);
  }
}

// The hot path reads the clock of the lane; a thread without one comes here without a time.
void Stamp(const Segment& segment, Form form, const Series& series, Sample* sample) noexcept {
  if (sample->ticks != 0) return;
  if (form == Form::kGauge) sample->ticks = segment.clock.Now();
  if (form != Form::kTimed || series.kind != proto::Kind::kDuration) return;
  const uint64_t now = segment.clock.Now();
  const uint64_t ticks =
      proto::TicksToNs(static_cast<uint64_t>(sample->value), segment.clock.ticks_per_ns_q32);
  sample->ticks = ticks < now ? now - ticks : 1;
}

}  // namespace

[[gnu::cold]] const BlockRef* FindRef(Lane& lane, const Series& series) noexcept {
  BlockRef& ref = lane.refs[series.id];
  if (ref.block != nullptr) return &ref;
  const ErrnoKeeper keeper;
  const BusyMark busy{lane};
  Segment& segment = *lane.segment;
  const uint32_t entry = EntryOf(segment, series);
  proto::BlockHead* block = OwnBlock(segment, lane.index, entry);
  if (block == nullptr) return nullptr;
  ref.series = entry;
  ref.coarser = static_cast<uint32_t>(proto::kMaxScale) - segment.series[entry].scale;
  ref.block = block;
  return &ref;
}

[[gnu::cold]] void RecordCold(Form form, const Series& series, Sample sample) noexcept {
  Lane& lane = current_lane;
  Segment* segment = nullptr;
  const Way way = Enter(lane, &segment);
  if (way == Way::kOff) return;
  if (segment == nullptr) {
    Process::CountLost(proto::LossReason::kNoSegment);
    return;
  }
  Stamp(*segment, form, series, &sample);
  const BusyMark busy{lane};
  // A signal handler that came before the mark may have moved the lane to a new segment.
  const bool is_own = way == Way::kOwnLane && lane.segment == segment && lane.index != 0;
  const BlockRef* ref = is_own ? FindRef(lane, series) : nullptr;
  if (ref == nullptr) {
    RecordInSharedLane(*segment, form, series, sample);
    return;
  }
  RecordInOwnLane(lane, form, *ref, sample, lane.control->load(std::memory_order_relaxed));
}

[[gnu::cold]] void RecordUncommon(Form form, const BlockRef& ref, Sample sample, uint64_t control,
                                  uint32_t armed) noexcept {
  RecordInOwnLane(current_lane, form, ref, sample, control);
  EndMark(current_lane, armed);
}

[[gnu::cold]] uint64_t CountNegativeClock() noexcept {
  Segment* segment = nullptr;
  const Way way = Enter(current_lane, &segment);
  if (way == Way::kOwnLane || way == Way::kSharedLane) {
    segment->header->negative_clock.fetch_add(1, std::memory_order_relaxed);
  }
  return 0;
}

}  // namespace ringside::probe
