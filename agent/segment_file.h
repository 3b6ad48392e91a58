// One producer's segment, as the agent sees it: an untrusted file.
//
// Owner: the agent's thread. What is read is copied once into the caller's memory, in aligned
// 8-byte words (no torn cells), around holes (reading a hole of a tmpfs mapping would allocate it)
// and guarded against truncation. The header is copied and validated once, in Open; everything
// else that is handed out is raw: `*_untrusted` until its reader has checked it.
// Writes nothing but the control word and the lanes' tails.
#ifndef RINGSIDE_AGENT_SEGMENT_FILE_H_
#define RINGSIDE_AGENT_SEGMENT_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "agent/mapping.h"
#include "agent/owner_rule.h"
#include "proto/segment_format.h"
#include "proto/series.h"
#include "proto/status.h"
#include "proto/unique_fd.h"
#include "proto/uuid.h"

namespace ringside::agent {

// The part of the header that is written before `ready` and never changes. A validated copy.
struct SegmentIdentity {
  proto::Uuid uuid;
  uint64_t pid = 0;
  uint32_t pid_namespace = 0;
  uint64_t created_unix_ns = 0;
  proto::ClockKind clock_kind = proto::ClockKind::kMonotonic;
  uint64_t ns_per_tick_q32 = 0;
  proto::Geometry geometry{};
  uint16_t minor_version = 0;
  uint64_t anchor_ticks = 0;
  uint64_t anchor_unix_ns = 0;
  std::string service;
  std::string command;
  std::string probe_version;
  proto::LabelList labels;
};

// Counters of the header and how far the parts are used; clamped to the geometry.
struct SegmentUse {
  uint32_t series_count = 0;
  uint32_t lanes_used = 0;
  uint32_t slots_used = 0;
  uint64_t pool_used = 0;
  proto::LossCounts lost{};
  proto::DropCounts dropped{};
};

// How far a lane's rings were written, ever.
struct RingHeads {
  uint64_t timing = 0;           // records
  uint64_t request = 0;          // bytes
  uint64_t request_records = 0;  // records
};

// The head of a block as it was: every sample changes one of its words (of series without a sign).
struct BlockMark {
  static constexpr size_t kWords = offsetof(proto::BlockHead, reserved) / sizeof(uint64_t);

  uint64_t offset;  // in the file
  uint64_t words[kWords];
};

// What every sample of an unsigned series changes, in one cache line.
struct CountMark {
  uint64_t offset;  // of the block, in the file
  uint64_t sum;
  uint64_t zero_count;
};

class SegmentFile {
 public:
  enum class Refusal {
    kNotReady,  // linked, but not filled: ask again later
    kVersion,   // of another major version, or one that this agent is too old for
    kRefused,   // not a segment, or a damaged one
  };
  struct OpenError {
    Refusal refusal = Refusal::kRefused;
    std::string reason;
  };

  // Null on error.
  static std::unique_ptr<SegmentFile> Open(int directory_fd, const std::string& name,
                                           const OwnerRule& owners, OpenError* error);
  // For a look, after a crash as well: under any name, of any owner. What changes the segment must
  // not be called then: nothing of it is mapped for writing.
  static std::unique_ptr<SegmentFile> OpenReadOnly(const std::string& path, OpenError* error);

  const SegmentIdentity& identity() const { return identity_; }
  const proto::Geometry& geometry() const { return identity_.geometry; }
  int fd() const { return fd_.get(); }
  dev_t device() const { return device_; }
  ino_t inode() const { return inode_; }
  uid_t owner() const { return owner_; }

  // The file still has its size; a truncated one would read as zeros.
  proto::Status CheckSize() const;
  proto::Result<SegmentUse> ReadUse() const;
  // A probe makes pages real before it says that they are used. What is claimed beyond the file's
  // own pages would only be holes here, but memory in the agent's baseline.
  proto::Status CheckClaims(const SegmentUse& use) const;
  // Raw bytes of [offset, offset + size); holes read as zero.
  proto::Status Read(uint64_t offset, size_t size, void* out) const;
  // The same into memory that is zero already: holes leave it alone.
  proto::Status ReadIntoZeros(uint64_t offset, size_t size, void* zeros) const;
  // Whether the bytes equal `image`, without copying them.
  proto::Result<bool> Equals(uint64_t offset, size_t size, const void* image) const;

