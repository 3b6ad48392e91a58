// Operations and timers of the C ABI: the hottest path of all.
#include <ringside/probe_c.h>

#include "probe/process.h"
#include "probe/record.h"
#include "probe/segment_series.h"
#include "probe/series_registry.h"
#include "proto/inflight_word.h"

namespace ringside::probe {
namespace {

struct TimerState {
  uint64_t start_ticks;
  uint64_t saved_in_flight;
  const Series* series;  // with the outcome it will have
  uint64_t
      attachment;  // the lane it was started in; generation << 32 | 1 without one; 0: not started
  uint64_t reserved[2];
};
static_assert(sizeof(TimerState) == sizeof(ringside_timer));

TimerState& StateOf(ringside_timer* timer) noexcept {
  return *reinterpret_cast<TimerState*>(timer);
}

constexpr uint64_t kUnattached = 1;

using ReadClock = uint64_t();

// The clock is read last: what comes before is not part of what is timed.
template <ReadClock kRead>
[[gnu::always_inline]] inline void StartInLane(Lane& lane, TimerState& state,
                                               uint32_t series) noexcept {
  state.attachment = lane.attachment;
  state.saved_in_flight = lane.shared->in_flight.load(std::memory_order_relaxed);
  const uint64_t ticks = kRead();
  lane.shared->in_flight.store(proto::InFlightWord(series, ticks), std::memory_order_relaxed);
  state.start_ticks = ticks;
}

[[gnu::cold, gnu::noinline]] void StartCold(TimerState& state) noexcept {
  Lane& lane = current_lane;
  Segment* segment = nullptr;
  const Way way = Enter(lane, &segment);
  state.attachment = 0;
  if (way == Way::kOff) return;
  if (way == Way::kOwnLane) {
    if (const BlockRef* ref = FindRef(lane, *state.series)) {
      if (lane.has_counter_clock) return StartInLane<proto::ReadCounter>(lane, state, ref->series);
      return StartInLane<proto::MonotonicNs>(lane, state, ref->series);
    }
  }
  state.attachment = uint64_t{Process::Generation()} << 32 | kUnattached;
  // Without a segment there is no calibrated clock either, and the sample is only counted as lost.
  state.start_ticks = segment != nullptr ? segment->clock.Now() : 0;
}

template <ReadClock kRead>
[[gnu::always_inline]] inline void Start(TimerState& state) noexcept {
  Lane& lane = current_lane;
  if (IsReady(lane)) {
    const BlockRef& ref = lane.refs[state.series->id];
    if (__builtin_expect(ref.block != nullptr, 1)) {
      return StartInLane<kRead>(lane, state, ref.series);
    }
  }
  StartCold(state);
}

[[gnu::noinline]] void StartByMonotonic(TimerState& state) noexcept {
  Start<proto::MonotonicNs>(state);
}

[[gnu::cold, gnu::noinline]] void EndCold(TimerState& state, uint64_t ticks) noexcept {
  Lane& lane = current_lane;
  const uint64_t attachment = state.attachment;
  state.attachment = 0;
  // Not started; or started in the parent of this process, which counts it.
  if (attachment == 0 || attachment >> 32 != Process::Generation()) return;
  Segment* segment = nullptr;
  const Way way = Enter(lane, &segment);
  if (attachment == lane.attachment) {
    lane.shared->in_flight.store(state.saved_in_flight, std::memory_order_relaxed);
  }
  if (way == Way::kOff) return;
  if (segment == nullptr || state.start_ticks == 0) {
    Process::CountLost(proto::LossReason::kNoSegment);
    return;
  }
  if (!lane.has_counter_clock) ticks = segment->clock.Now();
  const int64_t ns = ElapsedNs(state.start_ticks, ticks, segment->clock.ns_per_tick_q32);
  RecordCold(Form::kTimed, *state.series, {ns, state.start_ticks});
}

[[gnu::always_inline]] inline void End(TimerState& state, uint64_t ticks) noexcept {
  Lane& lane = current_lane;
  const uint32_t armed = BeginMark(lane);
  uint64_t control = 0;
  if (__builtin_expect(state.attachment == lane.attachment, 1) && IsReady(lane, armed, &control)) {
    const BlockRef& ref = lane.refs[state.series->id];
    const uint64_t start_ticks = state.start_ticks;
    const uint64_t passed = ticks - start_ticks;
    if (__builtin_expect(ref.block != nullptr && static_cast<int64_t>(passed) >= 0, 1)) {
      lane.shared->in_flight.store(state.saved_in_flight, std::memory_order_relaxed);
      state.attachment = 0;
      const int64_t ns = PassedNs(passed, lane.ns_per_tick_q32);
      return RecordMarked<Form::kTimed>(lane, ref, {ns, start_ticks}, control, armed);
    }
  }
  EndMark(lane, armed);
  EndCold(state, ticks);
}

[[gnu::noinline]] void EndByMonotonic(TimerState& state) noexcept {
  End(state, proto::MonotonicNs());
}

}  // namespace
}  // namespace ringside::probe

