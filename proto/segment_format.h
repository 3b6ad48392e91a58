// The shared-memory segment: what a producer writes and the agent reads. One file per process.
//
// Writer: the producer's threads, except `control` (agent and producer), `*_tail` (agent).
// Reader: the agent, `ringside shm`. Every byte is untrusted to the reader.
//
//   header | producer info | series table | strings | lanes | directory | slots | timing rings |
//   request rings | pool (blocks and bucket pages)
//
// The file is sparse: its size is fixed at creation, pages become real when they are first used
// (populated by the writer, so that a full tmpfs is an error code and never a SIGBUS).
// Zero means free or absent, so fresh memory is valid; reserved fields are zero.
// Cumulative: block cells and lane counters only grow (modulo 2^64) and survive thread reuse; the
// statistics of a producer are the sums over all its lanes' blocks, never the rings.
// Full description: docs/shm-abi.md.
#ifndef RINGSIDE_PROTO_SEGMENT_FORMAT_H_
#define RINGSIDE_PROTO_SEGMENT_FORMAT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "proto/exponential_index.h"
#include "proto/loss.h"

namespace ringside::proto {

inline constexpr uint64_t kSegmentMagic = 0x3147455344495352u;  // "RSIDSEG1", little-endian
// A reader refuses another major; a minor adds fields in reserved places or behind a feature bit.
inline constexpr uint16_t kSegmentMajor = 1;
inline constexpr uint16_t kSegmentMinor = 0;

inline constexpr const char* kSegmentSuffix = ".seg";  // file name: UUID + suffix

// ---- control word -------------------------------------------------------------------------------
// Read once by every record. Low 32 bits: the open interval's number (the agent advances it).
inline constexpr uint64_t kControlIntervalMask = 0xffffffffu;
inline constexpr uint64_t kControlEnabled = uint64_t{1} << 32;  // off: records are no-ops
inline constexpr uint64_t kControlRetired = uint64_t{1} << 33;  // the agent gave this segment up

enum class ClockKind : uint32_t {
  kMonotonic = 1,  // ticks are CLOCK_MONOTONIC nanoseconds
  kTsc = 2,        // invariant x86 TSC or Arm CNTVCT; ns = ticks * mult >> 32 (128-bit product)
};

// Where the parts lie, in bytes from the start of the file. Written once, before `ready`.
struct Geometry {
  uint64_t segment_bytes;
  uint64_t series_offset;        // SeriesEntry[series_capacity]
  uint64_t strings_offset;       // bytes, bump-allocated
  uint64_t lanes_offset;         // Lane[lane_count]; lane 0 is the shared one (atomic adds)
  uint64_t directory_offset;     // u32[lane_count][series_capacity]: pool unit of a block, 0 absent
  uint64_t slots_offset;         // slot_count * slot_bytes
  uint64_t timing_rings_offset;  // TimingRecord[lane_count][timing_ring_records]
  uint64_t request_rings_offset;  // bytes[lane_count][request_ring_bytes]
  uint64_t pool_offset;           // pool_bytes; unit 0 is never handed out
  uint64_t pool_bytes;
  uint32_t strings_bytes;
  uint32_t series_capacity;
  uint32_t lane_count;
  uint32_t slot_count;
  uint32_t slot_bytes;
  uint32_t timing_ring_records;  // power of two
  uint32_t request_ring_bytes;   // power of two
  uint32_t pool_chunk_bytes;     // a lane takes the pool in chunks of this size
};
static_assert(sizeof(Geometry) == 112);

inline constexpr size_t kPoolUnitBytes = 64;  // blocks and pages are multiples of it, aligned to it

struct SegmentHeader {
  // -- identity, written before `ready` --
  uint64_t magic;
  uint16_t major_version;
  uint16_t minor_version;
  uint16_t oldest_compatible_minor;  // a reader of an older minor than this must refuse
  uint16_t reserved0;
  uint32_t header_bytes;        // sizeof(SegmentHeader) of the writer
  uint32_t feature_bits;        // unknown bits: refuse
  std::atomic<uint32_t> ready;  // SYNC segment-ready: stored last with release, read with acquire
  uint32_t pid_namespace;  // inode number of the pid namespace that `pid` belongs to; 0 unknown
  uint8_t uuid[16];
  uint64_t pid;  // as the producer sees itself; proves nothing
  uint64_t created_unix_ns;
  // -- clock --
  ClockKind clock_kind;
  uint32_t reserved2;
  uint64_t ns_per_tick_q32;  // nanoseconds per tick * 2^32 (1 << 32 for kMonotonic)
  uint64_t anchor_ticks;     // this tick and
  uint64_t anchor_unix_ns;   // this wall-clock time were read together
  Geometry geometry;
  // -- producer info: strings in the string area --
  uint32_t service_offset;
  uint32_t service_bytes;
  uint32_t command_offset;
  uint32_t command_bytes;
  uint32_t labels_offset;  // resource labels, encoded as in SeriesEntry
  uint32_t labels_bytes;
  uint32_t probe_version_offset;
  uint32_t probe_version_bytes;

