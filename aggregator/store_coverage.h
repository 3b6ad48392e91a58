// Which time was covered by intervals: what rates divide by.
#ifndef RINGSIDE_AGGREGATOR_STORE_COVERAGE_H_
#define RINGSIDE_AGGREGATOR_STORE_COVERAGE_H_

#include <cstdint>
#include <vector>

#include "aggregator/stored_interval.h"

namespace ringside::aggregator {

// One host's interval, or several of them merged by age.
struct CoveredInterval {
  uint64_t start_unix_ns = 0;
  uint64_t end_unix_ns = 0;
  uint64_t covered_ns = 0;  // at most end - start: less where intervals are missing in between

  // As a log with MergeRule::kCoverage holds it: the covered time is its sum.
  static CoveredInterval Of(const IntervalView& view);
  IntervalView View() const;
};

// Length of the union. A merged interval with gaps counts as if its covered time were its last
// part.
uint64_t UnionNanoseconds(std::vector<CoveredInterval> intervals);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_STORE_COVERAGE_H_
