// Which time was covered by intervals: what rates divide by.
#ifndef RINGSIDE_AGGREGATOR_STORE_COVERAGE_H_
#define RINGSIDE_AGGREGATOR_STORE_COVERAGE_H_

#include <cstdint>
#include <vector>

namespace ringside::aggregator {

// One host's interval, or several of them merged by age.
struct CoveredInterval {
  uint64_t start_unix_ns = 0;
  uint64_t end_unix_ns = 0;
  uint64_t covered_ns = 0;  // at most end - start: less where intervals are missing in between

  void Merge(const CoveredInterval& other);
};

// Length of the union. A merged interval with gaps counts as if its covered time were its last
// part.
uint64_t UnionNanoseconds(std::vector<CoveredInterval> intervals);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_STORE_COVERAGE_H_