  // -- the control word: agent and producer, atomic read-modify-write --
  alignas(64) std::atomic<uint64_t> control;

  // -- allocation state: producer, atomic --
  alignas(64) std::atomic<uint32_t> series_count;  // reserved entries; each has its own state
  std::atomic<uint32_t> strings_used;              // bytes
  std::atomic<uint32_t> lanes_used;                // lanes ever taken: readers look no further
  std::atomic<uint32_t> slots_used;                // slots ever taken: readers look no further
  std::atomic<uint64_t> pool_used;                 // bytes handed out in chunks, from pool_offset

  // -- our own health: producer, atomic adds; readable without the agent --
  alignas(64) std::atomic<uint64_t> lost[8];     // by LossReason (kLossReasonCount used)
  alignas(64) std::atomic<uint64_t> dropped[8];  // by DropReason, for what no lane counts
  alignas(64) std::atomic<uint64_t> clamped;     // values above kMaxValue, recorded as kMaxValue
  std::atomic<uint64_t> negative_clock;          // clock differences below 0, recorded as 0
  std::atomic<uint64_t> coarse_samples;          // samples in scale-0 pages: the pool was out
  std::atomic<uint64_t> overflow_series;         // look-ups that ended in an overflow series
  std::atomic<uint64_t> requests_started;
  std::atomic<uint64_t> requests_ended;
};
inline constexpr size_t kHeaderBytes = 4096;  // the series table starts at or after it
static_assert(sizeof(SegmentHeader) <= kHeaderBytes);

// ---- series table -------------------------------------------------------------------------------
enum class EntryState : uint32_t {
  kFree = 0,
  kReserved = 1,  // being written; stays so for ever if its writer was killed
  kReady = 2,     // SYNC series-ready: stored with release after the fields, read with acquire
};

// Append-only. Duplicates are legal (merged by key). Label encoding in the string area, repeated:
// u8 key length, key, u8 value length, value; sorted by key.
struct SeriesEntry {
  std::atomic<EntryState> state;
  uint8_t kind;       // Kind
  uint8_t outcome;    // Outcome
  uint8_t scale;      // kMinScale .. kMaxScale
  int8_t resolution;  // real = integer * 2^resolution
  uint32_t path_offset;
  uint32_t labels_offset;
  uint32_t error_offset;
  uint32_t unit_offset;
  uint16_t path_bytes;
  uint16_t labels_bytes;
  uint16_t error_bytes;
  uint16_t unit_bytes;
  uint8_t is_signed;
  uint8_t is_overflow;
  uint8_t reserved[30];
};
static_assert(sizeof(SeriesEntry) == 64);

// Present in every segment from the start, one per kind: entries 0..3 = kDuration..kGauge.
inline constexpr uint32_t kGlobalOverflowEntries = 4;

// ---- lanes --------------------------------------------------------------------------------------
enum class LaneState : uint32_t {
  kFree = 0,  // also: its thread ended; counters stay and go on with the next owner
  kOwned = 1,
  kShared = 2,  // lane 0: many writers, atomic adds
};

// One thread writes, the agent reads; `*_tail` are the agent's.
struct Lane {
  std::atomic<LaneState> state;
  uint32_t owner_tid;
  uint64_t reserved0[7];

