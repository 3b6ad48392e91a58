#include "probe/slot.h"

#include <cstring>

#include "probe/label_set.h"
#include "probe/memory.h"

namespace ringside::probe {
namespace {

using proto::AttributeType;
using proto::EntryType;

constexpr uint64_t kFlagsAndUsers = (uint64_t{1} << proto::kSlotGenerationShift) - 1;

uint32_t GenerationOf(uint64_t lifecycle) noexcept {
  return static_cast<uint32_t>(lifecycle >> proto::kSlotGenerationShift);
}

// A free slot becomes ours: one user, not yet open.
bool TryTake(Segment& segment, uint32_t index, SlotRef* slot) noexcept {
  std::atomic<uint64_t>& lifecycle = segment.Slot(index)->lifecycle;
  uint64_t now = lifecycle.load(std::memory_order_relaxed);
  // SYNC slot-free (reader): the user before has zeroed the entries.
  if ((now & kFlagsAndUsers) != 0 ||
      !lifecycle.compare_exchange_strong(now, now + 1, std::memory_order_acquire)) {
    return false;
  }
  *slot = {&segment, segment.Slot(index), GenerationOf(now)};
  return true;
}

// The first slot never used yet, made real. False: all are in use, or there is no memory.
bool TakeFresh(Segment& segment, uint32_t* hint, SlotRef* slot) noexcept {
  std::atomic<uint32_t>& used = segment.header->slots_used;
  uint32_t index = used.load(std::memory_order_relaxed);
  while (index < segment.geometry.slot_count) {
    if (!segment.Populate(segment.Slot(index), segment.geometry.slot_bytes)) return false;
    // Whoever loses this race may still find the slot below the mark, or take the next one.
    if (used.compare_exchange_strong(index, index + 1, std::memory_order_relaxed)) {
      *hint = index;
      if (TryTake(segment, index, slot)) return true;
      index = used.load(std::memory_order_relaxed);
    }
  }
  return false;
}

// Room for an entry of `size` bytes, marked reserved. 0: it does not fit.
EntryId ReserveEntry(const SlotRef& slot, uint32_t size, EntryId owner) noexcept {
  std::atomic<uint32_t>& used = slot.head->used_bytes;
  const uint32_t room = slot.entry_bytes();
  if (used.load(std::memory_order_relaxed) > room) return 0;  // keeps the sum from wrapping
  const uint32_t offset = used.fetch_add(size, std::memory_order_relaxed);
  if (offset > room || size > room - offset) return 0;
  auto* head = reinterpret_cast<proto::EntryHead*>(slot.entries() + offset);
  head->word.store(EntryWord(EntryType::kReserved, size), std::memory_order_relaxed);
  head->owner = owner;
  return offset + 1;
}

// SYNC entry-publish (writer): the content comes before the type.
void Publish(proto::EntryHead* head, EntryType type) noexcept {
  const uint32_t size = head->word.load(std::memory_order_relaxed) & proto::kEntrySizeMask;
  head->word.store(EntryWord(type, size), std::memory_order_release);
}

void AddText(const SlotRef& slot, EntryType entry_type, EntryId owner, AttributeType type,
             std::string_view key, std::string_view value) noexcept {
  const auto size =
      static_cast<uint32_t>(RoundUp(sizeof(proto::AttributeEntry) + key.size() + value.size(), 8));
  const EntryId id = ReserveEntry(slot, size, owner);
  if (id == 0) return;
  auto* entry = reinterpret_cast<proto::AttributeEntry*>(slot.entries() + id - 1);
  entry->type = static_cast<uint8_t>(type);
  entry->key_bytes = static_cast<uint16_t>(key.size());
  entry->value_bytes = static_cast<uint32_t>(value.size());
  char* text = reinterpret_cast<char*>(entry + 1);
  if (!key.empty()) memcpy(text, key.data(), key.size());
  if (!value.empty()) memcpy(text + key.size(), value.data(), value.size());
  Publish(&entry->head, entry_type);
}

template <typename T>
std::string_view BytesOf(const T& value) noexcept {
  static_assert(sizeof(T) == 8);
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

}  // namespace

SlotRef TakeSlot(Segment& segment, uint32_t* hint) noexcept {
  const ErrnoKeeper keeper;
  SlotRef slot;
  const uint32_t used = segment.header->slots_used.load(std::memory_order_relaxed);
  for (uint32_t i = 0; i < used; ++i) {
    const uint32_t index = (*hint + i) % used;
    if (TryTake(segment, index, &slot)) {
      *hint = index;
      return slot;
    }
  }
  TakeFresh(segment, hint, &slot);
  return slot;
}

void OpenSlot(const SlotRef& slot) noexcept {
  // SYNC slot-open (writer): id, start and series come before it.
  slot.head->lifecycle.fetch_or(proto::kSlotOpen, std::memory_order_release);
}

bool EnterSlot(const SlotRef& slot) noexcept {
  std::atomic<uint64_t>& lifecycle = slot.head->lifecycle;
  uint64_t now = lifecycle.load(std::memory_order_relaxed);
  do {
    const bool is_open = (now & (proto::kSlotOpen | proto::kSlotEnded)) == proto::kSlotOpen;
    if (!is_open || GenerationOf(now) != slot.generation ||
        (now & proto::kSlotUsersMask) == proto::kSlotUsersMask) {
      return false;
    }
    // SYNC slot-open (reader)
  } while (!lifecycle.compare_exchange_weak(now, now + 1, std::memory_order_acquire));
  return true;
}

void LeaveSlot(const SlotRef& slot) noexcept {
  proto::SlotHead* head = slot.head;
  // SYNC slot-leave: release for what this user wrote; acquire so that the last one, who empties
  // the slot, comes after all others.
  const uint64_t before = head->lifecycle.fetch_sub(1, std::memory_order_acq_rel);
  if ((before & proto::kSlotEnded) == 0 || (before & proto::kSlotUsersMask) != 1) return;
  uint32_t used = head->used_bytes.load(std::memory_order_relaxed);
  if (used > slot.entry_bytes()) used = slot.entry_bytes();
  memset(slot.entries(), 0, used);
  head->used_bytes.store(0, std::memory_order_relaxed);
  head->current_step.store(0, std::memory_order_relaxed);
  // SYNC slot-free (writer)
  head->lifecycle.store(uint64_t{slot.generation + 1} << proto::kSlotGenerationShift,
                        std::memory_order_release);
}

bool EndSlot(const SlotRef& slot) noexcept {
  // Acquire: entries of users that have left are complete in the copy that follows (SYNC
  // slot-leave).
  const uint64_t before =
      slot.head->lifecycle.fetch_or(proto::kSlotEnded, std::memory_order_acquire);
  return (before & proto::kSlotUsersMask) == 1;
}

bool TakeRoom(const SlotRef& slot, uint32_t steps, StepRoom* room) noexcept {
  constexpr uint32_t kStep = sizeof(proto::StepEntry);
  // Room that may stay unused must not make a request too large.
  const uint32_t used = slot.head->used_bytes.load(std::memory_order_relaxed);
  if (used > slot.entry_bytes() || 2 * steps * kStep > slot.entry_bytes() - used) steps = 1;
  const EntryId id = ReserveEntry(slot, steps * kStep, 0);
  if (id == 0) return false;
  *room = {id - 1, steps * kStep};
  return true;
}

void ReturnRoom(const SlotRef& slot, const StepRoom& room) noexcept {
  if (room.bytes == 0) return;
  std::atomic<uint32_t>& used = slot.head->used_bytes;
  if (used.load(std::memory_order_relaxed) != room.offset + room.bytes) return;
  StepAt(slot, room.offset + 1)->head.word.store(0, std::memory_order_relaxed);
  used.store(room.offset, std::memory_order_relaxed);
}

void AddAttribute(const SlotRef& slot, EntryId owner,
                  const ringside_attribute& attribute) noexcept {
  const std::string_view key = CutText(View(attribute.key), proto::kMaxAttributeKeyBytes);
  const auto add = [&](AttributeType type, std::string_view value) {
    AddText(slot, EntryType::kAttribute, owner, type, key, value);
  };
  switch (attribute.type) {
    case RINGSIDE_STRING:
      return add(AttributeType::kString,
                 CutText(View(attribute.value.text), proto::kMaxAttributeValueBytes));
    case RINGSIDE_INTEGER:
      return add(AttributeType::kInteger, BytesOf(attribute.value.integer));
    case RINGSIDE_DOUBLE:
      return add(AttributeType::kDouble, BytesOf(attribute.value.number));
    case RINGSIDE_BOOL:
      return add(AttributeType::kBool, BytesOf(int64_t{attribute.value.boolean != 0}));
  }
}

void AddErrorMessage(const SlotRef& slot, EntryId owner, std::string_view message) noexcept {
  if (message.empty()) return;
  AddText(slot, EntryType::kErrorMessage, owner, AttributeType::kString, {},
          CutText(message, proto::kMaxAttributeValueBytes));
}

}  // namespace ringside::probe
