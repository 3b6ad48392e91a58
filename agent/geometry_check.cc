#include "agent/geometry_check.h"

#include <string>

namespace ringside::agent {
namespace {

using proto::Status;

struct Part {
  const char* name;
  uint64_t offset;
  uint64_t bytes;
  uint64_t alignment;
};

bool IsPowerOfTwo(uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }

Status CheckCounts(const proto::Geometry& g) {
  if (g.lane_count == 0 || g.lane_count > kMaxLanes) {
    return Status::Error("absurd number of lanes: " + std::to_string(g.lane_count));
  }
  if (g.series_capacity < proto::kGlobalOverflowEntries || g.series_capacity > kMaxSeries) {
    return Status::Error("absurd series capacity: " + std::to_string(g.series_capacity));
  }
  if (g.slot_count > kMaxSlots || g.slot_bytes < sizeof(proto::SlotHead) ||
      g.slot_bytes > kMaxSlotBytes || g.slot_bytes % 8 != 0) {
    return Status::Error("absurd request slots: " + std::to_string(g.slot_count) + " of " +
                         std::to_string(g.slot_bytes) + " bytes");
  }
  if (!IsPowerOfTwo(g.timing_ring_records) ||
      g.timing_ring_records > kMaxRingBytes / sizeof(proto::TimingRecord)) {
    return Status::Error("absurd timing ring: " + std::to_string(g.timing_ring_records));
  }
  if (!IsPowerOfTwo(g.request_ring_bytes) || g.request_ring_bytes % 8 != 0 ||
      g.request_ring_bytes > kMaxRingBytes) {
    return Status::Error("absurd request ring: " + std::to_string(g.request_ring_bytes));
  }
  return Status();
}

}  // namespace

Status CheckGeometry(const proto::Geometry& g, uint64_t file_bytes) {
  if (g.segment_bytes != file_bytes) {
    return Status::Error("says " + std::to_string(g.segment_bytes) + " bytes, the file has " +
                         std::to_string(file_bytes));
  }
  if (Status status = CheckCounts(g); !status) return status;
  const uint64_t lanes = g.lane_count;
  const Part parts[] = {
      {"series", g.series_offset, uint64_t{g.series_capacity} * sizeof(proto::SeriesEntry), 8},
      {"strings", g.strings_offset, g.strings_bytes, 1},
      {"lanes", g.lanes_offset, lanes * sizeof(proto::Lane), 64},
      {"directory", g.directory_offset, lanes * g.series_capacity * sizeof(uint32_t), 8},
      {"slots", g.slots_offset, uint64_t{g.slot_count} * g.slot_bytes, 8},
      {"timing rings", g.timing_rings_offset,
       lanes * g.timing_ring_records * sizeof(proto::TimingRecord), 8},
      {"request rings", g.request_rings_offset, lanes * g.request_ring_bytes, 8},
      {"pool", g.pool_offset, g.pool_bytes, proto::kPoolUnitBytes},
  };
  for (const Part& part : parts) {
    if (part.offset < proto::kHeaderBytes || part.offset % part.alignment != 0 ||
        part.offset > file_bytes || part.bytes > file_bytes - part.offset) {
      return Status::Error(std::string("part '") + part.name + "' lies outside the file: " +
                           std::to_string(part.bytes) + " bytes at " + std::to_string(part.offset));
    }
  }
  if (g.pool_bytes % proto::kPoolUnitBytes != 0) {
    return Status::Error("pool of " + std::to_string(g.pool_bytes) + " bytes is no multiple of " +
                         std::to_string(proto::kPoolUnitBytes));
  }
  return Status();
}

}  // namespace ringside::agent
