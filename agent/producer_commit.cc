// What a producer does at the steps of a commit, in this order (producer.h, docs/spool.md).
#include "agent/producer.h"

namespace ringside::agent {

void Producer::Tag(uint64_t position) {
  if (in_commit_) baseline_->Tag(position);
}

void Producer::Untag() {
  if (in_commit_) {
    baseline_->Untag();
    drain_.RolledBack();
  }
  in_commit_ = false;
  last_ = false;
}

void Producer::Flip() {
  if (in_commit_) {
    baseline_->Flip();
    quiet_.Forget();
    const SlotImage& valid = baseline_->valid();
    drain_.Committed(valid.cursors, valid.head->lanes_used);
  }
  if (state_ == State::kQuarantined) quarantine_reported_ = true;
}

void Producer::PublishTails() {
  for (uint32_t lane = 0; lane < drain_.lanes(); ++lane) {
    const LaneCursor& cursor = drain_.cursor(lane);
    // A truncated file: the next collect will find out and say so.
    if (!segment_->PublishTails(lane, cursor.timing_records, cursor.request_bytes)) break;
  }
  // Only now: the next interval's slot is that of the one before this, and what came late into it
  // is in the copy that was just committed (tests/model/extremes.pml).
  if (in_commit_ && !last_) (void)segment_->AdvanceInterval();
  if (last_) {
    if (state_ != State::kQuarantined) state_ = State::kFinal;
    done_ = true;
  }
  in_commit_ = false;
  last_ = false;
}

}  // namespace ringside::agent
