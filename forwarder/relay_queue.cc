#include "forwarder/relay_queue.h"

#include <algorithm>
#include <utility>

#include "proto/uuid.h"
#include "proto/wire.h"

namespace ringside::forwarder {
namespace {

using proto::Result;
using proto::Status;

constexpr size_t kRetryPiece = 64;  // frames in memory at a time

uint64_t NewEpoch() { return proto::NewRandom64() | 1; }

Result<proto::BatchId> BatchOf(const std::string& frame) {
  const Result<proto::FrameView> view = proto::OpenFrame(frame);
  if (!view) return view.status();
  proto::BatchId id;
  std::copy(std::begin(view->header.agent), std::end(view->header.agent), id.agent.bytes.begin());
  id.epoch = view->header.epoch;
  id.sequence = view->header.sequence;
  return id;
}

}  // namespace

Result<std::unique_ptr<RelayQueue>> RelayQueue::Open(const std::string& directory,
                                                     uint64_t limit_bytes) {
  auto spool = agent::Spool::Open(directory, limit_bytes);
  if (!spool) return spool.status();
  if (Status begun = (*spool)->BeginEpoch(NewEpoch()); !begun) return begun;
  return std::unique_ptr<RelayQueue>(new RelayQueue(std::move(*spool)));
}

Status RelayQueue::Append(const std::vector<std::string>& frames) {
  size_t size = 0;
  for (const std::string& frame : frames) size += frame.size();
  if (bytes() + size > limit_bytes()) {
    return Status::Error("the queue for the parent is full: " + std::to_string(bytes()) + " of " +
                         std::to_string(limit_bytes()) +
                         " bytes (is the parent there? more room: --parent-queue)");
  }
  return AppendBeyondTheLimit(frames);
}

Status RelayQueue::AppendBeyondTheLimit(const std::vector<std::string>& frames) {
  if (Status s = spool_->Append(spool_->tail().last_sequence + 1, frames); !s) return s;
  Status synced = spool_->Sync();
  if (synced) return synced;
  // Nobody knows what is on the disk: they are appended again, these copies are not sent.
  const uint64_t last = spool_->pending().back().ordinal;
  for (size_t i = 0; i < frames.size(); ++i) spool_->AcknowledgeAt(last - i);
  return synced;
}

Result<std::string> RelayQueue::Read(uint64_t ordinal) const {
  const auto& pending = spool_->pending();
  return spool_->Read(pending[ordinal - pending.front().ordinal]);
}

// What was acknowledged before a Rewind is passed.
bool RelayQueue::HasNext() {
  const auto& pending = spool_->pending();
  if (pending.empty()) return false;
  const uint64_t front = pending.front().ordinal;
  next_ordinal_ = std::max(next_ordinal_, front);
  while (next_ordinal_ - front < pending.size() && pending[next_ordinal_ - front].IsAckedBy(0)) {
    ++next_ordinal_;
  }
  return next_ordinal_ - front < pending.size();
}

Result<const std::string*> RelayQueue::Peek(size_t most) {
  if (!next_frame_.empty()) return &next_frame_;
  if (under_way_ >= most || !HasNext()) return nullptr;
  Result<std::string> frame = Read(next_ordinal_);
  const Result<proto::BatchId> batch =
      frame.ok() ? BatchOf(*frame) : Result<proto::BatchId>(frame.status());
  if (!batch) {
    spool_->AcknowledgeAt(next_ordinal_++);
    return Status::Error(batch.message() + "; the parent will lack this batch");
  }
  next_frame_ = std::move(*frame);
  next_batch_ = *batch;
  return &next_frame_;
}

void RelayQueue::Take() {
  next_frame_.clear();
  sent_[next_ordinal_++] = {next_batch_};
  ++under_way_;
}

size_t RelayQueue::Acknowledge(const proto::Uuid& agent, uint64_t epoch, uint64_t first,
                               uint64_t last) {
  size_t count = 0;
  for (auto it = sent_.begin(); it != sent_.end();) {
    const auto& [ordinal, sent] = *it;
    const proto::BatchId& batch = sent.batch;
    if (batch.agent != agent || batch.epoch != epoch || batch.sequence < first ||
        batch.sequence > last) {
      ++it;
      continue;
    }
    if (!sent.is_refused) --under_way_;
    spool_->AcknowledgeAt(ordinal);
    it = sent_.erase(it);
    ++count;
  }
  return count;
}

void RelayQueue::Refuse(const proto::Uuid& agent) {
  for (auto& [ordinal, sent] : sent_) {
    if (sent.is_refused || sent.batch.agent != agent) continue;
    sent.is_refused = true;
    --under_way_;
  }
}

Status RelayQueue::Retry() {
  std::vector<uint64_t> refused;
  for (const auto& [ordinal, sent] : sent_) {
    if (sent.is_refused) refused.push_back(ordinal);
  }
  for (size_t begin = 0; begin < refused.size(); begin += kRetryPiece) {
    const size_t end = std::min(begin + kRetryPiece, refused.size());
    std::vector<std::string> frames;
    for (size_t i = begin; i < end; ++i) {
      Result<std::string> frame = Read(refused[i]);
      if (!frame) return frame.status();
      frames.push_back(std::move(*frame));
    }
    if (Status s = AppendBeyondTheLimit(frames); !s) return s;
    for (size_t i = begin; i < end; ++i) {
      spool_->AcknowledgeAt(refused[i]);
      sent_.erase(refused[i]);
    }
  }
  return Status();
}

void RelayQueue::Rewind() {
  sent_.clear();
  under_way_ = 0;
  next_frame_.clear();
  next_ordinal_ = 0;
}

}  // namespace ringside::forwarder
