// Requests and stages of the C ABI.
#include <cstring>

#include "probe/request_access.h"
#include "probe/request_ring.h"
#include "probe/series_registry.h"
#include "probe/stage_switch.h"

namespace ringside::probe {
namespace {

// RFC 4122 version 4, from the thread's own generator: no system call.
void FillUuid(Lane& lane, uint8_t (&id)[16]) noexcept {
  const uint64_t words[2] = {lane.Random(), lane.Random()};
  memcpy(id, words, sizeof id);
  id[6] = static_cast<uint8_t>((id[6] & 0x0fu) | 0x40u);
  id[8] = static_cast<uint8_t>((id[8] & 0x3fu) | 0x80u);
}

void OpenDetail(const Access& access, ringside_text id, const ringside_attribute* attributes,
                size_t count, RequestState* state) noexcept {
  state->slot = TakeSlot(*access.segment, &access.lane.slot_hint);
  if (!state->slot) return;
  proto::SlotHead* head = state->slot.head;
  FillUuid(access.lane, head->id);
  head->start_ticks = state->start_ticks;
  head->series_ok = access.EntryIn(*access.segment, *state->series);
  if (id.size > 0 && id.data != nullptr) {
    ringside_attribute attribute{};
    attribute.key = {proto::kRequestIdAttribute, strlen(proto::kRequestIdAttribute)};
    attribute.type = RINGSIDE_STRING;
    attribute.value.text = id;
    AddAttribute(state->slot, 0, attribute);
  }
  for (size_t i = 0; attributes != nullptr && i < count; ++i) {
    AddAttribute(state->slot, 0, attributes[i]);
  }
  OpenSlot(state->slot);
}

// `use` is of the request's slot, here and below. Without a room the step is reserved by itself.
void BeginStage(const Access& access, const RequestState& request, const Series& series,
                uint64_t ticks, uint64_t owner, const SlotUse& use, StepRoom* room,
                StageState* stage) noexcept {
  stage->series = &series;
  stage->start_ticks = ticks;
  stage->slot = request.slot;
  stage->generation = request.generation;
  stage->owner = owner;
  stage->step = 0;
  if (!use) return;
  const uint32_t entry = access.EntryIn(*stage->slot.segment, series);
  StepRoom single{};
  if (room == nullptr && !TakeRoom(stage->slot, 1, &single)) return;
  stage->step = BeginStep(stage->slot, room != nullptr ? room : &single, entry, ticks);
}

// With the outcome that `outcome` names, unless it failed before.
void FinishStage(const Access& access, StageState* stage, proto::Outcome outcome,
                 std::string_view error_type, int64_t ns, const SlotUse& use) noexcept {
  const Series* series = stage->series;
  stage->series = nullptr;
  if (series->outcome == proto::Outcome::kOk && outcome != proto::Outcome::kOk) {
    series = SeriesRegistry::WithOutcome(*series, outcome, error_type);
  }
  stage->duration_ns = static_cast<uint64_t>(ns);
  Record<Form::kStage>(*series, {ns, 0});
  if (!use || stage->step == 0) return;
  EndStep(stage->slot, stage->step, access.EntryIn(*stage->slot.segment, *series),
          static_cast<uint64_t>(ns));
}

[[gnu::noinline]] const Series* LabelledStage(const RequestState& request, ringside_text name,
                                              const ringside_label* labels,
                                              size_t label_count) noexcept {
  LabelSet set{labels, label_count};
  return SeriesRegistry::Stage(*request.series, View(name), set);
}

const Series* StageSeries(const RequestState& request, ringside_text name,
                          const ringside_label* labels, size_t label_count) noexcept {
  return __builtin_expect(label_count == 0, 1) ? SeriesRegistry::Stage(*request.series, View(name))
                                               : LabelledStage(request, name, labels, label_count);
}

void RecordValue(const Series& parent, ringside_text name, ringside_text unit,
                 double number) noexcept {
  ringside_value_record(reinterpret_cast<const ringside_value*>(
                            SeriesRegistry::ValueOf(parent, View(name), View(unit))),
                        number);
}

ringside_attribute NumberAttribute(ringside_text name, double number) noexcept {
  ringside_attribute attribute{};
  attribute.key = name;
  attribute.type = RINGSIDE_DOUBLE;
  attribute.value.number = number;
  // Whole numbers stay whole in the archive.
  if (number > -0x1p53 && number < 0x1p53 &&
      number == static_cast<double>(static_cast<int64_t>(number))) {
    attribute.type = RINGSIDE_INTEGER;
    attribute.value.integer = static_cast<int64_t>(number);
  }
  return attribute;
}

void AttachMessage(const SlotRef& slot, uint64_t owner, EntryId entry,
                   ringside_text message) noexcept {
  const SlotUse use{slot, owner};
  if (use) AddErrorMessage(slot, entry, View(message));
}

// The statistics first, then the record, then the slot.
void FinishRequest(const Access& access, RequestState* state, const Series& series,
                   int64_t ns) noexcept {
  Segment& segment = *access.segment;
  state->duration_ns = static_cast<uint64_t>(ns);
  Record<Form::kStage>(series, {ns, 0});
  segment.header->requests_ended.fetch_add(1, std::memory_order_relaxed);
  const SlotRef& slot = state->slot;
  if (!slot || IsEmptied(slot) || slot.segment != &segment) {
    // No slot was free, or its segment was retired: its numbers mean nothing in this one.
    segment.header->dropped[static_cast<size_t>(proto::DropReason::kNoSlot)].fetch_add(
        1, std::memory_order_relaxed);
  }
  if (!slot || IsEmptied(slot)) return;
  if (EndSlot(slot)) ReturnRoom(slot, state->room);
  if (slot.segment == &segment) {
    PushRequest(access.lane, access.is_own, slot, access.EntryIn(segment, series),
                static_cast<uint64_t>(ns));
  }
  LeaveSlot(slot);
}

// nullptr: it never began, has ended, or is another process's.
RequestState* Open(ringside_request* request) noexcept {
  if (request == nullptr) return nullptr;
  RequestState& state = StateOf(request);
  return state.series != nullptr && IsOurs(state.generation) ? &state : nullptr;
}

const Series* EndSeries(const RequestState& state, ringside_outcome outcome) noexcept {
  if (state.failed != nullptr) return state.failed;
  return SeriesRegistry::WithOutcome(*state.series, static_cast<proto::Outcome>(outcome), {});
}

// False: what began at `start_ticks` had, or has, no segment to be recorded in. That is counted, as
// one sample.
bool HasClock(const Access& access, uint64_t start_ticks) noexcept {
  if (access.segment != nullptr && start_ticks != 0) return true;
  if (access.way != Way::kOff) Process::CountLost(proto::LossReason::kNoSegment);
  return false;
}

// A stage that has no segment to be recorded in: its end is counted as lost.
void BeginLost(const RequestState& request, const Series& series, StageState* stage) noexcept {
  *stage = {};
  stage->series = &series;
  stage->generation = request.generation;
}

// Of the stage that Next() began, if it did.
void EndNext(const Access& access, RequestState* state, proto::Outcome outcome,
             std::string_view error_type, uint64_t ticks, const SlotUse& use) noexcept {
  StageState& stage = state->next;
  if (stage.series == nullptr) return;
  if (!HasClock(access, stage.start_ticks)) {
    stage.series = nullptr;
    return;
  }
  FinishStage(access, &stage, outcome, error_type, access.NsSince(stage.start_ticks, ticks), use);
}

// `ticks`: when the usual way was tried; 0: it was not. A second reading of the clock would hold
// the time of the first attempt, and its smallest duration would turn the next ones away for ever.
[[gnu::noinline]] void Next(RequestState& state, ringside_text name, const ringside_label* labels,
                            size_t label_count, uint64_t ticks) noexcept {
  if (ticks != 0 && (state.room.bytes > 0 || TakeRoom(state.slot, kStepsAhead, &state.room)) &&
      SwitchStage<Taken::kAny>(state, View(name), ticks)) {
    return;
  }
  if (state.series == nullptr || !IsOurs(state.generation)) return;
  const Series* series = StageSeries(state, name, labels, label_count);
  const Access access;
  if (ticks == 0 && access.segment != nullptr) ticks = access.Now();
  const SlotUse use{state.slot, state.owner};
  EndNext(access, &state, proto::Outcome::kOk, {}, ticks, use);
  if (state.start_ticks == 0 || access.segment == nullptr) {
    return BeginLost(state, *series, &state.next);
  }
  BeginStage(access, state, *series, ticks, state.owner, use, &state.room, &state.next);
}

void Close(RequestState* state) noexcept {
  state->series = nullptr;
  state->next.series = nullptr;
  state->slot = {};
}

int64_t AtMostLargest(uint64_t ns) noexcept {
  return static_cast<int64_t>(ns <= kLargestSample ? ns : kLargestSample);
}

// Detail only: the request's own sample counts for the step, which bears its name.
void AddWholeStep(const Access& access, RequestState* state, const Series& series,
                  uint64_t ns) noexcept {
  const SlotRef& slot = state->slot;
  const SlotUse use{slot, state->owner};
  if (!use) return;
  __atomic_store_n(&slot.head->start_ticks, state->start_ticks, __ATOMIC_RELAXED);
  const uint32_t entry = access.EntryIn(*slot.segment, series);
  const EntryId step = BeginStep(slot, &state->room, entry, state->start_ticks);
  if (step != 0) EndStep(slot, step, entry, ns);
}

// `measured`: how long it took, if not from its start to now.
void EndStage(ringside_stage* stage, ringside_outcome outcome, const uint64_t* measured) noexcept {
  if (stage == nullptr) return;
  StageState& state = StateOf(stage);
  if (state.series == nullptr || !IsOurs(state.generation)) return;
  const Access access;
  if (!HasClock(access, state.start_ticks)) {
    state.series = nullptr;
    return;
  }
  const SlotUse use{state.slot, state.owner};
  const uint64_t ticks = access.Now();
  int64_t ns = access.NsSince(state.start_ticks, ticks);
  if (measured != nullptr) {
    ns = AtMostLargest(*measured);
    state.start_ticks = access.StartOf(ticks, static_cast<uint64_t>(ns));
    if (use && state.step != 0) {
      __atomic_store_n(&StepAt(state.slot, state.step)->start_ticks, state.start_ticks,
                       __ATOMIC_RELAXED);
    }
  }
  FinishStage(access, &state, static_cast<proto::Outcome>(outcome), {}, ns, use);
}

}  // namespace
}  // namespace ringside::probe

