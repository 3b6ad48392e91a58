// What a request or stage turned out to be: its id, its place in time.
#include <cstring>

#include "probe/request_access.h"

using namespace ringside::probe;  // NOLINT: the C ABI stands outside the namespace it is made of
namespace proto = ringside::proto;

namespace {

// Of a request or stage that has a start, so that the clock is calibrated.
template <typename State>
uint64_t DurationOf(const State& state) noexcept {
  if (state.series == nullptr) return state.duration_ns;
  const Clock& clock = CalibratedClock();
  return static_cast<uint64_t>(ElapsedNs(state.start_ticks, clock.Now(), clock.ns_per_tick_q32));
}

}  // namespace

int ringside_request_id(const ringside_request* request, uint8_t id[16]) noexcept {
  if (request == nullptr || id == nullptr) return 0;
  const RequestState& state = StateOf(request);
  if (state.series == nullptr || !state.slot || !IsOurs(state.generation) ||
      IsEmptied(state.slot)) {
    return 0;
  }
  memcpy(id, state.slot.head->id, sizeof state.slot.head->id);
  return 1;
}

int ringside_request_span(const ringside_request* request, uint64_t* duration_ns) noexcept {
  if (request == nullptr) return 0;
  const RequestState& state = StateOf(request);
  if (state.start_ticks == 0) return 0;
  if (duration_ns != nullptr) *duration_ns = DurationOf(state);
  return 1;
}

int ringside_stage_span(const ringside_stage* stage, const ringside_request* request,
                        uint64_t* offset_ns, uint64_t* duration_ns) noexcept {
  if (stage == nullptr || request == nullptr) return 0;
  const StageState& state = StateOf(stage);
  const uint64_t origin = StateOf(request).start_ticks;
  if (state.start_ticks == 0 || origin == 0) return 0;
  if (offset_ns != nullptr) {
    // What was measured elsewhere may have begun before its request: the archive says 0 then.
    *offset_ns = state.start_ticks > origin ? proto::TicksToNs(state.start_ticks - origin,
                                                               CalibratedClock().ns_per_tick_q32)
                                            : 0;
  }
  if (duration_ns != nullptr) *duration_ns = DurationOf(state);
  return 1;
}
