// Request slots: where an open request's steps and attributes lie, visible to the agent.
//
// A slot is taken and given back without waiting. Its generation changes when it is given back; a
// handle of an older generation can enter no more. The handle of a request is itself one user from
// begin to end, so that the slot cannot go while its request is open.
#ifndef RINGSIDE_PROBE_SLOT_H_
#define RINGSIDE_PROBE_SLOT_H_

#include <cstdint>
#include <string_view>

#include <ringside/probe_c.h>

#include "probe/segment.h"

namespace ringside::probe {

// Where an entry begins, as owners name it: offset + 1. 0: the request itself, or no entry.
using EntryId = uint32_t;

struct SlotRef {
  Segment* segment = nullptr;
  proto::SlotHead* head = nullptr;  // nullptr: no slot
  uint32_t generation = 0;

  explicit operator bool() const noexcept { return head != nullptr; }
  char* entries() const noexcept { return reinterpret_cast<char*>(head + 1); }
  uint32_t entry_bytes() const noexcept {
    return segment->geometry.slot_bytes - static_cast<uint32_t>(sizeof(proto::SlotHead));
  }
};

// Room for steps that one thread has reserved ahead: a locked addition for several of them. What is
// left of it is an entry without content, so that readers find what follows.
struct StepRoom {
  uint32_t offset;
  uint32_t bytes;
};

// A slot for a request that begins, in private hands until OpenSlot; `hint` is where to look first.
// No slot: {}.
SlotRef TakeSlot(Segment& segment, uint32_t* hint) noexcept;
// Shows the filled slot to readers; the caller stays its user.
void OpenSlot(const SlotRef& slot) noexcept;

// One more user, as long as the request has not ended. False: it has.
bool EnterSlot(const SlotRef& slot) noexcept;
// One user less; the last one of an ended request empties the slot and gives it back.
void LeaveSlot(const SlotRef& slot) noexcept;
// Nobody enters any more. The caller leaves afterwards. True: nobody else is in it.
bool EndSlot(const SlotRef& slot) noexcept;

// All of these only between EnterSlot and LeaveSlot, or by the request's own handle. What finds no
// room makes the whole request's detail too large.
inline EntryId BeginStep(const SlotRef& slot, StepRoom* room, uint32_t series,
                         uint64_t start_ticks) noexcept;
inline void EndStep(const SlotRef& slot, EntryId step, uint32_t series,
                    uint64_t duration_ns) noexcept;
void AddAttribute(const SlotRef& slot, EntryId owner, const ringside_attribute& attribute) noexcept;
void AddErrorMessage(const SlotRef& slot, EntryId owner, std::string_view message) noexcept;

// Of a request that has ended, with nobody else in its slot: what its thread reserved and did not
// use goes back.
void ReturnRoom(const SlotRef& slot, const StepRoom& room) noexcept;

// Fills an empty room: for `steps`, or for one where the slot is nearly full. False: not even that.
bool TakeRoom(const SlotRef& slot, uint32_t steps, StepRoom* room) noexcept;
inline constexpr uint32_t kStepsAhead = 8;

inline uint32_t EntryWord(proto::EntryType type, uint32_t size) noexcept {
  return static_cast<uint32_t>(type) << proto::kEntryTypeShift | size;
}

inline proto::StepEntry* StepAt(const SlotRef& slot, EntryId id) noexcept {
  return reinterpret_cast<proto::StepEntry*>(slot.entries() + id - 1);
}

// The room is not empty.
inline EntryId BeginStepInRoom(const SlotRef& slot, StepRoom* room, uint32_t series,
                               uint64_t start_ticks) noexcept {
  constexpr uint32_t kSize = sizeof(proto::StepEntry);
  const EntryId id = room->offset + 1;
  room->offset += kSize;
  room->bytes -= kSize;
  if (room->bytes > 0) {
    StepAt(slot, room->offset + 1)
        ->head.word.store(EntryWord(proto::EntryType::kReserved, room->bytes),
                          std::memory_order_relaxed);
  }
  proto::StepEntry* step = StepAt(slot, id);
  step->start_ticks = start_ticks;
  step->series.store(series, std::memory_order_relaxed);
  // SYNC entry-publish (writer): the content, and the rest of the room, come before the type.
  step->head.word.store(EntryWord(proto::EntryType::kStepOpen, kSize), std::memory_order_release);
  slot.head->current_step.store(id, std::memory_order_relaxed);
  return id;
}

inline EntryId BeginStep(const SlotRef& slot, StepRoom* room, uint32_t series,
                         uint64_t start_ticks) noexcept {
  if (room->bytes == 0 && !TakeRoom(slot, kStepsAhead, room)) return 0;
  return BeginStepInRoom(slot, room, series, start_ticks);
}

// Without a word about which step is the current one.
inline void CompleteStep(const SlotRef& slot, EntryId id, uint32_t series,
                         uint64_t duration_ns) noexcept {
  proto::StepEntry* step = StepAt(slot, id);
  step->duration_ns.store(duration_ns, std::memory_order_relaxed);
  step->series.store(series, std::memory_order_relaxed);
  // SYNC entry-publish (writer)
  step->head.word.store(EntryWord(proto::EntryType::kStepDone, sizeof(proto::StepEntry)),
                        std::memory_order_release);
}

inline void EndStep(const SlotRef& slot, EntryId id, uint32_t series,
                    uint64_t duration_ns) noexcept {
  CompleteStep(slot, id, series, duration_ns);
  std::atomic<uint32_t>& current = slot.head->current_step;
  if (current.load(std::memory_order_relaxed) == id) current.store(0, std::memory_order_relaxed);
}

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_SLOT_H_