using namespace ringside::probe;  // NOLINT: the C ABI stands outside the namespace it is made of
namespace proto = ringside::proto;

void ringside_request_start(ringside_request* request, const ringside_operation* operation,
                            ringside_text id, const ringside_attribute* attributes,
                            size_t attribute_count) noexcept {
  if (request == nullptr) return;
  RequestState& state = StateOf(request);
  state.series = nullptr;
  state.failed = nullptr;
  state.slot = {};
  state.room = {};
  state.start_ticks = 0;
  state.next.series = nullptr;
  if (operation == nullptr) return;
  const Access access;
  if (access.way == Way::kOff) return;
  state.series = reinterpret_cast<const Series*>(operation);
  state.generation = Process::Generation();
  state.owner = access.is_own ? access.lane.attachment : 0;
  if (access.segment == nullptr) return;  // counted as lost at its end
  state.start_ticks = access.Now();
  access.segment->header->requests_started.fetch_add(1, std::memory_order_relaxed);
  OpenDetail(access, id, attributes, attribute_count, &state);
}

void ringside_request_set(ringside_request* request, const ringside_attribute* attribute) noexcept {
  if (request == nullptr || attribute == nullptr) return;
  const RequestState& state = StateOf(request);
  if (state.series == nullptr || !IsOurs(state.generation)) return;
  const SlotUse use{state.slot, state.owner};
  if (use) AddAttribute(state.slot, 0, *attribute);
}

