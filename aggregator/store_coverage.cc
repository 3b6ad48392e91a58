#include "aggregator/store_coverage.h"

#include <algorithm>

namespace ringside::aggregator {

CoveredInterval CoveredInterval::Of(const IntervalView& view) {
  return {view.start_unix_ns, view.end_unix_ns, static_cast<uint64_t>(view.sum)};
}

IntervalView CoveredInterval::View() const {
  IntervalView view;
  view.start_unix_ns = start_unix_ns;
  view.end_unix_ns = end_unix_ns;
  view.sum = static_cast<proto::Int128>(covered_ns);
  return view;
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
