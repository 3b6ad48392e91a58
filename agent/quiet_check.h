// Whether a producer did nothing since its last commit, at little cost.
//
// Every record of an operation, value or gauge also moves a ring or a count of what was dropped,
// after its cells: where all lanes stand still, so do those series. What leaves no such trace -
// counters, and stages - is compared by one cache line for each block. Once in kWholeEvery checks,
// and when anything of this is not sure, the heads of all blocks are compared: every sample changes
// its block's head (the sum, the count of zeros, an extreme or a gauge's ticks). Only what a signed
// series adds and takes back leaves the head as it was, so those are then compared in full.
// A change that is missed (a thread that was stopped between its cell and its ring, a sum that
// comes round modulo 2^64) is delivered with the next one: the cells are cumulative.
#ifndef RINGSIDE_AGENT_QUIET_CHECK_H_
#define RINGSIDE_AGENT_QUIET_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "agent/baseline_file.h"
#include "agent/segment_file.h"
#include "agent/series_table.h"
#include "proto/status.h"

namespace ringside::agent {

class QuietCheck {
 public:
  static constexpr uint32_t kWholeEvery = 30;

  // `turn`: any number; producers of different numbers are compared in whole at different times.
  explicit QuietCheck(uint32_t turn) : checks_(turn % kWholeEvery) {}

  // Whether the statistics are what the valid slot holds. The caller has found that all rings and
  // counts of lanes are as they were when that was copied. The lists are made when first asked for.
  proto::Result<bool> IsQuiet(const SegmentFile& segment, const SegmentUse& use,
                              const SeriesTable& table, const SlotImage& valid);
  // The same at less cost still, without a copy of anything: false where it is not sure, or it is
  // time to compare the whole.
  proto::Result<bool> IsStill(const SegmentFile& segment);
  // IsQuiet found so, with `motion` (SegmentFile::PeekMotion) read before.
  void NoteQuiet(uint64_t motion) { motion_ = motion; }
  // The valid slot is another one.
  void Forget() {
    is_made_ = false;
    motion_.reset();
  }

 private:
  struct Range {
    uint64_t offset;  // in the pool
    size_t bytes;
    bool is_real;  // else it may be a hole, which reading it would fill
  };

  proto::Result<bool> IsSilent(const SegmentFile& segment) const;
  proto::Result<bool> IsSame(const SegmentFile& segment, const SegmentUse& use,
                             const SlotImage& valid) const;
  void Make(const proto::Geometry& geometry, const SeriesTable& table, const SlotImage& valid);
  void AddSilent(const proto::Geometry& geometry, const SlotImage& valid, uint32_t lane,
                 uint32_t series);
  void AddBlock(const proto::Geometry& geometry, const SeriesInfo& info, const SlotImage& valid,
                uint64_t at);

  uint32_t checks_;
  bool is_made_ = false;
  std::optional<uint64_t> motion_;  // when it was last found quiet
  // Of series whose samples no lane's ring shows:
  std::vector<CountMark> silent_;
  std::vector<uint64_t> absent_;  // their places in the directory that name no block, in the file
  // Of all series:
  std::vector<BlockMark> marks_;
  std::vector<Range> ranges_;  // compared byte by byte
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_QUIET_CHECK_H_
