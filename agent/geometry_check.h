// Whether the parts that a segment's header names lie inside the file and have sane sizes.
#ifndef RINGSIDE_AGENT_GEOMETRY_CHECK_H_
#define RINGSIDE_AGENT_GEOMETRY_CHECK_H_

#include <cstdint>

#include "proto/segment_format.h"
#include "proto/status.h"

namespace ringside::agent {

// Larger files are refused: their producer could make the agent's baseline as large.
inline constexpr uint64_t kMaxSegmentBytes = uint64_t{1} << 32;
inline constexpr uint32_t kMaxLanes = 4096;
inline constexpr uint32_t kMaxSeries = 1u << 20;
inline constexpr uint32_t kMaxSlots = 1u << 20;
inline constexpr uint32_t kMaxSlotBytes = 256 * 1024;
inline constexpr uint32_t kMaxRingBytes = 64u << 20;

proto::Status CheckGeometry(const proto::Geometry& geometry, uint64_t file_bytes);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_GEOMETRY_CHECK_H_
