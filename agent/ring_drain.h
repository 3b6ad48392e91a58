// Drains one lane's rings: raw timing and request records, within the budget of an interval.
//
// The statistics never come from here. The agent's own cursor says where it is; the segment's tail
// is only written, after the commit. Beyond the budget the cursor jumps and counts not_sampled.
#ifndef RINGSIDE_AGENT_RING_DRAIN_H_
#define RINGSIDE_AGENT_RING_DRAIN_H_

#include <cstdint>
#include <vector>

#include "agent/baseline_format.h"
#include "agent/segment_file.h"
#include "agent/series_table.h"
#include "agent/tick_mapper.h"
#include "proto/batch.h"
#include "proto/status.h"

namespace ringside::agent {

// Per lane and interval.
struct DetailBudget {
  uint32_t requests = 4096;
  uint32_t timings = 64;
};

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
  RingDrain(const SegmentFile& segment, const SeriesTable& table, const TickMapper& clock,
            const DetailBudget& budget)
      : segment_(segment), table_(table), clock_(clock), budget_(budget) {}

  // `before` is the committed cursor; `after` gets the new one. `head_untrusted` is a copy of the
  // lane. Error: positions that no probe writes.
  proto::Status Drain(uint32_t lane, const proto::Lane& head_untrusted, const LaneCursor& before,
                      LaneCursor* after, Detail* detail);

 private:
  proto::Status Timings(uint32_t lane, uint64_t head, LaneCursor* cursor, Detail* detail);
  proto::Status Requests(uint32_t lane, uint64_t head, uint64_t written, LaneCursor* cursor,
                         Detail* detail);
  // Copies [from, to) of a ring of `size` bytes at `base` into scratch_.
  proto::Status CopyRing(uint64_t base, uint64_t size, uint64_t from, uint64_t to);
  bool Request(const std::byte* bytes, size_t size, Detail* detail);
  void Sample(size_t count, Detail* detail);

  const SegmentFile& segment_;
  const SeriesTable& table_;
  const TickMapper& clock_;
  DetailBudget budget_;
  std::vector<uint64_t> scratch_;  // words, so that records in it are aligned
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_RING_DRAIN_H_
