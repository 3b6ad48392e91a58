// The usual Next(): from one stage of a request to another, on the thread that began the request.
#ifndef RINGSIDE_PROBE_STAGE_SWITCH_H_
#define RINGSIDE_PROBE_STAGE_SWITCH_H_

#include "probe/record.h"
#include "probe/request.h"

namespace ringside::probe {

// Whether a stage of Next() is open on the thread, and in the attachment to its lane, that began
// the request: the slot then lies in this lane's segment, and this thread is its user already.
inline bool MaySwitch(const RequestState& state) noexcept {
  const Lane& lane = current_lane;
  return state.next.series != nullptr && state.next.step != 0 && state.owner == lane.attachment &&
         lane.has_counter_clock;
}

// Only where MaySwitch holds. False: still not the usual case, and nothing was done.
[[gnu::always_inline]] inline bool SwitchStage(RequestState& state, const Series& series,
                                               uint64_t ticks) noexcept {
  Lane& lane = current_lane;
  StageState& stage = state.next;
  const uint32_t armed = BeginMark(lane);
  uint64_t control = 0;
  if (IsReady(lane, armed, &control)) {
    const BlockRef& ended = lane.refs[stage.series->id];
    const BlockRef& begun = lane.refs[series.id];
    const bool is_usual = ended.block != nullptr && begun.block != nullptr &&
                          static_cast<int64_t>(ticks - stage.start_ticks) >= 0;
    if (__builtin_expect(is_usual, 1)) {
      const int64_t ns = ElapsedNs(stage.start_ticks, ticks, lane.ns_per_tick_q32);
      CountSample(lane, ended, ns, control);
      CompleteStep(state.slot, stage.step, ended.series, static_cast<uint64_t>(ns));
      stage.series = &series;
      stage.start_ticks = ticks;
      stage.step = BeginStep(state.slot, &state.room, begun.series, ticks);
      EndMark(lane, armed);
      return true;
    }
  }
  EndMark(lane, armed);
  return false;
}

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_STAGE_SWITCH_H_
