// Spool files: batches that are committed and not yet acknowledged. docs/spool.md.
//
//   header | entry | entry | ...        entry = head, then per frame u32 length and the frame
//
// An entry is one commit: all frames of one interval, consecutive sequences. Its last byte being
// there, with the checksum right, is the commit. Written by the agent that holds the state
// directory's lock; read by it again when it starts. Little-endian, reserved fields are zero.
#ifndef RINGSIDE_AGENT_SPOOL_FORMAT_H_
#define RINGSIDE_AGENT_SPOOL_FORMAT_H_

#include <cstddef>
#include <cstdint>

namespace ringside::agent {

inline constexpr uint64_t kSpoolMagic = 0x31304f5053415352u;  // "RSASPO01"
inline constexpr uint32_t kSpoolVersion = 1;
inline constexpr uint32_t kSpoolEntryMagic = 0x45505352;  // "RSPE"

inline constexpr const char* kSpoolPrefix = "spool-";  // then the file's number, 20 digits
inline constexpr const char* kAgentIdName = "agent.uuid";

struct SpoolHeader {
  uint64_t magic;
  uint32_t version;
  uint32_t reserved0;
  uint8_t agent[16];
  uint64_t file_number;  // rises by 1 from file to file, over all epochs
  uint64_t epoch;
  uint64_t first_sequence;  // of the first entry; nothing before it is missing from the epoch
  uint64_t checksum;        // of all before
  uint64_t acked_sequence;  // all of this file up to here is acknowledged; overwritten in place
};
static_assert(offsetof(SpoolHeader, checksum) == 56);
static_assert(sizeof(SpoolHeader) == 72);

struct SpoolEntryHead {
  uint32_t magic;
  uint32_t frame_count;
  uint64_t body_bytes;
  uint64_t first_sequence;
  uint64_t last_sequence;
  uint64_t checksum;  // of the fields above, then of the body
};
static_assert(offsetof(SpoolEntryHead, checksum) == 32);
static_assert(sizeof(SpoolEntryHead) == 40);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_SPOOL_FORMAT_H_
