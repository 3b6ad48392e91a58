// The report: totals, time shares per operation and stage with the bottleneck, and the last
// requests one by one. docs/query.md.
#ifndef RINGSIDE_AGGREGATOR_REPORT_H_
#define RINGSIDE_AGGREGATOR_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "aggregator/query.h"
#include "aggregator/store.h"
#include "proto/status.h"

namespace ringside::aggregator {

inline constexpr size_t kDefaultReportRequests = 10;
inline constexpr size_t kMaxReportRequests = 10'000;

struct ReportRequest {
  Selector selector;
  std::optional<std::vector<std::string>> by;
  TimeRange range;
  // Present: the last N requests, and statistics of these only. Absent: statistics of the range,
  // and its last kDefaultReportRequests requests one by one.
  std::optional<size_t> requests;
};

// Parameters: name, where, by, last, from, to, requests.
proto::Result<ReportRequest> ParseReportRequest(const Parameters& parameters);

// {"window", "error_bound", "totals": {...}, "operations": [{..., "stages": [...]}],
// "requests": [...]}
proto::Result<Json> AnswerReport(const Store& store, const ReportRequest& request,
                                 uint64_t now_unix_ns);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_REPORT_H_
