#include "aggregator/store_coverage.h"

#include <algorithm>

namespace ringside::aggregator {

void CoveredInterval::Merge(const CoveredInterval& other) {
  start_unix_ns = std::min(start_unix_ns, other.start_unix_ns);
  end_unix_ns = std::max(end_unix_ns, other.end_unix_ns);
  // The same interval in several batches, or of two agents, must not count twice.
  covered_ns = std::min(covered_ns + other.covered_ns, end_unix_ns - start_unix_ns);
}

uint64_t UnionNanoseconds(std::vector<CoveredInterval> intervals) {
  for (CoveredInterval& interval : intervals) {
    interval.start_unix_ns = interval.end_unix_ns - interval.covered_ns;
  }
  std::sort(intervals.begin(), intervals.end(),
            [](const CoveredInterval& a, const CoveredInterval& b) {
              return a.start_unix_ns < b.start_unix_ns;
            });
  uint64_t total = 0;
  uint64_t reached = 0;
  for (const CoveredInterval& interval : intervals) {
    if (interval.end_unix_ns <= reached) continue;
    total += interval.end_unix_ns - std::max(interval.start_unix_ns, reached);
    reached = interval.end_unix_ns;
  }
  return total;
}

}  // namespace ringside::aggregator
