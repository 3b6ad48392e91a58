// How the reads of a segment go around its holes: reading a hole of a tmpfs mapping would allocate
// it. For the files that implement segment_file.h.
#ifndef RINGSIDE_AGENT_SEGMENT_WALK_H_
#define RINGSIDE_AGENT_SEGMENT_WALK_H_

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include <unistd.h>

#include "agent/segment_file.h"
#include "proto/status.h"

namespace ringside::agent {

inline proto::Status TruncatedSegment() {
  return proto::Status::Error("the file was truncated under its reader");
}

// Calls on_data(at, size), which says false where the file has been truncated, and
// on_hole(at, size) for each piece of [offset, offset + size); `at` counts from `offset`.
template <typename OnData, typename OnHole>
proto::Status SegmentFile::Walk(uint64_t offset, size_t size, OnData on_data,
                                OnHole on_hole) const {
  if (offset > bytes_ || size > bytes_ - offset)
    return proto::Status::Error("read beyond the file");
  const uint64_t end = offset + size;
  uint64_t at = offset;
  while (at < end) {
    const off_t found = lseek(fd_.get(), static_cast<off_t>(at), SEEK_DATA);
    if (found < 0 && errno != ENXIO)
      return proto::Status::Error(std::string("SEEK_DATA: ") + std::strerror(errno));
    const uint64_t data = found < 0 ? end : std::min(static_cast<uint64_t>(found), end);
    if (data > at) on_hole(at - offset, data - at);
    if (data == end) break;
    const off_t after = lseek(fd_.get(), static_cast<off_t>(data), SEEK_HOLE);
    if (after < 0) return proto::Status::Error(std::string("SEEK_HOLE: ") + std::strerror(errno));
    const uint64_t hole = std::min(static_cast<uint64_t>(after), end);
    if (hole <= data) return TruncatedSegment();
    if (!on_data(data - offset, hole - data)) return TruncatedSegment();
    at = hole;
  }
  return proto::Status();
}

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_SEGMENT_WALK_H_
