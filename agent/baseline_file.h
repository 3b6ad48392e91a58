// One producer's baseline: two slots in a sparse file of the agent's own (baseline_format.h).
//
// Owner: the agent's thread. Pages are allocated before they are written (a full tmpfs is an error
// and never a SIGBUS), and only as far as the segment is used.
#ifndef RINGSIDE_AGENT_BASELINE_FILE_H_
#define RINGSIDE_AGENT_BASELINE_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "agent/baseline_format.h"
#include "agent/mapping.h"
#include "proto/segment_format.h"
#include "proto/status.h"
#include "proto/unique_fd.h"
#include "proto/uuid.h"

namespace ringside::agent {

// One of the two slots.
struct SlotImage {
  BaselineSlot* head = nullptr;
  LaneCursor* cursors = nullptr;  // [lane_count]
  uint32_t* directory = nullptr;  // [lane_count][series_capacity]
  std::byte* pool = nullptr;      // [pool_bytes]
  uint32_t series_capacity = 0;
  uint64_t pool_bytes = 0;

  uint32_t Unit(uint32_t lane, uint32_t series) const {
    return directory[uint64_t{lane} * series_capacity + series];
  }
};

class BaselineFile {
 public:
  static std::string NameOf(const proto::Uuid& uuid);

  // A new file whose first slot is all zero and valid as of `committed`: everything since the
  // producer's start will be delivered. It has no name before Publish.
  static proto::Result<std::unique_ptr<BaselineFile>> Create(int agent_directory_fd,
                                                             const proto::Uuid& uuid,
                                                             const proto::Geometry& geometry,
                                                             uint64_t committed);
  // An existing one. `committed` tells which slots are valid; those above it are the remains of a
  // commit that did not happen and are cleared. Error when there is no file or no valid slot.
  static proto::Result<std::unique_ptr<BaselineFile>> Open(int agent_directory_fd,
                                                           const proto::Uuid& uuid,
                                                           uint64_t committed);

  // Whether it was made for a segment of this shape.
  bool Matches(const proto::Geometry& geometry) const;

  const SlotImage& valid() const { return slots_[valid_]; }
  // Not to be written before Reserve.
  const SlotImage& idle() const { return slots_[1 - valid_]; }

  // Makes the idle slot the only valid one, as of `committed`. Only before Publish.
  void Adopt(uint64_t committed);
  // Gives a new file its name: from here on it counts.
  proto::Status Publish();

  // Untags the idle slot and makes its pages real.
  proto::Status Reserve(uint32_t lanes_used, uint32_t series_count, uint64_t pool_used);
  // The idle slot belongs to the commit that ends at `position`.
  void Tag(uint64_t position);
  // That commit did not happen.
  void Untag();
  // It did: the idle slot is the valid one now.
  void Flip() { valid_ = 1 - valid_; }

 private:
  struct Extent {
    uint32_t lanes = 0;
    uint32_t series = 0;
    uint64_t pool = 0;
  };

  BaselineFile() = default;
  proto::Status MapFile(const BaselineFileHeader& header);
  proto::Status Allocate(const void* from, uint64_t bytes);

  int directory_fd_ = -1;  // not owned
  std::string name_;
  proto::UniqueFd fd_;
  Mapping mapping_;
  SlotImage slots_[2];
  Extent allocated_[2];
  uint32_t lane_count_ = 0;
  int valid_ = 0;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_BASELINE_FILE_H_
