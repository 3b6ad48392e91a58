// What an interval may cost while the spool fills up because the aggregator is away.
//
//   up to 3/4 of the limit   every interval, with raw detail
//   beyond                   no raw detail; more and more intervals joined into one batch
//   at the limit             nothing is committed; the segments keep every sample
//
// docs/adr/0007-intervals-are-joined-before-they-are-committed.md
#ifndef RINGSIDE_AGENT_SPOOL_ROOM_H_
#define RINGSIDE_AGENT_SPOOL_ROOM_H_

#include <algorithm>
#include <cstdint>

namespace ringside::agent {

struct SpoolRoom {
  // Even nearly full, one batch a minute: dead producers are still folded and removed.
  static constexpr uint64_t kMostJoined = 60;

  bool full = false;
  bool drop_detail = false;
  uint64_t joined_intervals = 1;
};

// Joined are as many intervals as the last quarter is larger than what is left of it: what is left
// lasts the longer the less it is.
constexpr SpoolRoom RoomOf(uint64_t bytes, uint64_t limit_bytes) {
  SpoolRoom room;
  const uint64_t quarter = limit_bytes / 4;
  const uint64_t left = limit_bytes - std::min(bytes, limit_bytes);
  room.full = left == 0;
  room.drop_detail = left <= quarter;
  if (room.drop_detail && !room.full) {
    room.joined_intervals = std::min((quarter + left - 1) / left, SpoolRoom::kMostJoined);
  }
  return room;
}

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_SPOOL_ROOM_H_
