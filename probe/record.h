// A whole record: histogram, ring, gauge; from the API down to the lane.
#ifndef RINGSIDE_PROBE_RECORD_H_
#define RINGSIDE_PROBE_RECORD_H_

#include <cstdint>

#include "probe/lane.h"
#include "probe/sample.h"
#include "probe/series.h"

namespace ringside::probe {

// What a sample is besides its histogram.
enum class Form {
  kTimed,    // and a timing record
  kStage,    // its raw detail travels with its request
  kCounter,  // only a sum
  kGauge,    // and a timing record, and the last value
};

struct Sample {
  int64_t value;
  uint64_t ticks;  // of its start; 0: no clock was read
};

// Where the thread's own lane counts this series, made when it is not there yet; nullptr: no
// memory, the shared lane takes it. Only on the way kOwnLane.
const BlockRef* FindRef(Lane& lane, const Series& series) noexcept;

inline const BlockRef* RefOf(Lane& lane, const Series& series) noexcept {
  const BlockRef& ref = lane.refs[series.id];
  return __builtin_expect(ref.block != nullptr, 1) ? &ref : FindRef(lane, series);
}

// Whatever the hot path could not do. Never loses a sample that a segment can hold.
void RecordCold(Form form, const Series& series, Sample sample) noexcept;

// The rest of a record whose lane is marked: an extreme widens, or a page is missing.
void RecordUncommon(Form form, const BlockRef& ref, Sample sample, uint64_t control,
                    uint32_t armed) noexcept;

// What a record is besides its place in the histogram.
template <Form kForm>
[[gnu::always_inline]] inline void AddDetail(Lane& lane, const BlockRef& ref,
                                             Sample sample) noexcept {
  if constexpr (kForm == Form::kGauge) {
    ref.block->last.store(sample.value, std::memory_order_relaxed);
    ref.block->last_ticks.store(sample.ticks,
                                std::memory_order_release);  // SYNC gauge-last (writer)
  }
  if constexpr (kForm != Form::kStage) PushTiming(lane, ref, sample.ticks, sample.value);
}

// A whole record into a lane that is ready and marked; ends the mark. Calls only what it ends with:
// the common way saves no register.
template <Form kForm>
[[gnu::always_inline]] inline void RecordMarked(Lane& lane, const BlockRef& ref, Sample sample,
                                                uint64_t control, uint32_t armed) noexcept {
  std::atomic<uint64_t>* cell = FindCell(lane, ref, sample.value, control);
  if (__builtin_expect(cell == nullptr, 0)) {
    return RecordUncommon(kForm, ref, sample, control, armed);
  }
  Bump(*cell);
  Bump(ref.block->sum, static_cast<uint64_t>(sample.value));
  AddDetail<kForm>(lane, ref, sample);
  EndMark(lane, armed);
}

template <Form kForm>
[[gnu::always_inline]] inline void Record(const Series& series, Sample sample) noexcept {
  Lane& lane = current_lane;
  const uint32_t armed = BeginMark(lane);
  uint64_t control = 0;
  if (IsReady(lane, armed, &control)) {
    const BlockRef& ref = lane.refs[series.id];
    if (__builtin_expect(ref.block != nullptr, 1)) {
      return RecordMarked<kForm>(lane, ref, sample, control, armed);
    }
  }
  EndMark(lane, armed);
  RecordCold(kForm, series, sample);
}

inline void AddCount(const Series& series, uint64_t number) noexcept {
  Lane& lane = current_lane;
  const Sample sample{static_cast<int64_t>(number), 0};
  if constexpr (kBumpIsOneInstruction) {
    // No mark: what a signal handler records comes before the addition or after it.
    if (IsReady(lane)) {
      proto::BlockHead* block = lane.refs[series.id].block;
      if (__builtin_expect(block != nullptr, 1)) return Bump(block->sum, number);
    }
  } else {
    const BusyMark busy{lane};
    uint64_t control = 0;
    if (IsReady(lane, busy.armed(), &control)) {
      proto::BlockHead* block = lane.refs[series.id].block;
      if (__builtin_expect(block != nullptr, 1)) return Bump(block->sum, number);
    }
  }
  RecordCold(Form::kCounter, series, sample);
}

// Of ticks that passed.
[[gnu::always_inline]] inline int64_t PassedNs(uint64_t ticks, uint64_t ns_per_tick_q32) noexcept {
  const uint64_t ns = proto::TicksToNs(ticks, ns_per_tick_q32);
  return static_cast<int64_t>(ns <= kLargestSample ? ns : kLargestSample);
}

// Nanoseconds since `start`. A clock that went back is 0, and counted.
uint64_t CountNegativeClock() noexcept;
[[gnu::always_inline]] inline int64_t ElapsedNs(uint64_t start, uint64_t end,
                                                uint64_t ns_per_tick_q32) noexcept {
  uint64_t ticks = end - start;
  if (__builtin_expect(static_cast<int64_t>(ticks) < 0, 0)) ticks = CountNegativeClock();
  return PassedNs(ticks, ns_per_tick_q32);
}

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_RECORD_H_
