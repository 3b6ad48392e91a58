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
  uint32_t index_plus_one = 0;  // 0: no slot
  uint32_t generation = 0;

  explicit operator bool() const noexcept { return index_plus_one != 0; }
  proto::SlotHead* head() const noexcept { return segment->Slot(index_plus_one - 1); }
  char* entries() const noexcept {
    return reinterpret_cast<char*>(head()) + sizeof(proto::SlotHead);
  }
  uint32_t entry_bytes() const noexcept {
    return segment->geometry.slot_bytes - static_cast<uint32_t>(sizeof(proto::SlotHead));
  }
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
// Nobody enters any more. The caller leaves afterwards.
void EndSlot(const SlotRef& slot) noexcept;

// All of these only between EnterSlot and LeaveSlot, or by the request's own handle. What finds no
// room makes the whole request's detail too large.
EntryId BeginStep(const SlotRef& slot, uint32_t series, uint64_t start_ticks) noexcept;
void EndStep(const SlotRef& slot, EntryId step, uint32_t series, uint64_t duration_ns) noexcept;
void AddAttribute(const SlotRef& slot, EntryId owner, const ringside_attribute& attribute) noexcept;
void AddErrorMessage(const SlotRef& slot, EntryId owner, std::string_view message) noexcept;

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_SLOT_H_
