// What the agent keeps in `<segments>/.agent`: the control file and one baseline file per producer.
// docs/spool.md describes both. They lie on the same tmpfs as the segments: one fate.
//
// A *position* numbers commits for ever, across epochs: epoch_base + the sequence of the commit's
// last batch. A slot is valid when its tag is not 0 and not above the committed position; of two
// valid ones the higher is the baseline, the other is idle and will hold the next.
// Zero means absent; reserved fields are zero. Owner: the agent that holds the directory's lock.
#ifndef RINGSIDE_AGENT_BASELINE_FORMAT_H_
#define RINGSIDE_AGENT_BASELINE_FORMAT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ringside::agent {

inline constexpr uint64_t kControlMagic = 0x31304c5443415352u;   // "RSACTL01"
inline constexpr uint64_t kBaselineMagic = 0x3130534142415352u;  // "RSABAS01"
inline constexpr uint32_t kBaselineVersion = 1;

inline constexpr const char* kAgentDirectory = ".agent";
inline constexpr const char* kControlName = "control";
inline constexpr const char* kLockName = "lock";
inline constexpr const char* kBaselineSuffix = ".base";

// The agent's own producer: machine samples.
struct SelfSlot {
  uint64_t tag;
  uint64_t recorded;
  uint64_t interval_end_unix_ns;  // of the last committed interval: the next one starts here
  uint64_t reserved;
};
static_assert(sizeof(SelfSlot) == 32);

struct ControlFormat {
  // Written once, before the file gets its name.
  uint64_t magic;
  uint32_t version;
  uint32_t bytes;
  char boot_id[40];
  uint8_t agent[16];
  uint8_t self[16];  // UUID of the agent's own producer: new with each epoch
  uint64_t self_started_unix_ns;
  uint64_t epoch;
  uint64_t epoch_base;  // the position before the epoch's first batch
  uint64_t checksum;    // of all before
  uint64_t reserved0[9];
  // One store of `committed` flips the agent and all producers at once.
  std::atomic<uint64_t> committed;
  std::atomic<uint64_t> prepared;  // announced before the spool is written; == committed at rest
  uint64_t reserved1[6];
  SelfSlot self_slots[2];
};
static_assert(offsetof(ControlFormat, checksum) == 112);
static_assert(offsetof(ControlFormat, committed) == 192);
static_assert(offsetof(ControlFormat, self_slots) == 256);
static_assert(sizeof(ControlFormat) == 320);

struct BaselineFileHeader {
  uint64_t magic;
  uint32_t version;
  uint32_t lane_count;
  uint8_t uuid[16];
  uint32_t series_capacity;
  uint32_t reserved0;
  uint64_t pool_bytes;
  uint64_t checksum;  // of all before
};
static_assert(offsetof(BaselineFileHeader, checksum) == 48);

enum BaselineFlags : uint64_t {
  kAnnounced = 1,  // a committed batch has named this producer
  kFinal = 2,      // dead and folded: only files remain to be removed
};

// Head of a slot. Behind it, each at its own offset: LaneCursor[lane_count],
// u32 directory[lane_count][series_capacity], the pool's bytes as they stood in the segment.
struct BaselineSlot {
  std::atomic<uint64_t> tag;
  uint64_t flags;
  uint64_t interval_tag;  // extremes up to this tag are in the copy; 0: none
  uint64_t holder_pid;    // the process that last held the segment's lock; 0 never seen
  uint32_t lanes_used;
  uint32_t series_count;
  uint64_t pool_used;
  uint64_t recorded;       // samples delivered since the producer began
  uint64_t lost_baseline;  // samples that were skipped for want of a baseline
  uint64_t aborted_rows;   // request rows that the agent itself made of open slots
  uint64_t detail_written;
  uint64_t detail_sent;
  uint64_t not_sampled;
  uint64_t spool_full;
  uint64_t corrupt;
  uint64_t lane_dropped;  // ring_full, as the lanes counted it
  uint64_t lost[8];       // the segment's own counters at the time of the copy
  uint64_t dropped[8];
};
static_assert(sizeof(BaselineSlot) == 248);
inline constexpr size_t kBaselineSlotBytes = 256;
static_assert(sizeof(BaselineSlot) <= kBaselineSlotBytes);

struct LaneCursor {
  uint64_t timing_records;  // records passed, ever
  uint64_t request_bytes;   // bytes passed, ever
  uint64_t requests;        // request records passed, ever
};
static_assert(sizeof(LaneCursor) == 24);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_BASELINE_FORMAT_H_
