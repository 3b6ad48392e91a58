// Questions about series, from HTTP parameters and from command-line flags alike. docs/query.md.
#ifndef RINGSIDE_AGGREGATOR_QUERY_H_
#define RINGSIDE_AGGREGATOR_QUERY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "aggregator/query_select.h"
#include "aggregator/query_stat.h"
#include "aggregator/store.h"
#include "proto/status.h"

namespace ringside::aggregator {

// Keeps the order of fields as documented; converts to nlohmann::json where that is wanted.
using Json = nlohmann::ordered_json;

// Decoded name=value pairs, in order; a name may come more than once.
using Parameters = std::vector<std::pair<std::string, std::string>>;

// Either the last `last_ns`, or from..to; `to` absent: the last closed interval.
struct TimeRange {
  uint64_t last_ns = 0;  // 0: not given
  std::optional<uint64_t> from_unix_ns;
  std::optional<uint64_t> to_unix_ns;
};

inline constexpr uint64_t kDefaultLastNs = 600ull * 1'000'000'000ull;

struct QueryRequest {
  Selector selector;
  std::optional<std::vector<std::string>> by;
  std::vector<Stat> stats;
  TimeRange range;
  std::optional<Stat> sort;  // absent: by operation and labels
  bool ascending = false;
  size_t limit = 0;  // 0: all
};

// Parameters: name, where (k=v or k!=v; repeatable), by (a,b), stat (a,b), last, from, to,
// sort (STAT or STAT:asc), limit. Messages name the parameter: "last: ...".
proto::Result<QueryRequest> ParseQueryRequest(const Parameters& parameters);

// {"window": {"from", "to"}, "error_bound": e, "rows": [{"operation", "kind", "unit", "labels",
// stats...}]}. `now_unix_ns` 0: no clock (archive): the window ends with the data.
proto::Result<Json> AnswerQuery(const Store& store, const QueryRequest& request,
                                uint64_t now_unix_ns);

// Shared with reports.
proto::Status ParseWhere(std::string_view text, std::vector<LabelMatch>* where);
proto::Status ParseLabelNames(std::string_view text, std::vector<std::string>* names);
proto::Result<size_t> ParseCount(std::string_view text, size_t most);
// Takes last, from and to; `handled` says whether the name was one of them.
proto::Status ParseTimeParameter(const std::string& name, const std::string& value,
                                 TimeRange* range, bool* handled);
// What queries and reports have in common: the times, name, where, by.
proto::Status ParseSelectionParameter(const std::string& name, const std::string& value,
                                      TimeRange* range, Selector* selector,
                                      std::optional<std::vector<std::string>>* by, bool* handled);
// Fills in the default and refuses what contradicts itself.
proto::Status FinishRange(TimeRange* range);
proto::Result<Window> ResolveWindow(const Store& store, const TimeRange& range,
                                    uint64_t now_unix_ns);
Json WindowToJson(const Window& window);
// What the store can say of it: {"from": start of the oldest data, "resolution": seconds to which
// the window's edges are exact}.
Json HeldToJson(const Store& store, const Window& window);
Json LabelsToJson(const proto::LabelList& labels);
// null where there is no value; counts are whole numbers.
Json StatToJson(const Stat& stat, const Row& row);
// Of the coarsest scale among the rows.
double ErrorBoundOf(const std::vector<Row>& rows);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_QUERY_H_