  // SYNC ring-publish: heads are stored with release after the record, read with acquire.
  alignas(64) std::atomic<uint64_t> in_flight;  // 0 or series << 40 | low 40 bits of (ticks >> 8)
  std::atomic<uint64_t> timing_head;            // records written, ever
  std::atomic<uint64_t> timing_dropped;         // records not written for lack of room
  std::atomic<uint64_t> request_head;           // bytes written, ever (wraps are padded)
  std::atomic<uint64_t> request_records;        // request records written, ever
  std::atomic<uint64_t> request_dropped;        // request records not written for lack of room
  // The writer's last look at the tails, so that it reads the agent's line only when full.
  uint64_t cached_timing_tail;
  uint64_t cached_request_tail;

  // SYNC ring-release: stored with release after the agent's copy, read with acquire when full.
  alignas(64) std::atomic<uint64_t> timing_tail;  // records the agent is done with
  std::atomic<uint64_t> request_tail;             // bytes the agent is done with
  uint64_t reserved1[6];
};
static_assert(sizeof(Lane) == 192);

// ---- blocks: one lane's cumulative truth about one series
// ---------------------------------------- Extremes of one interval, as int64 bit patterns. Two
// slots, chosen by interval & 1. A writer that meets an older tag resets the slot; one that finds
// the interval moved while it widened an extreme writes it again into the new slot. The agent reads
// both at every close: an extreme may come one interval late, never lost. `tag` is interval + 1: 0
// is never written.
struct ExtremeSlot {
  std::atomic<uint64_t> tag;
  std::atomic<int64_t> min;
  std::atomic<int64_t> max;
};
static_assert(sizeof(ExtremeSlot) == 24);

// A counter's block is this head alone.
struct BlockHead {
  uint32_t series;                   // index into the series table
  uint16_t units;                    // size of the whole block in pool units
  uint8_t kind;                      // Kind
  uint8_t sign_count;                // 0 counter, 1 unsigned, 2 signed: tables that follow
  std::atomic<uint64_t> sum;         // integers, modulo 2^64
  std::atomic<uint64_t> zero_count;  // samples that are exactly 0
  ExtremeSlot extremes[2];
  // Gauges. `last` is stored first: a reader that goes upwards sees a value as new as its ticks.
  std::atomic<uint64_t> last_ticks;  // when `last` was set; 0 never
  std::atomic<int64_t> last;
  uint64_t reserved[5];
};
static_assert(sizeof(BlockHead) == 128);

// Follows the head once per sign (positive first). A sample is in exactly one cell: its page's, or,
// when no page could be had, `coarse` (scale 0). Count = zero_count + all cells.
struct BlockTable {
  std::atomic<uint32_t> page[kOctaveCount];    // pool unit of the octave's page, 0 absent
  std::atomic<uint64_t> coarse[kOctaveCount];  // scale-0 cells, by octave
};
static_assert(sizeof(BlockTable) == 768);

// A page: std::atomic<uint64_t> cells[1 << scale], the buckets of one octave.
inline constexpr size_t PageBytes(int scale) { return sizeof(uint64_t) << scale; }
inline constexpr size_t PageUnits(int scale) {
  return (PageBytes(scale) + kPoolUnitBytes - 1) / kPoolUnitBytes;
}
inline constexpr size_t BlockUnits(int sign_count) {
  return (sizeof(BlockHead) + static_cast<size_t>(sign_count) * sizeof(BlockTable)) /
         kPoolUnitBytes;
}

// ---- timing ring: bare operations and values, fixed size
// ------------------------------------------
struct TimingRecord {
  uint64_t start_ticks;  // of the segment's clock; 0: none was read (values)
  uint64_t value;        // integer of the series (durations: ns), int64 bit pattern
  uint32_t series;
  uint32_t reserved;
};
static_assert(sizeof(TimingRecord) == 24);

// ---- requests
// ------------------------------------------------------------------------------------- A slot
// holds one open request. SlotHead, then entries (8-aligned, append-only, reserved by atomic add on
// `used_bytes`). End copies head and entries as one record into the ending thread's request ring;
// the agent holds no assembly state.
//
// lifecycle: generation << 32 | flags | users. A thread that wants to write enters (users + 1),
// compares the generation, writes, leaves; End sets kSlotEnded; who leaves last frees (zeroes the
// used bytes, then stores generation + 1 alone). Nobody waits.
inline constexpr uint64_t kSlotUsersMask = 0xffffu;
inline constexpr uint64_t kSlotOpen = uint64_t{1} << 16;
inline constexpr uint64_t kSlotEnded = uint64_t{1} << 17;
inline constexpr int kSlotGenerationShift = 32;

struct SlotHead {
  std::atomic<uint64_t> lifecycle;     // SYNC slot-open: opened with release after the fields
  std::atomic<uint32_t> used_bytes;    // of the entry area; may exceed its size: too large
  std::atomic<uint32_t> current_step;  // entry offset + 1 of the step most recently begun; 0 none
  uint8_t id[16];                      // request UUID; a user's own id is an attribute entry
  uint64_t start_ticks;
  uint32_t series_ok;  // series table index of the request's ok series
  uint32_t reserved0;
  uint64_t reserved1;
};
static_assert(sizeof(SlotHead) == 56);

enum class EntryType : uint8_t {
  kUnwritten = 0,
  kReserved = 1,  // size is valid, content not yet
  kStepOpen = 2,
  kStepDone = 3,
  kAttribute = 4,
  kErrorMessage = 5,  // AttributeEntry form without key; of its owner
};

// First word of each entry: written kReserved with the size, then content, then the type (release).
struct EntryHead {
  std::atomic<uint32_t> word;  // type << 24 | size in bytes, this head included (multiple of 8)
  uint32_t owner;              // 0 the request, else entry offset + 1 of the step it belongs to
};
static_assert(sizeof(EntryHead) == 8);
inline constexpr uint32_t kEntrySizeMask = 0x00ffffffu;
inline constexpr int kEntryTypeShift = 24;

struct StepEntry {
  EntryHead head;
  uint64_t start_ticks;
  std::atomic<uint64_t> duration_ns;  // when done
  std::atomic<uint32_t> series;       // the stage's series with its outcome (ok while open)
  uint32_t reserved;
};
static_assert(sizeof(StepEntry) == 32);

enum class AttributeType : uint8_t { kString = 1, kInteger = 2, kDouble = 3, kBool = 4 };

// Followed by key bytes, then value bytes (string, or 8 bytes of int64 / double / bool).
struct AttributeEntry {
  EntryHead head;
  uint8_t type;  // AttributeType
  uint8_t reserved;
  uint16_t key_bytes;
  uint32_t value_bytes;
};
static_assert(sizeof(AttributeEntry) == 16);

inline constexpr size_t kMaxAttributeKeyBytes = 64;
inline constexpr size_t kMaxAttributeValueBytes = 2048;

// The key under which a user's own request id travels.
inline constexpr const char* kRequestIdAttribute = "request.id";

// In the request ring, 8-aligned, never wrapping: RequestRecord, then `entry_bytes` of entries as
// they stood in the slot (owner offsets stay valid). A record that does not fit before the end of
// the ring is preceded by padding: total_bytes with kPadding set.
struct RequestRecord {
  uint32_t total_bytes;  // this head, entries; multiple of 8
  uint32_t flags;        // kPadding
  uint8_t id[16];
  uint64_t start_ticks;
  uint64_t duration_ns;
  uint32_t series;  // of the request with its outcome
  uint32_t entry_bytes;
};
static_assert(sizeof(RequestRecord) == 48);
inline constexpr uint32_t kRequestPadding = 1;

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_SEGMENT_FORMAT_H_
