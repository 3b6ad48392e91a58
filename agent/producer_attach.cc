// How an agent takes up a segment: with the baseline that it or an earlier agent made, or a new one
// (producer.h).
#include <numeric>
#include <utility>

#include "agent/cell_count.h"
#include "agent/fail_points.h"
#include "agent/producer.h"
#include "agent/snapshot.h"

namespace ringside::agent {

using proto::Result;
using proto::Status;

Producer::Producer(std::unique_ptr<SegmentFile> segment, std::unique_ptr<BaselineFile> baseline)
    : segment_(std::move(segment)),
      baseline_(std::move(baseline)),
      liveness_(baseline_->valid().head->holder_pid),
      drain_(*segment_, table_),
      quiet_(segment_->identity().uuid.bytes[0]) {}

Result<std::unique_ptr<Producer>> Producer::Attach(std::unique_ptr<SegmentFile> segment,
                                                   int agent_directory_fd, uint64_t committed,
                                                   bool* again) {
  bool ignored = false;
  bool& is_ours = again != nullptr ? *again : ignored;
  is_ours = false;
  const proto::Uuid uuid = segment->identity().uuid;
  const proto::Geometry geometry = segment->geometry();
  Result<uint64_t> control = segment->LoadControl();
  if (!control) return control.status();
  // The agent opens interval 1 when it has met a segment: at 0 nobody has read it yet.
  const bool is_known = (*control & proto::kControlIntervalMask) != 0;
  Result<std::unique_ptr<BaselineFile>> baseline =
      BaselineFile::Open(agent_directory_fd, uuid, committed);
  const bool has_baseline = baseline.ok();
  if (has_baseline && !(*baseline)->Matches(geometry)) {
    return Status::Error("the segment's shape is not the one that its baseline was made for");
  }
  if (!has_baseline) {
    baseline = BaselineFile::Create(agent_directory_fd, uuid, geometry, committed);
    is_ours = !baseline.ok();
    if (!baseline) return baseline.status();
  }
  std::unique_ptr<Producer> producer(new Producer(std::move(segment), std::move(*baseline)));
  if (!has_baseline) {
    if (is_known) {
      if (Status s = producer->SkipToPresent(committed, &is_ours); !s) return s;
    }
    const Status published = producer->baseline_->Publish();
    is_ours = !published;
    if (!published) return published;
    FailPoint("attach.baseline");
  }
  if (!is_known) {
    if (Status s = producer->segment_->AdvanceInterval(); !s) return s;
    FailPoint("attach.met");
  }
  if ((*control & proto::kControlRetired) != 0) producer->state_ = State::kRetiring;
  if ((producer->baseline_->valid().head->flags & kFinal) != 0) {
    producer->state_ = State::kFinal;
    producer->done_ = true;
  }
  // A bad one is named, and goes when its process is dead, like any other.
  if (Status s = producer->BeginDrain(); !s) producer->early_error_ = s.message();
  producer->PublishTails();
  producer->exit_.FollowHolder(producer->segment_->fd());  // it may end before the first close
  return producer;
}

Status Producer::BeginDrain() {
  SegmentUse use;
  if (Status s = ReadLanes(&use); !s) return s;
  const SlotImage& valid = baseline_->valid();
  return drain_.Begin(valid.cursors, valid.head->lanes_used, lanes_.get(), use.lanes_used);
}

// A segment that was read before, by an agent whose notes are gone: what it holds now may have
// been delivered or not. It is not counted again, and the gap is said to be lost.
Status Producer::SkipToPresent(uint64_t committed, bool* again) {
  SegmentUse use;
  if (Status s = ReadLanes(&use); !s) return s;
  Result<uint64_t> control = segment_->LoadControl();
  if (!control) return control.status();
  const Status room = baseline_->Reserve(use.lanes_used, use.series_count, use.pool_used);
  *again = !room;
  if (!room) return room;
  const SlotImage& idle = baseline_->idle();
  if (Status s = TakeSnapshot(*segment_, use, baseline_->valid(), idle); !s) return s;
  if (Status s = table_.Refresh(*segment_, use.series_count); !s) return s;
  Result<uint64_t> count = CountSamples(idle, table_);
  if (!count) return count.status();
  BaselineSlot& head = *idle.head;
  head.lost_baseline = *count;
  head.interval_tag = (*control & proto::kControlIntervalMask) + 1;
  uint64_t passed = 0;
  uint64_t dropped = 0;
  for (uint32_t lane = 0; lane < use.lanes_used; ++lane) {
    const proto::Lane& copy = lanes_[lane];
    LaneCursor& cursor = idle.cursors[lane];
    cursor.timing_records = copy.timing_head.load(std::memory_order_relaxed);
    cursor.request_bytes = copy.request_head.load(std::memory_order_relaxed);
    cursor.requests = copy.request_records.load(std::memory_order_relaxed);
    passed += cursor.timing_records + cursor.requests;
    dropped += copy.timing_dropped.load(std::memory_order_relaxed) +
               copy.request_dropped.load(std::memory_order_relaxed);
  }
  head.not_sampled = passed;
  head.lane_dropped = dropped;
  head.detail_written = std::accumulate(use.dropped.begin(), use.dropped.end(), passed + dropped);
  baseline_->Adopt(committed);
  return Status();
}

}  // namespace ringside::agent
