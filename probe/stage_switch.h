// The usual Next(): from one stage of a request to another, on the thread that began the request.
#ifndef RINGSIDE_PROBE_STAGE_SWITCH_H_
#define RINGSIDE_PROBE_STAGE_SWITCH_H_

#include "probe/record.h"
#include "probe/request.h"
#include "probe/stage_table.h"

namespace ringside::probe {

// Whether a stage of Next() is open on the thread, and in the attachment to its lane, that began
// the request: the slot then lies in this lane's segment, and this thread is its user already.
inline bool MaySwitch(const RequestState& state) noexcept {
  const Lane& lane = current_lane;
  return state.next.series != nullptr && state.next.step != 0 && state.owner == lane.attachment &&
         lane.has_counter_clock;
}

// Which samples it takes: only those that change one cell and the sum, or any.
enum class Taken { kUsual, kAny };

// Only where MaySwitch holds, and with room for a step. False: still not the usual case, and
// nothing was done. With kUsual it calls nothing, and so saves few registers.
template <Taken kTaken>
[[gnu::always_inline]] inline bool SwitchStage(RequestState& state, std::string_view name,
                                               uint64_t ticks) noexcept {
  const Series* next = FindStage(*state.series, name);
  if (__builtin_expect(next == nullptr, 0)) return false;
  Lane& lane = current_lane;
  StageState& stage = state.next;
  const uint32_t armed = BeginMark(lane);
  uint64_t control = 0;
  if (IsReady(lane, armed, &control)) {
    const BlockRef& ended = lane.refs[stage.series->id];
    const BlockRef& begun = lane.refs[next->id];
    const uint64_t passed = ticks - stage.start_ticks;
    const bool is_usual =
        ended.block != nullptr && begun.block != nullptr && static_cast<int64_t>(passed) >= 0;
    if (__builtin_expect(is_usual, 1)) {
      const int64_t ns = PassedNs(passed, lane.ns_per_tick_q32);
      std::atomic<uint64_t>* const cell = FindCell(lane, ended, ns, control);
      if (cell != nullptr || kTaken == Taken::kAny) {
        if (cell != nullptr) {
          Bump(*cell);
          Bump(ended.block->sum, static_cast<uint64_t>(ns));
        } else {
          AddSample(lane, ended, ns, control);
        }
        CompleteStep(state.slot, stage.step, ended.series, static_cast<uint64_t>(ns));
        stage.series = next;
        stage.start_ticks = ticks;
        stage.step = BeginStepInRoom(state.slot, &state.room, begun.series, ticks);
        EndMark(lane, armed);
        return true;
      }
    }
  }
  EndMark(lane, armed);
  return false;
}

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_STAGE_SWITCH_H_
