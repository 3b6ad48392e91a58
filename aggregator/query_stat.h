// The statistics that can be asked for, and their values for a row.
#ifndef RINGSIDE_AGGREGATOR_QUERY_STAT_H_
#define RINGSIDE_AGGREGATOR_QUERY_STAT_H_

#include <optional>
#include <string>
#include <string_view>

#include "proto/status.h"

namespace ringside::aggregator {

struct Row;

enum class StatKind {
  kCount,  // samples of all outcomes
  kOk,
  kErrors,
  kAborted,
  kRate,  // samples per covered second; counters: sum per covered second
  kSum,
  kMean,
  kMin,
  kMax,
  kQuantile,
  kErrorRate,  // (error + aborted) / all
  kLast,       // gauges: the last value set
};

struct Stat {
  StatKind kind = StatKind::kCount;
  double quantile = 0;  // kQuantile: 0 .. 1
  std::string name;     // as it was asked for: "p99.9"
};

inline constexpr std::string_view kDefaultStats = "count,rate,mean,p50,p95,p99,max,error_rate";

// "count", "p99", "p99.99", ...
proto::Result<Stat> ParseStat(std::string_view text);
// Absent when the row has no sample, or its kind no such statistic. In the row's unit.
std::optional<double> ValueOf(const Stat& stat, const Row& row);
// What FormatValue needs to know of the statistic's values: "s", "By", "1/s", "%", "" for counts.
std::string UnitOf(const Stat& stat, const Row& row);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_QUERY_STAT_H_
