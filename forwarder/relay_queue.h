// Frames on their way to the parent, on disk, in the order in which they came: an agent's spool
// that holds the frames of many agents. What is in it survives the host.
//
// A place in the queue is the spool's own sequence; which batch of which agent a frame holds, its
// header says. Not thread-safe.
#ifndef RINGSIDE_FORWARDER_RELAY_QUEUE_H_
#define RINGSIDE_FORWARDER_RELAY_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "agent/spool.h"
#include "proto/batch.h"
#include "proto/status.h"

namespace ringside::forwarder {

class RelayQueue {
 public:
  // A lock keeps others out of the directory. What a crash left in it is sent again.
  static proto::Result<std::unique_ptr<RelayQueue>> Open(const std::string& directory,
                                                         uint64_t limit_bytes);

  // All of them are durable, or none. Error: the disk, or the limit.
  proto::Status Append(const std::vector<std::string>& frames);

  // The next frame that was not taken since the last Rewind, or is to be tried again. Null: there
  // is none, or `most` frames are under way. Error: the disk, or a frame that is none.
  proto::Result<const std::string*> Peek(size_t most);
  // Peek's frame is under way.
  void Take();
  // The parent has batches [first, last] of this agent's epoch. Returns how many were under way.
  size_t Acknowledge(const proto::Uuid& agent, uint64_t epoch, uint64_t first, uint64_t last);
  // The parent does not take this agent's frames: they stay here, others pass them.
  void Refuse(const proto::Uuid& agent);
  // What was refused is to be tried again.
  void Retry();
  // The connection is gone: all that is not acknowledged is to be sent again.
  void Rewind();

  size_t frames() const { return spool_->pending().size(); }
  size_t under_way() const { return under_way_; }
  uint64_t bytes() const { return spool_->bytes(); }
  uint64_t limit_bytes() const { return spool_->limit_bytes(); }
  // Files that could not be read and were set aside: what was in them is missing at the parent.
  uint64_t damaged_files() const { return spool_->damaged_files(); }

 private:
  enum class Fate { kUnderWay, kAcknowledged, kRefused };
  struct Sent {
    uint64_t ordinal;  // of the spool's pending frame
    uint64_t spool_epoch;
    uint64_t spool_sequence;
    proto::BatchId batch;
    Fate fate = Fate::kUnderWay;
  };

  explicit RelayQueue(std::unique_ptr<agent::Spool> spool) : spool_(std::move(spool)) {}

  const Sent* NextRefused();

  std::unique_ptr<agent::Spool> spool_;
  std::deque<Sent> sent_;       // consecutive ordinals; the first one is not acknowledged
  size_t under_way_ = 0;        // of them
  uint64_t next_ordinal_ = 0;   // of the next frame that was never sent
  uint64_t retry_ordinal_ = 0;  // refused ones from here on are tried again; 0: none
  std::string frame_;           // the one that Peek gave; empty: none
  uint64_t frame_ordinal_ = 0;
  proto::BatchId frame_batch_;
};

}  // namespace ringside::forwarder

#endif  // RINGSIDE_FORWARDER_RELAY_QUEUE_H_
