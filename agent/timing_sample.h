// Which of a lane's timing records an interval keeps.
//
// All of them while they fit into the budget. Beyond it one half is spread evenly over the
// interval, the other half are the greatest values: the slow ones are what one looks for. Memory
// follows the budget, not the records, and so does time: beyond kWholeBudgets times the budget only
// some of each ring's records are read at all, for the rest.
#ifndef RINGSIDE_AGENT_TIMING_SAMPLE_H_
#define RINGSIDE_AGENT_TIMING_SAMPLE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "proto/segment_format.h"

namespace ringside::agent {

class TimingSample {
 public:
  static constexpr uint64_t kWholeBudgets = 64;

  // How many of the next `count` records are worth reading; with a budget of 0 none.
  uint64_t Wanted(uint64_t count, uint32_t budget) const;
  // Each of the records stands for `weight` that were written. With a budget of 0 nothing more is
  // kept.
  void Add(const proto::TimingRecord* records, size_t count, uint32_t budget, uint64_t weight = 1);
  // Records that are held now: at most twice the budget.
  size_t size() const { return spread_.empty() ? seen_ : spread_.size() + slowest_.size(); }
  // Those that were kept, at most the budget, in the order in which they were added. Empty
  // afterwards.
  template <typename Visit>
  void Take(Visit visit) {
    Settle();
    for (const Page& page : pages_) {
      for (const proto::TimingRecord& record : page) visit(record);
    }
    for (const Kept& one : spread_) visit(one.record);
    Reset();
  }

 private:
  // Where they all fit they may be many: what is there is not moved when more come.
  static constexpr size_t kPageRecords = 1024;
  using Page = std::vector<proto::TimingRecord>;
  struct Kept {
    uint64_t ordinal;
    proto::TimingRecord record;
  };
  static bool IsSlower(const Kept& a, const Kept& b);
  void Keep(const Kept& kept);
  void Append(const proto::TimingRecord* records, size_t count);
  void Choose();
  void Settle();
  void Reset();

  // All, while they fit. Beyond the pages in use there may be empty ones: what one interval needed,
  // the next will need too.
  std::vector<Page> pages_;
  size_t pages_used_ = 0;
  std::vector<Kept> spread_;   // every stride_-th
  std::vector<Kept> slowest_;  // a heap, the least of them in front
  uint64_t seen_ = 0;
  uint64_t stride_ = 1;  // a power of two
  uint32_t budget_ = 0;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_TIMING_SAMPLE_H_