using namespace ringside::probe;  // NOLINT: the C ABI stands outside the namespace it is made of
namespace proto = ringside::proto;

namespace {

const Series* SeriesOf(const ringside_operation* operation) {
  return reinterpret_cast<const Series*>(operation);
}

const ringside_operation* HandleOf(const Series* series) {
  return reinterpret_cast<const ringside_operation*>(series);
}

}  // namespace

const ringside_operation* ringside_operation_get(ringside_text path, const ringside_label* labels,
                                                 size_t label_count) noexcept {
  LabelSet set{labels, label_count};
  SeriesSpec spec;
  spec.path = View(path);
  spec.labels = set.Encode();
  return HandleOf(SeriesRegistry::Find(spec));
}

const ringside_operation* ringside_operation_with(const ringside_operation* operation,
                                                  const ringside_label* labels,
                                                  size_t label_count) noexcept {
  if (operation == nullptr) return nullptr;
  LabelSet set{labels, label_count};
  return HandleOf(SeriesRegistry::WithLabels(*SeriesOf(operation), set));
}

void ringside_operation_record(const ringside_operation* operation, uint64_t nanoseconds,
                               ringside_outcome outcome, ringside_text error_type) noexcept {
  if (operation == nullptr) return;
  const Series* series = SeriesOf(operation);
  if (__builtin_expect(outcome != RINGSIDE_OK, 0)) {
    series = SeriesRegistry::WithOutcome(*series, static_cast<proto::Outcome>(outcome),
                                         View(error_type));
  }
  if (nanoseconds > kLargestSample) nanoseconds = kLargestSample;
  Lane& lane = current_lane;
  uint64_t start = 0;
  if (lane.attachment != kNoAttachment) {
    const uint64_t now = lane.Now();
    const uint64_t ticks = proto::TicksToNs(nanoseconds, lane.segment->clock.ticks_per_ns_q32);
    start = ticks < now ? now - ticks : 1;
  }
  Record<Form::kTimed>(*series, {static_cast<int64_t>(nanoseconds), start});
}

void ringside_timer_start(ringside_timer* timer, const ringside_operation* operation) noexcept {
  TimerState& state = StateOf(timer);
  state.series = SeriesOf(operation);
  if (__builtin_expect(operation == nullptr, 0)) {
    state.attachment = 0;
    return;
  }
  // Without a lane, too, the clock is not known to be the counter.
  if (__builtin_expect(!current_lane.has_counter_clock, 0)) return StartByMonotonic(state);
  Start<proto::ReadCounter>(state);
}

void ringside_timer_end(ringside_timer* timer) noexcept {
  if (__builtin_expect(!current_lane.has_counter_clock, 0)) return EndByMonotonic(StateOf(timer));
  End(StateOf(timer), proto::ReadCounter());
}

void ringside_timer_fail(ringside_timer* timer, ringside_text error_type) noexcept {
  TimerState& state = StateOf(timer);
  if (state.attachment == 0 || state.series->outcome != proto::Outcome::kOk) return;
  state.series =
      SeriesRegistry::WithOutcome(*state.series, proto::Outcome::kError, View(error_type));
}
