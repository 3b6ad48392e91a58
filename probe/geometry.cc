#include "probe/geometry.h"

#include <algorithm>

#include "probe/memory.h"

namespace ringside::probe {
namespace {

uint64_t PowerOfTwo(uint64_t value, uint64_t low, uint64_t high) noexcept {
  uint64_t power = low;
  while (power < value && power < high) power *= 2;
  return power;
}

}  // namespace

proto::Geometry LayOut(SegmentSizes sizes) noexcept {
  proto::Geometry g{};
  g.series_capacity = static_cast<uint32_t>(std::clamp<uint64_t>(sizes.series, 16, 1 << 20));
  g.strings_bytes = static_cast<uint32_t>(RoundUp(sizes.strings_bytes, kPageBytes));
  g.lane_count = static_cast<uint32_t>(std::clamp<uint64_t>(sizes.lanes, 2, 4096));
  g.slot_count = static_cast<uint32_t>(std::clamp<uint64_t>(sizes.slots, 1, 65535));
  g.slot_bytes = static_cast<uint32_t>(RoundUp(sizes.slot_bytes, kPageBytes));
  g.timing_ring_records =
      static_cast<uint32_t>(PowerOfTwo(sizes.timing_ring_records, 2, uint64_t{1} << 24));
  g.request_ring_bytes =
      static_cast<uint32_t>(PowerOfTwo(sizes.request_ring_bytes, kPageBytes, uint64_t{1} << 28));
  g.pool_chunk_bytes = static_cast<uint32_t>(RoundUp(sizes.pool_chunk_bytes, kPageBytes));
  // Block addresses are 32-bit unit numbers.
  g.pool_bytes =
      RoundUp(std::clamp<uint64_t>(sizes.pool_bytes, 64 << 10, uint64_t{1} << 36), kPageBytes);

  uint64_t end = proto::kHeaderBytes;
  const auto place = [&end](uint64_t bytes) {
    const uint64_t begin = end;
    end = RoundUp(end + bytes, kPageBytes);
    return begin;
  };
  const uint64_t lanes = g.lane_count;
  g.series_offset = place(uint64_t{g.series_capacity} * sizeof(proto::SeriesEntry));
  g.strings_offset = place(g.strings_bytes);
  g.lanes_offset = place(lanes * sizeof(proto::Lane));
  g.directory_offset = place(lanes * g.series_capacity * sizeof(uint32_t));
  g.slots_offset = place(uint64_t{g.slot_count} * g.slot_bytes);
  g.timing_rings_offset = place(lanes * g.timing_ring_records * sizeof(proto::TimingRecord));
  g.request_rings_offset = place(lanes * g.request_ring_bytes);
  g.pool_offset = place(g.pool_bytes);
  g.segment_bytes = end;
  return g;
}

bool LayOutWithin(SegmentSizes sizes, uint64_t limit, proto::Geometry* geometry) noexcept {
  for (;;) {
    *geometry = LayOut(sizes);
    if (geometry->segment_bytes <= limit) return true;
    if (sizes.pool_bytes > (1 << 20)) {
      sizes.pool_bytes /= 2;
    } else if (sizes.request_ring_bytes > (8 << 10)) {
      sizes.request_ring_bytes /= 2;
    } else if (sizes.lanes > 8) {
      sizes.lanes /= 2;
    } else if (sizes.slots > 8) {
      sizes.slots /= 2;
    } else if (sizes.series > 128) {
      sizes.series /= 2;
      sizes.strings_bytes /= 2;
    } else {
      return false;
    }
  }
}

SegmentSizes PreallocatedSizes(SegmentSizes sizes) noexcept {
  sizes.series = std::min<uint64_t>(sizes.series, 1024);
  sizes.lanes = std::min<uint64_t>(sizes.lanes, 32);
  sizes.slots = std::min<uint64_t>(sizes.slots, 32);
  sizes.request_ring_bytes = std::min<uint64_t>(sizes.request_ring_bytes, 32 << 10);
  sizes.pool_bytes = std::min<uint64_t>(sizes.pool_bytes, 4 << 20);
  return sizes;
}

}  // namespace ringside::probe