  // Without a system call, of parts that every probe makes real: where a producer took their
  // memory away, it comes back as zeros.
  proto::Status ReadReal(uint64_t offset, size_t size, void* out) const;
  proto::Result<bool> EqualsReal(uint64_t offset, size_t size, const void* image) const;
  // Whether all blocks still have these heads. Stops at the first that has not.
  proto::Result<bool> HasMarks(const std::vector<BlockMark>& marks) const;
  proto::Result<bool> HasCounts(const std::vector<CountMark>& marks) const;
  // Whether these entries of the directory still name no block.
  proto::Result<bool> HasNoBlocks(const std::vector<uint64_t>& offsets) const;

  // The first `bytes` (a multiple of 8) at each of `count` places that are `stride` apart, one
  // after the other; holes read as zero.
  proto::Status ReadStrided(uint64_t offset, uint64_t stride, uint32_t count, size_t bytes,
                            void* out) const;

  // Many times a second, hence without a system call: straight from the pages of header and lanes,
  // which the agent writes to anyway, so that a hole there costs no memory that it did not cost
  // before. segment_peek.cc.
  struct Peek {
    uint32_t lanes_used = 0;
    uint32_t slots_used = 0;
    bool has_requests = false;  // some request began that has not ended
  };
  proto::Result<Peek> PeekUse() const;
  // The in-flight words of the first `lanes` lanes. `*any`: one of them is not 0.
  proto::Status PeekInFlight(uint32_t lanes, uint64_t* words, bool* any) const;
  // The sum of all counts, of header and lanes, that only ever rise and that QuietCheck relies on:
  // while it stays the same, so does each of them.
  proto::Result<uint64_t> PeekMotion() const;
  // The thread that owns the lane, or owned it last; 0 unknown.
  uint32_t PeekOwner(uint32_t lane) const;

  proto::Result<uint64_t> LoadControl() const;
  // Opens the next interval, `from` being the one that the caller believes open.
  proto::Status AdvanceInterval();
  proto::Status Retire();
  // Of a lane that was in use before: its page is no hole. SYNC ring-publish (agent): what follows
  // sees the records up to them.
  proto::Result<RingHeads> LoadHeads(uint32_t lane) const;
  // The same of the first lanes, as many as `heads` has room for.
  proto::Status LoadAllHeads(std::vector<RingHeads>* heads) const;
  // SYNC ring-release (agent): stored with release after the records were copied.
  proto::Status PublishTails(uint32_t lane, uint64_t timing_tail, uint64_t request_tail);

 private:
  SegmentFile() = default;
  // `owners` null: for a look.
  static std::unique_ptr<SegmentFile> OpenFor(const OwnerRule* owners, int directory_fd,
                                              const std::string& name, OpenError* error);
  proto::Status MapParts(int protection);
  // `name`: what the file must be called; empty: anything.
  proto::Status ReadIdentity(const std::string& name, Refusal* refusal);
  proto::Status ReadInfo(const proto::SegmentHeader& header);
  template <typename OnData, typename OnHole>
  proto::Status Walk(uint64_t offset, size_t size, OnData on_data, OnHole on_hole) const;

  proto::UniqueFd fd_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  uid_t owner_ = 0;
  uint64_t bytes_ = 0;
  SegmentIdentity identity_;
  Mapping whole_;          // read only
  Mapping header_;         // read-write: the control word
  Mapping lanes_;          // read-write: the tails
  size_t lanes_skew_ = 0;  // of the first lane inside `lanes_`
};

// "key value" pairs as SeriesEntry stores them. The bytes are untrusted.
proto::Result<proto::LabelList> ParseLabels(const std::byte* bytes, size_t size);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_SEGMENT_FILE_H_
