// The agent's mapped control file (baseline_format.h): who drains this directory, in which epoch,
// and which position is committed.
#ifndef RINGSIDE_AGENT_CONTROL_FILE_H_
#define RINGSIDE_AGENT_CONTROL_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "agent/baseline_format.h"
#include "agent/mapping.h"
#include "proto/status.h"
#include "proto/uuid.h"

namespace ringside::agent {

// /proc/sys/kernel/random/boot_id, or "unknown".
std::string ReadBootId();

class ControlFile {
 public:
  struct Identity {
    proto::Uuid agent;
    proto::Uuid self;
    uint64_t self_started_unix_ns = 0;
    uint64_t epoch = 0;
    uint64_t epoch_base = 0;
    std::string boot_id;
  };

  // Error when there is none, or none of this version. Changes nothing: recovery decides.
  static proto::Result<std::unique_ptr<ControlFile>> Open(int agent_directory_fd);
  // Replaces whatever is there in one step. Both positions are `identity.epoch_base`.
  static proto::Result<std::unique_ptr<ControlFile>> Create(int agent_directory_fd,
                                                            const Identity& identity,
                                                            uint64_t interval_end_unix_ns);

  const Identity& identity() const { return identity_; }
  uint64_t committed() const { return format_->committed.load(std::memory_order_relaxed); }
  uint64_t prepared() const { return format_->prepared.load(std::memory_order_relaxed); }
  uint64_t committed_sequence() const { return committed() - identity_.epoch_base; }
  uint64_t PositionOf(uint64_t sequence) const { return identity_.epoch_base + sequence; }

  // The agent's own producer, as of the committed position.
  const SelfSlot& self() const { return format_->self_slots[valid_]; }

  // The steps of a commit, in this order; see commit.h.
  void WriteIdle(uint64_t position, uint64_t recorded, uint64_t interval_end_unix_ns);
  void Prepare(uint64_t position);
  void Flip(uint64_t position);
  // What was prepared did not happen: back to the committed position.
  void Abandon();
  // Recovery: the spool holds a commit whose flip did not come to pass.
  void CompleteFlip(uint64_t position);

 private:
  ControlFile() = default;
  void PickValid();

  Mapping mapping_;
  ControlFormat* format_ = nullptr;
  Identity identity_;
  int valid_ = 0;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_CONTROL_FILE_H_