void ringside_request_value(ringside_request* request, ringside_text name, ringside_text unit,
                            double number) noexcept {
  if (request == nullptr) return;
  const RequestState& state = StateOf(request);
  if (state.series == nullptr || !IsOurs(state.generation)) return;
  RecordValue(*state.series, name, unit, number);
  const ringside_attribute attribute = NumberAttribute(name, number);
  ringside_request_set(request, &attribute);
}

void ringside_request_label(ringside_request* request, const ringside_label* labels,
                            size_t label_count) noexcept {
  RequestState* state = Open(request);
  if (state == nullptr) return;
  LabelSet set{labels, label_count};
  state->series = SeriesRegistry::WithLabels(*state->series, set);
  if (state->failed == nullptr) return;
  state->failed = SeriesRegistry::WithOutcome(*state->series, state->failed->outcome,
                                              state->failed->error_type);
}

void ringside_request_fail(ringside_request* request, ringside_text error_type,
                           ringside_text message) noexcept {
  if (request == nullptr) return;
  RequestState& state = StateOf(request);
  if (state.series == nullptr || state.failed != nullptr || !IsOurs(state.generation)) return;
  state.failed =
      SeriesRegistry::WithOutcome(*state.series, proto::Outcome::kError, View(error_type));
  AttachMessage(state.slot, state.owner, 0, message);
}

