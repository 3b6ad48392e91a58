#include "agent/producer.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "agent/cell_count.h"
#include "agent/differ.h"
#include "agent/fail_points.h"
#include "agent/open_requests.h"
#include "agent/slot_totals.h"
#include "agent/snapshot.h"
#include "proto/tick_clock.h"
#include "proto/wire_limits.h"

namespace ringside::agent {
namespace {

using proto::ProducerDelta;
using proto::ProducerTotals;
using proto::Result;
using proto::Status;

uint64_t Sum(const proto::DropCounts& counts) {
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

}  // namespace

std::string InstanceOf(uint64_t pid, const proto::Uuid& uuid) {
  return std::to_string(pid) + "-" + proto::ToString(uuid).substr(0, 8);
}

ProducerTotals Producer::totals() const {
  ProducerTotals totals = TotalsOf(*baseline_->valid().head);
  totals.lost[static_cast<size_t>(proto::LossReason::kQuarantined)] = undelivered_;
  return totals;
}

bool Producer::Collect(const CloseContext& context, ProducerDelta* delta) {
  if (done_) return false;
  bool changed = false;
  if (state_ != State::kQuarantined) {
    const Status status = CollectChecked(context, delta, &changed);
    if (status.ok()) return changed;
    *delta = ProducerDelta();
    Quarantine(status.message());
  }
  return CollectQuarantined(context, delta);
}

void Producer::Identify(ProducerDelta* delta) const {
  const SegmentIdentity& identity = segment_->identity();
  delta->uuid = identity.uuid;
  delta->pid = identity.pid;
  delta->service = identity.service;
  delta->instance = InstanceOf(identity.pid, identity.uuid);
  delta->labels = identity.labels;
  delta->started_unix_ns = identity.created_unix_ns;
  delta->quarantine = quarantine_;
}

bool Producer::DrainEarly(const DetailBudget& budget, uint64_t now_monotonic_ns,
                          uint64_t now_unix_ns, std::vector<RingHeads>* scratch) {
  if (done_ || state_ == State::kQuarantined || !early_error_.empty()) return false;
  scratch->resize(drain_.lanes());
  Status status = segment_->LoadAllHeads(scratch);
  uint64_t written = 0;
  for (const RingHeads& heads : *scratch) written += heads.timing + heads.request;
  // What did not fill up then has not filled up since.
  if (status && written == written_) return false;
  written_ = written;
  if (status) status = DrainLanes(*scratch, budget, ClockAt(now_monotonic_ns, now_unix_ns));
  if (!status) early_error_ = status.message();
  return true;
}

Status Producer::DrainLanes(const std::vector<RingHeads>& heads, const DetailBudget& budget,
                            const TickMapper& clock) {
  bool is_fresh = false;  // the table knows what the heads may name
  for (uint32_t lane = 0; lane < heads.size(); ++lane) {
    if (!drain_.IsFilling(lane, heads[lane])) continue;
    is_busy_ = true;
    if (!is_fresh) {
      const Result<SegmentUse> use = segment_->ReadUse();
      if (!use) return use.status();
      if (Status s = table_.Refresh(*segment_, use->series_count); !s) return s;
      is_fresh = true;
    }
    // The table must be newer than the heads that are drained by.
    if (Status s = drain_.DrainEarly(lane, heads[lane], budget, clock); !s) return s;
    const LaneCursor& passed = drain_.cursor(lane);
    if (Status s = segment_->PublishTails(lane, passed.timing_records, passed.request_bytes); !s) {
      return s;
    }
    FailPoint("drain.early");
  }
  return Status();
}

Status Producer::CollectChecked(const CloseContext& context, ProducerDelta* delta, bool* changed) {
  if (Status s = segment_->CheckSize(); !s) return s;
  if (!early_error_.empty()) return Status::Error(early_error_);
  const Result<bool> still = drain_.HasPending() ? false : quiet_.IsStill(*segment_);
  if (!still) return still.status();
  SegmentUse use;
  Result<bool> quiet = *still ? true : LookCloser(&use);
  if (!quiet) return quiet.status();
  bool last = false;
  if (Status s = CheckLife(context, !*quiet, &last); !s) return s;
  if (*quiet && !last && (*still || IsAnnounced())) return Status();
  if (*still) {
    if (Status s = ReadLanes(&use); !s) return s;
  }
  const Status room = baseline_->Reserve(use.lanes_used, use.series_count, use.pool_used);
  postponed_ = room.message();
  if (!room) return Status();  // the segment keeps it all until there is room
  if (Status s = Copy(use); !s) return s;
  if (Status s = Compute(context, use, last, delta); !s) return s;
  in_commit_ = true;
  last_ = last;
  *changed = true;
  return Status();
}

// Lanes first: what their heads say was complete before the rest is read.
Status Producer::ReadLanes(SegmentUse* use) {
  Result<SegmentUse> first = segment_->ReadUse();
  if (!first) return first.status();
  const uint32_t lanes = first->lanes_used;
  if (lanes > lanes_capacity_) {
    lanes_ = std::make_unique<proto::Lane[]>(lanes);
    lanes_capacity_ = lanes;
  }
  Status status = segment_->ReadReal(segment_->geometry().lanes_offset, lanes * sizeof(proto::Lane),
                                     lanes_.get());
  if (!status) return status;
  std::atomic_thread_fence(std::memory_order_acquire);  // SYNC ring-publish (agent)
  Result<SegmentUse> second = segment_->ReadUse();
  if (!second) return second.status();
  *use = *second;
  use->lanes_used = lanes;
  return segment_->CheckClaims(*use);
}

// Whether it did nothing since its last commit, by all that it says of itself.
Result<bool> Producer::LookCloser(SegmentUse* use) {
  const Result<uint64_t> motion = segment_->PeekMotion();
  if (!motion) return motion.status();
  if (Status s = ReadLanes(use); !s) return s;
  Result<bool> quiet = IsQuiet(*use);
  if (quiet && *quiet && IsAnnounced()) quiet_.NoteQuiet(*motion);
  return quiet;
}

Result<bool> Producer::IsQuiet(const SegmentUse& use) {
  if (drain_.HasPending()) return false;
  uint64_t dropped = 0;
  for (uint32_t lane = 0; lane < use.lanes_used; ++lane) {
    const proto::Lane& copy = lanes_[lane];
    const LaneCursor passed = lane < drain_.lanes() ? drain_.cursor(lane) : LaneCursor{};
    if (copy.timing_head.load(std::memory_order_relaxed) != passed.timing_records ||
        copy.request_head.load(std::memory_order_relaxed) != passed.request_bytes) {
      return false;
    }
    dropped += copy.timing_dropped.load(std::memory_order_relaxed) +
               copy.request_dropped.load(std::memory_order_relaxed);
  }
  const SlotImage& valid = baseline_->valid();
  if (dropped != valid.head->lane_dropped) return false;
  return quiet_.IsQuiet(*segment_, use, table_, valid);
}

Status Producer::CheckLife(const CloseContext& context, bool changed, bool* last) {
  verdict_ = liveness_.Check(*segment_, changed, context.now_monotonic_ns, context.hidden_grace_ns,
                             context.processes);
  if (verdict_ == Liveness::Verdict::kAlive) exit_.Follow(holder());
  seen_alive_ = seen_alive_ || verdict_ == Liveness::Verdict::kAlive;
  if (Status s = liveness_.CheckName(*segment_, verdict_); !s) return s;
  if (state_ == State::kLive && verdict_ == Liveness::Verdict::kDead) {
    if (Status s = segment_->Retire(); !s) return s;
    FailPoint("retire.marked");
    state_ = State::kRetiring;
  }
  if (state_ != State::kRetiring) return Status();
  if (retired_monotonic_ns_ == 0) {
    retired_monotonic_ns_ = context.now_monotonic_ns;
    // Seen alive at the last close, or some time since the last agent's last close.
    died_unix_ns_ = seen_alive_ ? context.now_unix_ns : context.interval_start_unix_ns;
  }
  *last = context.now_monotonic_ns - retired_monotonic_ns_ >= context.retire_after_ns;
  return Status();
}

Status Producer::Copy(const SegmentUse& use) {
  Result<uint64_t> control = segment_->LoadControl();
  if (!control) return control.status();
  const uint64_t interval = *control & proto::kControlIntervalMask;
  const SlotImage& valid = baseline_->valid();
  const SlotImage& idle = baseline_->idle();
  if (Status s = TakeSnapshot(*segment_, use, valid, idle); !s) return s;
  idle.head->interval_tag = interval + 1;
  return Status();
}

TickMapper Producer::ClockAt(uint64_t now_monotonic_ns, uint64_t now_unix_ns) const {
  const SegmentIdentity& identity = segment_->identity();
  // The caller's clock is CLOCK_MONOTONIC: what a segment of that kind was written with.
  const uint64_t now_ticks =
      identity.clock_kind == proto::ClockKind::kTsc ? proto::ReadCounter() : now_monotonic_ns;
  return {now_ticks, now_unix_ns, identity.ns_per_tick_q32};
}

Status Producer::Compute(const CloseContext& context, const SegmentUse& use, bool last,
                         ProducerDelta* delta) {
  const TickMapper clock = ClockAt(context.now_monotonic_ns, context.now_unix_ns);
  // After the copy: a series that a copied row names was ready before.
  if (Status s = table_.Refresh(*segment_, use.series_count); !s) return s;
  Result<std::vector<proto::SeriesDelta>> changes =
      Differ(baseline_->idle(), baseline_->valid(), table_, clock);
  if (!changes) return changes.status();
  delta->series = std::move(*changes);
  Result<uint64_t> cells = CountSamples(baseline_->idle(), table_);
  if (!cells) return cells.status();
  BaselineSlot& head = *baseline_->idle().head;
  const BaselineSlot& before = *baseline_->valid().head;
  head.flags = kAnnounced;
  head.holder_pid = holder();
  head.lost_baseline = before.lost_baseline;
  head.aborted_rows = before.aborted_rows;
  // The cells have the word, not the sum of what was delivered: the ledger compares the two.
  head.recorded = *cells - head.lost_baseline;
  Detail detail;
  const SlotImage& idle = baseline_->idle();
  is_busy_ = drain_.HasPending();
  Status drained = drain_.Close(lanes_.get(), idle.head->lanes_used, context.budget, clock,
                                idle.cursors, &detail);
  if (!drained) return drained;
  if (last) {
    if (Status s = Fold(use, clock, &detail, delta); !s) return s;
  }
  WriteTotals(use, detail, context.drop_detail);
  if (!context.drop_detail) {
    delta->requests = std::move(detail.requests);
    delta->timings = std::move(detail.timings);
  }
  Identify(delta);
  delta->totals = TotalsOf(head);
  delta->is_final = last;
  return Status();
}

Status Producer::Fold(const SegmentUse& use, const TickMapper& clock, Detail* detail,
                      ProducerDelta* delta) {
  Result<OpenRequests> open =
      FoldOpenRequests(*segment_, use.slots_used, table_, clock, died_unix_ns_);
  if (!open) return open.status();
  BaselineSlot& head = *baseline_->idle().head;
  head.recorded += open->samples.size();
  head.aborted_rows += open->rows.size() + open->corrupt;
  head.flags |= kFinal;
  detail->corrupt += open->corrupt;
  const std::optional<int> status = exit_.Status();
  const bool in_timer = std::any_of(lanes_.get(), lanes_.get() + use.lanes_used, [](const auto& l) {
    return l.in_flight.load(std::memory_order_relaxed) != 0;
  });
  death_ = {segment_->identity().service, ExitLabel(status),
            IsCrash(status) || in_timer || !open->rows.empty()};
  for (proto::SeriesDelta& sample : open->samples) delta->series.push_back(std::move(sample));
  for (proto::RequestRow& row : open->rows) {
    if (row.attributes.size() < proto::kMaxAttributes) {
      row.attributes.emplace_back("worker.exit", ExitText(status));
    }
    detail->requests.push_back(std::move(row));
  }
  return Status();
}

void Producer::WriteTotals(const SegmentUse& use, const Detail& detail, bool drop_detail) {
  BaselineSlot& head = *baseline_->idle().head;
  const BaselineSlot& before = *baseline_->valid().head;
  const uint64_t rows = detail.requests.size() + detail.timings.size();
  head.detail_sent = before.detail_sent + (drop_detail ? 0 : rows);
  // Then nothing more was taken out of the rings: what was passed over is the spool's doing.
  head.spool_full = before.spool_full + (drop_detail ? rows + detail.not_sampled : 0);
  head.not_sampled = before.not_sampled + (drop_detail ? 0 : detail.not_sampled);
  head.corrupt = before.corrupt + detail.corrupt;
  head.lane_dropped = detail.ring_full;
  head.detail_written = detail.offered + Sum(use.dropped) + head.aborted_rows;
}

}  // namespace ringside::agent
