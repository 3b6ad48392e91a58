#include "agent/open_slot.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "proto/segment_format.h"

namespace ringside::agent {
namespace {

using proto::Result;
using proto::SlotHead;
using proto::Status;

constexpr int kTries = 4;

uint64_t LifecycleOf(const std::byte* slot) {
  return reinterpret_cast<const SlotHead*>(slot)->lifecycle.load(std::memory_order_relaxed);
}

// Of the generation that is open; users come and go.
bool IsSameRequest(uint64_t before, uint64_t after) {
  return ((before ^ after) & ~proto::kSlotUsersMask) == 0;
}

}  // namespace

Result<bool> CopyOpenSlot(const SegmentFile& file, uint32_t slot, std::byte* out) {
  const proto::Geometry& g = file.geometry();
  const uint64_t offset = g.slots_offset + uint64_t{slot} * g.slot_bytes;
  for (int i = 0; i < kTries; ++i) {
    uint64_t before = 0;
    if (Status s = file.Read(offset, sizeof before, &before); !s) return s;
    if (!IsOpen(before)) return false;
    // SYNC slot-open (reader): id, start and series were stored before the flag.
    std::atomic_thread_fence(std::memory_order_acquire);
    if (Status s = file.Read(offset, g.slot_bytes, out); !s) return s;
    // SYNC slot-free (reader): were the slot another's by now, its generation would show it.
    std::atomic_thread_fence(std::memory_order_acquire);
    uint64_t after = 0;
    if (Status s = file.Read(offset, sizeof after, &after); !s) return s;
    if (IsSameRequest(before, after) && IsSameRequest(before, LifecycleOf(out))) return true;
  }
  return false;  // busy with ever new requests
}

bool DecodeOpenSlot(const SegmentFile& file, const std::byte* slot, const SeriesTable& table,
                    const TickMapper& clock, proto::RequestRow* row, std::vector<OpenStep>* open) {
  const auto& head = *reinterpret_cast<const SlotHead*>(slot);
  RequestSource source;
  std::memcpy(source.id.bytes.data(), head.id, sizeof head.id);
  source.start_ticks = head.start_ticks;
  source.duration_ns = clock.AgeNs(head.start_ticks);
  source.series = head.series_ok;
  source.entries = slot + sizeof(SlotHead);
  source.entry_bytes = std::min<size_t>(head.used_bytes.load(std::memory_order_relaxed),
                                        file.geometry().slot_bytes - sizeof(SlotHead));
  return DecodeOpenRequest(source, table, clock, row, open);
}

const OpenStep* CurrentStage(const std::byte* slot, const std::vector<OpenStep>& open) {
  if (open.empty()) return nullptr;
  const auto& head = *reinterpret_cast<const SlotHead*>(slot);
  const uint32_t current = head.current_step.load(std::memory_order_relaxed);
  const auto named = std::find_if(open.begin(), open.end(),
                                  [&](const OpenStep& step) { return step.entry_id == current; });
  return named != open.end() ? &*named : &open.back();
}

}  // namespace ringside::agent
