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

// Whatever the hot path could not do. Never loses a sample that a segment can hold.
void RecordCold(Form form, const Series& series, Sample sample) noexcept;

template <Form kForm>
[[gnu::always_inline]] inline void RecordInLane(Lane& lane, const BlockRef& ref, Sample sample,
                                                uint64_t control) noexcept {
  if constexpr (kForm == Form::kCounter) {
    Bump(ref.block->sum, static_cast<uint64_t>(sample.value));
    return;
  }
  AddSample(lane, ref, sample.value, control);
  if constexpr (kForm == Form::kGauge) {
    ref.block->last.store(sample.value, std::memory_order_relaxed);
    ref.block->last_ticks.store(sample.ticks,
                                std::memory_order_release);  // SYNC gauge-last (writer)
  }
  if constexpr (kForm != Form::kStage) PushTiming(lane, ref, sample.ticks, sample.value);
}

template <Form kForm>
[[gnu::always_inline]] inline void Record(const Series& series, Sample sample) noexcept {
  Lane& lane = current_lane;
  uint64_t control = 0;
  if (IsReady(lane, &control)) {
    const BusyMark busy{lane};
    const BlockRef& ref = lane.refs[series.id];
    if (__builtin_expect(ref.block != nullptr, 1)) {
      RecordInLane<kForm>(lane, ref, sample, control);
      return;
    }
  }
  RecordCold(kForm, series, sample);
}

// Nanoseconds since `start`. A clock that went back is 0, and counted.
uint64_t CountNegativeClock() noexcept;
[[gnu::always_inline]] inline int64_t ElapsedNs(uint64_t start, uint64_t end,
                                                uint64_t ns_per_tick_q32) noexcept {
  uint64_t ticks = end - start;
  if (__builtin_expect(static_cast<int64_t>(ticks) < 0, 0)) ticks = CountNegativeClock();
  const uint64_t ns = proto::TicksToNs(ticks, ns_per_tick_q32);
  return static_cast<int64_t>(ns <= kLargestSample ? ns : kLargestSample);
}

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_RECORD_H_
