// Frames on their way to the parent, on disk, in the order in which they came: an agent's spool
// that holds the frames of many agents. What is in it survives the host.
//
// A place in the queue is the spool's own sequence; which batch of which agent a frame holds, its
// header says. Not thread-safe.
#ifndef RINGSIDE_FORWARDER_RELAY_QUEUE_H_
#define RINGSIDE_FORWARDER_RELAY_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <map>
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

  // They are durable on return. Error: the disk, or the limit; then none of them is sent.
  proto::Status Append(const std::vector<std::string>& frames);

  // The next frame that was not taken since the last Rewind. Null: there is none, or `most` frames
  // are under way. Error: it cannot be read, and never will be; the next call goes on behind it.
  proto::Result<const std::string*> Peek(size_t most);
  // Peek's frame is under way.
  void Take();
  // The parent has batches [first, last] of this agent's epoch. Returns how many were news.
  size_t Acknowledge(const proto::Uuid& agent, uint64_t epoch, uint64_t first, uint64_t last);
  // The parent does not take this agent's frames: they stay here, others pass them.
  void Refuse(const proto::Uuid& agent);
  // What was refused is to be tried again: it goes to the queue's end, so that it holds up nothing
  // that was written after it.
  proto::Status Retry();
  // The connection is gone: all that is not acknowledged is to be sent again.
  void Rewind();

  size_t frames() const { return spool_->pending().size(); }
  size_t under_way() const { return under_way_; }
  uint64_t bytes() const { return spool_->bytes(); }
  uint64_t limit_bytes() const { return spool_->limit_bytes(); }
  // Files that could not be read and were set aside: what was in them is missing at the parent.
  uint64_t damaged_files() const { return spool_->damaged_files(); }

 private:
  struct Sent {
    proto::BatchId batch;
    bool is_refused = false;
  };

  explicit RelayQueue(std::unique_ptr<agent::Spool> spool) : spool_(std::move(spool)) {}

  proto::Result<std::string> Read(uint64_t ordinal) const;
  bool HasNext();
  proto::Status AppendBeyondTheLimit(const std::vector<std::string>& frames);

  std::unique_ptr<agent::Spool> spool_;
  std::map<uint64_t, Sent> sent_;  // by ordinal: neither acknowledged nor still to be sent
  size_t under_way_ = 0;           // of them
  uint64_t next_ordinal_ = 0;      // of the next frame to send
  std::string next_frame_;         // empty: not read yet
  proto::BatchId next_batch_;
};

}  // namespace ringside::forwarder

#endif  // RINGSIDE_FORWARDER_RELAY_QUEUE_H_
