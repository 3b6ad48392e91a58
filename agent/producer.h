// One producer as the agent follows it: segment, baseline, liveness, and the steps of an interval.
//
//   attach -> live -> retiring -> final -> (removed)          any state -> quarantined
//
// Owner: the agent's thread. A producer that does what no probe does is quarantined: it alone.
// producer_attach.cc is how it begins, producer.cc an interval, producer_commit.cc what follows,
// producer_quarantine.cc the other end.
#ifndef RINGSIDE_AGENT_PRODUCER_H_
#define RINGSIDE_AGENT_PRODUCER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/baseline_file.h"
#include "agent/cell_count.h"
#include "agent/death_tally.h"
#include "agent/exit_watch.h"
#include "agent/liveness.h"
#include "agent/quiet_check.h"
#include "agent/ring_drain.h"
#include "agent/segment_file.h"
#include "agent/series_table.h"
#include "proto/batch.h"
#include "proto/status.h"

namespace ringside::agent {

// What one close is about.
struct CloseContext {
  uint64_t now_monotonic_ns = 0;
  uint64_t now_unix_ns = 0;
  uint64_t interval_start_unix_ns = 0;
  uint64_t retire_after_ns = 0;  // between the retired bit and the last copy
  uint64_t hidden_grace_ns = 0;
  DetailBudget budget;
  bool drop_detail = false;  // the spool is nearly full
  ProcessMaps* processes = nullptr;
};

class Producer {
 public:
  enum class State { kLive, kRetiring, kFinal, kQuarantined };

  // Opens or makes the baseline. `committed` is the directory's position. On error, `again` (may be
  // null) says whether it is ours and may pass: no room for the baseline.
  static proto::Result<std::unique_ptr<Producer>> Attach(std::unique_ptr<SegmentFile> segment,
                                                         int agent_directory_fd, uint64_t committed,
                                                         bool* again = nullptr);

  const SegmentFile& segment() const { return *segment_; }
  State state() const { return state_; }
  const std::string& quarantine() const { return quarantine_; }
  const std::string& postponed() const { return postponed_; }
  uint64_t lost_baseline() const { return baseline_->valid().head->lost_baseline; }
  // Its lock is held.
  bool alive() const { return verdict_ == Liveness::Verdict::kAlive; }
  // The process that holds the lock; 0: not visible. Only while alive.
  uint64_t process() const { return alive() ? holder() : 0; }
  // How it ended; of a producer whose last delta was collected.
  const Death& death() const { return death_; }
  // Its process may be in the middle of something.
  bool may_run() const { return state_ == State::kLive && verdict_ != Liveness::Verdict::kDead; }
  // As of the last close.
  const SeriesTable& table() const { return table_; }
  // How many looks in a row found it in the middle of nothing.
  uint32_t idle_looks() const { return idle_looks_; }
  void NoteLook(bool met_something) { idle_looks_ = met_something ? 0 : idle_looks_ + 1; }
  TickMapper ClockAt(uint64_t now_monotonic_ns, uint64_t now_unix_ns) const;
  proto::ProducerTotals totals() const;

  // Between two closes: passes what lies in rings that would fill up before the next. True: a ring
  // was written since the look before. `scratch` is overwritten.
  bool DrainEarly(const DetailBudget& budget, uint64_t now_monotonic_ns, uint64_t now_unix_ns,
                  std::vector<RingHeads>* scratch);
  // Its rings needed that in the last interval or in this one.
  bool IsBusy() const { return is_busy_; }
  // One interval's share. True: `delta` holds something to be committed with this interval.
  bool Collect(const CloseContext& context, proto::ProducerDelta* delta);

  // The steps of the commit that took `delta` in.
  void Tag(uint64_t position);
  void Untag();
  void Flip();
  void PublishTails();
  // To be removed: its last delta is committed, or it is dead and was quarantined.
  bool Done() const { return done_; }

 private:
  Producer(std::unique_ptr<SegmentFile> segment, std::unique_ptr<BaselineFile> baseline);

  uint64_t holder() const { return liveness_.holder_pid(); }
  proto::Status SkipToPresent(uint64_t committed, bool* again);
  proto::Status BeginDrain();
  proto::Status CollectChecked(const CloseContext& context, proto::ProducerDelta* delta,
                               bool* changed);
  proto::Status Compute(const CloseContext& context, const SegmentUse& use, bool last,
                        proto::ProducerDelta* delta);
  proto::Status ReadLanes(SegmentUse* use);
  bool IsAnnounced() const { return (baseline_->valid().head->flags & kAnnounced) != 0; }
  proto::Result<bool> LookCloser(SegmentUse* use);
  proto::Result<bool> IsQuiet(const SegmentUse& use);
  proto::Status CheckLife(const CloseContext& context, bool changed, bool* last);
  proto::Status Copy(const SegmentUse& use);
  proto::Status DrainLanes(const std::vector<RingHeads>& heads, const DetailBudget& budget,
                           const TickMapper& clock);
  proto::Status Fold(const SegmentUse& use, const TickMapper& clock, Detail* detail,
                     proto::ProducerDelta* delta);
  void WriteTotals(const SegmentUse& use, const Detail& detail, bool drop_detail);
  void Quarantine(const std::string& reason);
  proto::Result<Undelivered> CountTheUndelivered();
  bool CollectQuarantined(const CloseContext& context, proto::ProducerDelta* delta);
  void Identify(proto::ProducerDelta* delta) const;

  std::unique_ptr<SegmentFile> segment_;
  std::unique_ptr<BaselineFile> baseline_;
  Liveness liveness_;
  ExitWatch exit_;
  Death death_;
  Liveness::Verdict verdict_ = Liveness::Verdict::kSuspect;
  SeriesTable table_;
  RingDrain drain_;
  QuietCheck quiet_;
  std::unique_ptr<proto::Lane[]> lanes_;  // copies of the lanes in use
  uint32_t lanes_capacity_ = 0;
  State state_ = State::kLive;
  std::string quarantine_;
  std::string postponed_;  // why the last collect could not take a copy; empty: it could
  bool quarantine_reported_ = false;
  uint64_t undelivered_ = 0;  // samples, when it was quarantined
  bool seen_alive_ = false;
  bool in_commit_ = false;  // the idle slot is part of the commit under way
  bool last_ = false;       // that commit is its last
  bool done_ = false;
  bool is_busy_ = false;
  uint64_t written_ = 0;  // the sum of all ring heads at the last early look
  uint32_t idle_looks_ = 0;
  std::string early_error_;  // what the next collect quarantines it for
  uint64_t retired_monotonic_ns_ = 0;
  uint64_t died_unix_ns_ = 0;
};

// "<pid>-<first 8 hex digits of the UUID>".
std::string InstanceOf(uint64_t pid, const proto::Uuid& uuid);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_PRODUCER_H_
