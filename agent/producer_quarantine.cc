// What becomes of a producer that did what no probe does (producer.h).
#include <malloc.h>

#include "agent/producer.h"
#include "agent/snapshot.h"

namespace ringside::agent {

using proto::ProducerDelta;
using proto::Result;
using proto::Status;

void Producer::Quarantine(const std::string& reason) {
  state_ = State::kQuarantined;
  const Result<Undelivered> undelivered = CountTheUndelivered();
  baseline_->Untag();
  quarantine_ = reason;
  if (!undelivered) {
    quarantine_ += "; what it had not delivered cannot be counted";
  } else {
    undelivered_ = undelivered->samples;
    quarantine_ += "; " + std::string(undelivered->is_whole ? "" : "at least ") +
                   std::to_string(undelivered_) + " samples are not delivered";
  }
  // Nothing is read any more: what a bad one made the agent remember goes.
  drain_.RolledBack();
  table_ = SeriesTable();
  lanes_.reset();
  lanes_capacity_ = 0;
  malloc_trim(0);
}

// One last copy, under the same bounds as all before it. What it records from here on nobody reads.
Result<Undelivered> Producer::CountTheUndelivered() {
  if (Status s = segment_->CheckSize(); !s) return s;
  const Result<SegmentUse> use = segment_->ReadUse();
  if (!use) return use.status();
  if (Status s = segment_->CheckClaims(*use); !s) return s;
  const Status room = baseline_->Reserve(use->lanes_used, use->series_count, use->pool_used);
  if (!room) return room;
  const SlotImage& idle = baseline_->idle();
  if (Status s = TakeSnapshot(*segment_, *use, baseline_->valid(), idle); !s) return s;
  // Series that it cannot read leave blocks without a name: those are not counted, and it is said.
  (void)table_.Refresh(*segment_, use->series_count);
  return CountUndelivered(idle, baseline_->valid(), table_);
}

// Says so once, and once more when it is gone.
bool Producer::CollectQuarantined(const CloseContext& context, ProducerDelta* delta) {
  verdict_ = liveness_.Check(*segment_, false, context.now_monotonic_ns, context.hidden_grace_ns,
                             context.processes);
  last_ = verdict_ == Liveness::Verdict::kDead;
  if (quarantine_reported_ && !last_) return false;
  Identify(delta);
  delta->totals = totals();
  delta->is_final = last_;
  return true;
}

}  // namespace ringside::agent
