#include "aggregator/query.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "aggregator/utc_time.h"

namespace ringside::aggregator {
namespace {

void SortRows(const QueryRequest& request, std::vector<Row>* rows) {
  if (!request.sort) return;
  std::vector<std::pair<std::optional<double>, size_t>> order;
  order.reserve(rows->size());
  for (size_t i = 0; i < rows->size(); ++i)
    order.emplace_back(ValueOf(*request.sort, (*rows)[i]), i);
  // Rows without a value come last, whichever way; equal ones keep their order.
  std::stable_sort(order.begin(), order.end(), [&](const auto& a, const auto& b) {
    if (!a.first || !b.first) return a.first.has_value() && !b.first.has_value();
    const double left = *a.first;
    const double right = *b.first;
    return request.ascending ? left < right : left > right;
  });
  std::vector<Row> sorted;
  sorted.reserve(rows->size());
  for (const auto& [value, index] : order) sorted.push_back(std::move((*rows)[index]));
  *rows = std::move(sorted);
}

bool IsWhole(StatKind kind) {
  return kind == StatKind::kCount || kind == StatKind::kOk || kind == StatKind::kErrors ||
         kind == StatKind::kAborted;
}

}  // namespace

Json LabelsToJson(const proto::LabelList& labels) {
  Json json = Json::object();
  for (const auto& [name, value] : labels) json[name] = value;
  return json;
}

Json StatToJson(const Stat& stat, const Row& row) {
  const std::optional<double> value = ValueOf(stat, row);
  if (!value || !std::isfinite(*value)) return nullptr;
  if (IsWhole(stat.kind)) return static_cast<uint64_t>(*value);
  return *value;
}

double ErrorBoundOf(const std::vector<Row>& rows) {
  int coarsest = proto::kMaxScale;
  bool any = false;
  for (const Row& row : rows) {
    if (row.timed.Count() == 0) continue;
    coarsest = std::min(coarsest, row.timed.histogram.scale());
    any = true;
  }
  return proto::ErrorBound(any ? coarsest : proto::kDefaultScale);
}

Json HeldToJson(const Store& store, const Window& window) {
  const uint64_t first = store.FirstUnixNs();
  Json json;
  json["from"] = first == 0 ? Json(nullptr) : Json(FormatUtc(first));
  json["resolution"] = static_cast<double>(store.ResolutionNs(window.from_unix_ns)) * 1e-9;
  return json;
}

Json WindowToJson(const Window& window) {
  return Json{{"from", FormatUtc(window.from_unix_ns)}, {"to", FormatUtc(window.to_unix_ns)}};
}

proto::Result<Window> ResolveWindow(const Store& store, const TimeRange& range,
                                    uint64_t now_unix_ns) {
  Window window;
  window.to_unix_ns = range.to_unix_ns ? *range.to_unix_ns : WindowEnd(store, now_unix_ns);
  if (range.from_unix_ns) {
    window.from_unix_ns = *range.from_unix_ns;
  } else {
    window.from_unix_ns = window.to_unix_ns - std::min(range.last_ns, window.to_unix_ns);
  }
  window.is_recent = !range.from_unix_ns && !range.to_unix_ns && now_unix_ns != 0;
  if (window.from_unix_ns > window.to_unix_ns) {
    return proto::Status::Error("from: " + FormatUtc(window.from_unix_ns) +
                                " is after the window's end, " + FormatUtc(window.to_unix_ns));
  }
  return window;
}

proto::Result<Json> AnswerQuery(const Store& store, const QueryRequest& request,
                                uint64_t now_unix_ns) {
  proto::Result<Window> window = ResolveWindow(store, request.range, now_unix_ns);
  if (!window) return window.status();
  std::vector<Row> rows = Select(store, request.selector, request.by, *window);
  SortRows(request, &rows);
  if (request.limit != 0 && rows.size() > request.limit) rows.resize(request.limit);
  Json answer;
  answer["window"] = WindowToJson(*window);
  answer["held"] = HeldToJson(store, *window);
  answer["error_bound"] = ErrorBoundOf(rows);
  Json& list = answer["rows"] = Json::array();
  for (const Row& row : rows) {
    Json json;
    json["operation"] = row.operation;
    json["kind"] = ToString(row.kind);
    json["unit"] = row.unit;
    json["labels"] = LabelsToJson(row.labels);
    for (const Stat& stat : request.stats) json[stat.name] = StatToJson(stat, row);
    list.push_back(std::move(json));
  }
  return answer;
}

}  // namespace ringside::aggregator
