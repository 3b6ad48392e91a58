// What a report is written from: rows per operation and stage, and each one's own time. Built from
// the merged series (a range of time) or from request rows (the last N requests).
#ifndef RINGSIDE_AGGREGATOR_REPORT_DATA_H_
#define RINGSIDE_AGGREGATOR_REPORT_DATA_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aggregator/query_select.h"
#include "aggregator/report.h"
#include "aggregator/store.h"

namespace ringside::aggregator {

// A stage's row with its self time: without what its own stages took.
struct ReportStage {
  std::string name;  // the path without the operation's
  Row row;
  double self_ns = 0;
};

struct ReportOperation {
  Row row;
  std::vector<ReportStage> stages;  // the largest share first
  double untimed_ns = 0;            // of the operation's time, in no stage
};

// Numeric attributes of requests.
struct AttributeSummary {
  uint64_t count = 0;
  double sum = 0;
  double min = 0;
  double max = 0;

  void Add(double value);
};

struct ReportData {
  Window window;
  std::vector<ReportOperation> operations;  // the most time first
  std::vector<StoredRequest> requests;      // newest first
  std::map<std::string, AttributeSummary> attributes;
  uint64_t request_count = 0;
  uint64_t successful = 0;
};

ReportData DataOfRange(const Store& store, const ReportRequest& request, const Window& window);
ReportData DataOfRequests(const Store& store, const ReportRequest& request);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_REPORT_DATA_H_