ringside_stage* ringside_request_next(ringside_request* request, ringside_text name,
                                      const ringside_label* labels, size_t label_count) noexcept {
  if (request == nullptr) return nullptr;
  RequestState& state = StateOf(request);
  uint64_t ticks = 0;
  if (__builtin_expect(label_count == 0 && MaySwitch(state), 1)) {
    // Read first: what follows does not wait for it, and is not part of the stage that ends.
    ticks = proto::ReadCounter();
    if (state.room.bytes > 0 && SwitchStage<Taken::kUsual>(state, View(name), ticks))
      return &request->next;
  }
  Next(state, name, labels, label_count, ticks);
  return &request->next;
}

void ringside_request_end(ringside_request* request, ringside_outcome outcome) noexcept {
  RequestState* state = Open(request);
  if (state == nullptr) return;
  const Access access;
  const Series& series = *EndSeries(*state, outcome);
  if (HasClock(access, state->start_ticks)) {
    const uint64_t ticks = access.Now();
    {
      const SlotUse use{state->slot, state->owner};
      EndNext(access, state, series.outcome, series.error_type, ticks, use);
    }
    FinishRequest(access, state, series, access.NsSince(state->start_ticks, ticks));
  } else if (state->next.series != nullptr) {
    HasClock(access, 0);
  }
  Close(state);
}

void ringside_request_end_single(ringside_request* request, ringside_outcome outcome,
                                 const uint64_t* nanoseconds) noexcept {
  RequestState* state = Open(request);
  if (state == nullptr) return;
  const Access access;
  const Series& series = *EndSeries(*state, outcome);
  if (HasClock(access, state->start_ticks)) {
    const uint64_t ticks = access.Now();
    int64_t ns = access.NsSince(state->start_ticks, ticks);
    if (nanoseconds != nullptr) {
      ns = AtMostLargest(*nanoseconds);
      state->start_ticks = access.StartOf(ticks, static_cast<uint64_t>(ns));
    }
    AddWholeStep(access, state, series, static_cast<uint64_t>(ns));
    FinishRequest(access, state, series, ns);
  }
  Close(state);
}

void ringside_stage_start(ringside_stage* stage, ringside_request* request, ringside_text name,
                          const ringside_label* labels, size_t label_count) noexcept {
  if (stage == nullptr) return;
  StageState& state = StateOf(stage);
  state.series = nullptr;
  state.start_ticks = 0;
  state.slot = {};
  if (request == nullptr) return;
  const RequestState& parent = StateOf(request);
  if (parent.series == nullptr || !IsOurs(parent.generation)) return;
  const Series* series = StageSeries(parent, name, labels, label_count);
  const Access access;
  if (parent.start_ticks == 0 || access.segment == nullptr) {
    return BeginLost(parent, *series, &state);
  }
  const SlotUse use{parent.slot, parent.owner};
  BeginStage(access, parent, *series, access.Now(), 0, use, nullptr, &state);
}

void ringside_stage_set(ringside_stage* stage, const ringside_attribute* attribute) noexcept {
  if (stage == nullptr || attribute == nullptr) return;
  const StageState& state = StateOf(stage);
  if (state.series == nullptr || !IsOurs(state.generation) || state.step == 0) return;
  const SlotUse use{state.slot, state.owner};
  if (use) AddAttribute(state.slot, state.step, *attribute);
}

void ringside_stage_value(ringside_stage* stage, ringside_text name, ringside_text unit,
                          double number) noexcept {
  if (stage == nullptr) return;
  const StageState& state = StateOf(stage);
  if (state.series == nullptr || !IsOurs(state.generation)) return;
  RecordValue(*state.series, name, unit, number);
  const ringside_attribute attribute = NumberAttribute(name, number);
  ringside_stage_set(stage, &attribute);
}

void ringside_stage_fail(ringside_stage* stage, ringside_text error_type,
                         ringside_text message) noexcept {
  if (stage == nullptr) return;
  StageState& state = StateOf(stage);
  if (state.series == nullptr || state.series->outcome != proto::Outcome::kOk ||
      !IsOurs(state.generation)) {
    return;
  }
  state.series =
      SeriesRegistry::WithOutcome(*state.series, proto::Outcome::kError, View(error_type));
  if (state.step != 0) AttachMessage(state.slot, state.owner, state.step, message);
}

void ringside_stage_end(ringside_stage* stage, ringside_outcome outcome) noexcept {
  EndStage(stage, outcome, nullptr);
}

void ringside_stage_end_measured(ringside_stage* stage, ringside_outcome outcome,
                                 uint64_t nanoseconds) noexcept {
  EndStage(stage, outcome, &nanoseconds);
}
