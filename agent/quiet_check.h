// Whether a producer did nothing since its last commit, at a cost of two cache lines for each of
// its series and lanes.
//
// Every sample changes the head of its block: the sum, the count of zeros, an extreme or a gauge's
// ticks. Only what a signed series adds and takes back leaves the head as it was, so those are
// compared in full. Should a change ever be missed (a sum that comes round modulo 2^64), it is
// delivered with the next one: the cells are cumulative.
#ifndef RINGSIDE_AGENT_QUIET_CHECK_H_
#define RINGSIDE_AGENT_QUIET_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "agent/baseline_file.h"
#include "agent/segment_file.h"
#include "agent/series_table.h"
#include "proto/status.h"

namespace ringside::agent {

class QuietCheck {
 public:
  // Whether the statistics are what the valid slot holds. The lists are made when first asked for.
  proto::Result<bool> IsQuiet(const SegmentFile& segment, const SegmentUse& use,
                              const SeriesTable& table, const SlotImage& valid);
  // The valid slot is another one.
  void Forget() { is_made_ = false; }

 private:
  struct Range {
    uint64_t offset;  // in the pool
    size_t bytes;
    bool is_real;  // else it may be a hole, which reading it would fill
  };

  void Make(const proto::Geometry& geometry, const SeriesTable& table, const SlotImage& valid);
  void AddBlock(const proto::Geometry& geometry, const SeriesInfo& info, const SlotImage& valid,
                uint64_t at);

  bool is_made_ = false;
  std::vector<BlockMark> marks_;
  std::vector<Range> ranges_;  // compared byte by byte
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_QUIET_CHECK_H_
