// Drains one producer's rings: raw timing and request records, within the budget of an interval.
//
// The statistics never come from here. Rings are drained at every close, and in between where one
// would fill up; what was taken early waits here for the next commit. The agent's own cursor says
// where it is; the segment's tail is only written, once the records up to it were copied. Beyond
// the budget the cursor jumps and counts not_sampled.
#ifndef RINGSIDE_AGENT_RING_DRAIN_H_
#define RINGSIDE_AGENT_RING_DRAIN_H_

#include <cstdint>
#include <vector>

#include "agent/baseline_format.h"
#include "agent/detail_budget.h"
#include "agent/segment_file.h"
#include "agent/series_table.h"
#include "agent/tick_mapper.h"
#include "agent/timing_sample.h"
#include "proto/batch.h"
#include "proto/status.h"

namespace ringside::agent {

// What one interval's draining of all lanes yields.
struct Detail {
  std::vector<proto::RequestRow> requests;
  std::vector<proto::TimingRow> timings;
  uint64_t offered = 0;    // absolute: records that the lanes wrote or dropped, ever
  uint64_t ring_full = 0;  // absolute
  // Since the last commit:
  uint64_t not_sampled = 0;
  uint64_t corrupt = 0;
};

class RingDrain {
 public:
  RingDrain(const SegmentFile& segment, const SeriesTable& table)
      : segment_(segment), table_(table) {}

  // From the committed cursors on. What another agent passed after them, and did not live to
  // commit, is not sampled: it may be overwritten. `lanes_untrusted` is a copy.
  proto::Status Begin(const LaneCursor* committed, uint32_t committed_lanes,
                      const proto::Lane* lanes_untrusted, uint32_t lanes);

  // Whether one of the lane's rings is more than half full.
  bool IsFilling(uint32_t lane, const RingHeads& heads_untrusted) const;
  // Passes what such a ring holds, ahead of the close; the tails may then be published up to
  // cursor(lane). The table knows every series that the records may name.
  proto::Status DrainEarly(uint32_t lane, const RingHeads& heads_untrusted,
                           const DetailBudget& budget, const TickMapper& clock);
  // A close: everything since the last commit. `after` gets the cursors for it. Error: positions
  // that no probe writes.
  proto::Status Close(const proto::Lane* lanes_untrusted, uint32_t lanes,
                      const DetailBudget& budget, const TickMapper& clock, LaneCursor* after,
                      Detail* detail);
  // What Close said is committed, or never will be: then what was taken early is not sampled, the
  // rest is still in the rings.
  void Committed(const LaneCursor* after, uint32_t lanes);
  void RolledBack();

  // Whether something waits that the heads alone do not show.
  bool HasPending() const { return pending_.records > 0; }
  const LaneCursor& cursor(uint32_t lane) const { return lanes_[lane].passed; }
  uint32_t lanes() const { return static_cast<uint32_t>(lanes_.size()); }

 private:
  struct LaneState {
    LaneCursor passed{};
    TimingSample timings;
    bool is_real = false;   // its timing ring is known to have no holes
    uint32_t requests = 0;  // taken since the last commit
  };
  // Passed since the last commit, kept or not.
  struct Pending {
    uint64_t records = 0;
    uint64_t corrupt = 0;
    uint64_t request_bytes = 0;  // in the rings, of those that were kept
    uint64_t timing_bytes = 0;   // about, as rows
    std::vector<proto::RequestRow> requests;
  };

  void GrowTo(uint32_t lanes);
  proto::Result<RingHeads> SteadyHeads(uint32_t lane) const;
  proto::Status Skip(uint32_t lane, const proto::Lane& head);
  proto::Result<uint64_t> CountRequests(uint32_t lane, uint64_t from, uint64_t to);
  // Into scratch_. Error: more than the ring holds.
  proto::Status CopyTimings(uint32_t lane, uint64_t from, uint64_t to);
  proto::Status CopyRequests(uint32_t lane, uint64_t from, uint64_t to);
  proto::Status CopyRing(uint64_t base, uint64_t size, uint64_t from, uint64_t to, bool is_real);
  bool IsRealTimingRing(uint32_t lane);
  proto::Status Timings(uint32_t lane, uint64_t head, const DetailBudget& budget,
                        LaneCursor* cursor);
  proto::Status Requests(uint32_t lane, const RingHeads& heads, const DetailBudget& budget,
                         const TickMapper& clock, LaneCursor* cursor);
  bool Request(const std::byte* bytes, size_t size, const TickMapper& clock);
  void KeepTimings(const proto::TimingRecord* records, size_t count, uint32_t budget,
                   uint64_t weight, TimingSample* sample);
  void AddTimings(const TickMapper& clock, Detail* detail);

  const SegmentFile& segment_;
  const SeriesTable& table_;
  std::vector<LaneState> lanes_;
  Pending pending_;
  uint64_t early_records_ = 0;  // of the pending ones, those before the close at hand
  uint64_t early_corrupt_ = 0;
  std::vector<uint64_t> scratch_;  // words, so that records in it are aligned
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_RING_DRAIN_H_
