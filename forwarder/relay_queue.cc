#include "forwarder/relay_queue.h"

#include <algorithm>
#include <random>
#include <utility>

#include "proto/wire.h"

namespace ringside::forwarder {
namespace {

using proto::Result;
using proto::Status;

uint64_t NewEpoch() {
  std::random_device random;
  return (uint64_t{random()} << 32 | random()) | 1;
}

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
  if (Status s = spool_->Append(spool_->tail().last_sequence + 1, frames); !s) return s;
  return spool_->Sync();
}

const RelayQueue::Sent* RelayQueue::NextRefused() {
  if (retry_ordinal_ == 0) return nullptr;
  for (const Sent& sent : sent_) {
    if (sent.ordinal < retry_ordinal_ || sent.fate != Fate::kRefused) continue;
    retry_ordinal_ = sent.ordinal;
    return &sent;
  }
  retry_ordinal_ = 0;
  return nullptr;
}

Result<const std::string*> RelayQueue::Peek(size_t most) {
  const auto& pending = spool_->pending();
  if (pending.empty() || under_way_ >= most) return nullptr;
  if (!frame_.empty()) return &frame_;
  const uint64_t front = pending.front().ordinal;
  next_ordinal_ = std::max(next_ordinal_, front);
  const Sent* const refused = NextRefused();
  const uint64_t ordinal = refused != nullptr ? refused->ordinal : next_ordinal_;
  if (ordinal - front >= pending.size()) return nullptr;
  Result<std::string> frame = spool_->Read(pending[ordinal - front]);
  if (!frame) return frame.status();
  const Result<proto::BatchId> batch = BatchOf(*frame);
  if (!batch) return batch.status();
  frame_ = std::move(*frame);
  frame_ordinal_ = ordinal;
  frame_batch_ = *batch;
  return &frame_;
}

void RelayQueue::Take() {
  frame_.clear();
  ++under_way_;
  if (frame_ordinal_ < next_ordinal_) {
    sent_[frame_ordinal_ - sent_.front().ordinal].fate = Fate::kUnderWay;
    retry_ordinal_ = frame_ordinal_ + 1;
    return;
  }
  const agent::Spool::Pending& taken =
      spool_->pending()[frame_ordinal_ - spool_->pending().front().ordinal];
  sent_.push_back({taken.ordinal, taken.epoch, taken.frame.sequence, frame_batch_});
  ++next_ordinal_;
}

size_t RelayQueue::Acknowledge(const proto::Uuid& agent, uint64_t epoch, uint64_t first,
                               uint64_t last) {
  // Peek's, if it is tried again, may be among them.
  if (frame_ordinal_ < next_ordinal_) frame_.clear();
  size_t count = 0;
  for (Sent& sent : sent_) {
    if (sent.fate == Fate::kAcknowledged || sent.batch.agent != agent ||
        sent.batch.epoch != epoch || sent.batch.sequence < first || sent.batch.sequence > last) {
      continue;
    }
    if (sent.fate == Fate::kUnderWay) --under_way_;
    sent.fate = Fate::kAcknowledged;
    ++count;
  }
  // In the queue's order, so that what the spool writes down is all up to a place.
  while (!sent_.empty() && sent_.front().fate == Fate::kAcknowledged) {
    const Sent& sent = sent_.front();
    spool_->Acknowledge(sent.spool_epoch, sent.spool_sequence, sent.spool_sequence);
    sent_.pop_front();
  }
  return count;
}

void RelayQueue::Refuse(const proto::Uuid& agent) {
  for (Sent& sent : sent_) {
    if (sent.fate != Fate::kUnderWay || sent.batch.agent != agent) continue;
    sent.fate = Fate::kRefused;
    --under_way_;
  }
}

void RelayQueue::Retry() { retry_ordinal_ = sent_.empty() ? 0 : sent_.front().ordinal; }

void RelayQueue::Rewind() {
  sent_.clear();
  under_way_ = 0;
  frame_.clear();
  next_ordinal_ = 0;
  retry_ordinal_ = 0;
}

}  // namespace ringside::forwarder
