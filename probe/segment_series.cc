#include "probe/segment_series.h"

#include <cstring>

#include "probe/pool.h"
#include "probe/series_registry.h"

namespace ringside::probe {
namespace {

using proto::EntryState;

// The last eighth of table and strings is kept for overflow series.
uint32_t Limit(uint32_t capacity, bool is_overflow) noexcept {
  return is_overflow ? capacity : capacity - capacity / 8;
}

bool TakeRoom(std::atomic<uint32_t>* used, uint32_t amount, uint32_t limit,
              uint32_t* begin) noexcept {
  uint32_t now = used->load(std::memory_order_relaxed);
  do {
    if (now > limit || amount > limit - now) return false;
  } while (!used->compare_exchange_weak(now, now + amount, std::memory_order_relaxed));
  *begin = now;
  return true;
}

uint8_t SignCount(const Series& series) noexcept {
  if (series.kind == proto::Kind::kCounter) return 0;
  return series.is_signed ? 2 : 1;
}

proto::BlockHead* BlockAt(Segment& segment, uint32_t unit) noexcept {
  return reinterpret_cast<proto::BlockHead*>(segment.pool + unit * proto::kPoolUnitBytes);
}

// Fills the head of a fresh block.
void InitBlock(proto::BlockHead* block, uint32_t entry, uint8_t kind, uint8_t sign_count) noexcept {
  block->series = entry;
  block->units = static_cast<uint16_t>(proto::BlockUnits(sign_count));
  block->kind = kind;
  block->sign_count = sign_count;
}

// All strings of a series in one piece.
bool PutStrings(Segment& segment, const Series& series, proto::SeriesEntry* fields) noexcept {
  const size_t bytes =
      series.path.size() + series.labels.size() + series.error_type.size() + series.unit.size();
  uint32_t offset = 0;
  if (!TakeRoom(&segment.header->strings_used, static_cast<uint32_t>(bytes),
                Limit(segment.geometry.strings_bytes, series.is_overflow), &offset)) {
    return false;
  }
  if (!segment.strings_part.Cover(offset + bytes)) return false;
  const auto put = [&](std::string_view text, uint32_t* field_offset, uint16_t* field_bytes) {
    *field_offset = offset;
    *field_bytes = static_cast<uint16_t>(text.size());
    if (!text.empty()) memcpy(segment.strings + offset, text.data(), text.size());
    offset += static_cast<uint32_t>(text.size());
  };
  put(series.path, &fields->path_offset, &fields->path_bytes);
  put(series.labels, &fields->labels_offset, &fields->labels_bytes);
  put(series.error_type, &fields->error_offset, &fields->error_bytes);
  put(series.unit, &fields->unit_offset, &fields->unit_bytes);
  return true;
}

void CopyFields(const Series& series, const proto::SeriesEntry& strings,
                proto::SeriesEntry* entry) noexcept {
  entry->kind = static_cast<uint8_t>(series.kind);
  entry->outcome = static_cast<uint8_t>(series.outcome);
  entry->scale = series.scale;
  entry->resolution = series.resolution;
  entry->path_offset = strings.path_offset;
  entry->labels_offset = strings.labels_offset;
  entry->error_offset = strings.error_offset;
  entry->unit_offset = strings.unit_offset;
  entry->path_bytes = strings.path_bytes;
  entry->labels_bytes = strings.labels_bytes;
  entry->error_bytes = strings.error_bytes;
  entry->unit_bytes = strings.unit_bytes;
  entry->is_signed = series.is_signed ? 1 : 0;
  entry->is_overflow = series.is_overflow ? 1 : 0;
}

// A new entry with its block in the shared lane. False: no room for one of the parts.
bool Register(Segment& segment, const Series& series, uint32_t* index) noexcept {
  const proto::Geometry& g = segment.geometry;
  const uint32_t limit = Limit(g.series_capacity, series.is_overflow);
  if (segment.header->series_count.load(std::memory_order_relaxed) >= limit) return false;
  proto::SeriesEntry fields{};
  if (!PutStrings(segment, series, &fields)) return false;
  const uint8_t sign_count = SignCount(series);
  const uint32_t unit =
      TakeSharedUnits(segment, static_cast<uint32_t>(proto::BlockUnits(sign_count)),
                      series.is_overflow ? Reserve::kUse : Reserve::kKeep);
  if (unit == 0) return false;
  if (!TakeRoom(&segment.header->series_count, 1, limit, index)) return false;
  if (!segment.series_part.Cover((uint64_t{*index} + 1) * sizeof(proto::SeriesEntry))) {
    return false;  // the entry stays free: readers pass over it
  }
  proto::SeriesEntry* entry = &segment.series[*index];
  entry->state.store(EntryState::kReserved, std::memory_order_relaxed);
  CopyFields(series, fields, entry);
  InitBlock(BlockAt(segment, unit), *index, entry->kind, sign_count);
  // The name before the block: whoever sees a block finds a series for it.
  entry->state.store(EntryState::kReady, std::memory_order_release);  // SYNC series-ready (writer)
  // SYNC block-ready (writer): the head is complete before the directory names the block.
  segment.DirectoryRow(0)[*index].store(unit, std::memory_order_release);
  return true;
}

}  // namespace

uint32_t EntryOf(Segment& segment, const Series& series) noexcept {
  std::atomic<uint32_t>& link = segment.entry_of[series.id];
  uint32_t known = link.load(std::memory_order_acquire);  // SYNC series-entry (reader)
  if (known != 0) return known - 1;
  uint32_t index = 0;
  if (!Register(segment, series, &index)) {
    segment.header->overflow_series.fetch_add(1, std::memory_order_relaxed);
    index = EntryOf(segment, *SeriesRegistry::OverflowOf(series));
  }
  // SYNC series-entry (writer)
  if (link.compare_exchange_strong(known, index + 1, std::memory_order_acq_rel)) return index;
  return known - 1;
}

proto::BlockHead* SharedBlock(Segment& segment, uint32_t entry) noexcept {
  // The acquire of EntryOf covers this load: the block was there before the link.
  return BlockAt(segment, segment.DirectoryRow(0)[entry].load(std::memory_order_relaxed));
}

proto::BlockHead* OwnBlock(Segment& segment, uint32_t lane, uint32_t entry) noexcept {
  std::atomic<uint32_t>& place = segment.DirectoryRow(lane)[entry];
  const uint32_t known = place.load(std::memory_order_relaxed);
  if (known != 0) return BlockAt(segment, known);
  const proto::BlockHead* shared = SharedBlock(segment, entry);
  const uint32_t unit = TakeUnits(segment, lane, shared->units);
  if (unit == 0) return nullptr;
  proto::BlockHead* block = BlockAt(segment, unit);
  InitBlock(block, entry, shared->kind, shared->sign_count);
  place.store(unit, std::memory_order_release);  // SYNC block-ready (writer)
  return block;
}

bool AddGlobalSeries(Segment& segment) noexcept {
  segment.header->pool_used.store(proto::kPoolUnitBytes, std::memory_order_relaxed);
  for (uint32_t i = 0; i < proto::kGlobalOverflowEntries; ++i) {
    const auto kind = static_cast<proto::Kind>(static_cast<uint32_t>(proto::Kind::kDuration) + i);
    const Series* series = SeriesRegistry::Global(kind);
    uint32_t index = 0;
    if (!Register(segment, *series, &index)) return false;
    segment.entry_of[series->id].store(index + 1, std::memory_order_release);  // SYNC series-entry
  }
  return true;
}

bool AppendString(Segment& segment, std::string_view text, uint32_t* offset) noexcept {
  if (!TakeRoom(&segment.header->strings_used, static_cast<uint32_t>(text.size()),
                segment.geometry.strings_bytes, offset)) {
    return false;
  }
  if (!segment.strings_part.Cover(*offset + text.size())) return false;
  if (!text.empty()) memcpy(segment.strings + *offset, text.data(), text.size());
  return true;
}

}  // namespace ringside::probe
