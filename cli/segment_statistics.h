// What a segment says about its series: totals since its worker began, over all lanes.
#ifndef RINGSIDE_CLI_SEGMENT_STATISTICS_H_
#define RINGSIDE_CLI_SEGMENT_STATISTICS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "aggregator/query.h"
#include "cli/segment_look.h"
#include "proto/series.h"

namespace ringside::cli {

struct SegmentStatistics {
  aggregator::Json series = aggregator::Json::array();
  uint64_t recorded = 0;          // samples in all histograms
  std::vector<uint64_t> by_lane;  // of them; empty where they cannot be told apart
  aggregator::Json error_bound;   // of the coarsest series; null without percentiles
};

// Notes in `look` what cannot be read.
SegmentStatistics ReadStatistics(SegmentLook* look);

// Of the numbers that are shown: durations are shown in seconds.
std::string UnitOf(const proto::SeriesKey& key);

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_SEGMENT_STATISTICS_H_
