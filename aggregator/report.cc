#include "aggregator/report.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "aggregator/breakdown.h"
#include "aggregator/report_data.h"
#include "aggregator/utc_time.h"

namespace ringside::aggregator {
namespace {

// A stage that takes at least this part of the time is a bottleneck too.
constexpr double kBottleneckShare = 0.3;
constexpr size_t kMaxNameBytes = 256;

double Share(double part, double whole) { return whole > 0 ? part / whole : 0; }

std::string ErrorTypeName(const std::string& type) { return type.empty() ? "(untyped)" : type; }

// Statistics of one operation or stage.
void PutStats(const Row& row, Json* json) {
  static const std::vector<Stat> wanted = [] {
    std::vector<Stat> stats;
    for (const char* name : {"count", "ok", "errors", "aborted", "error_rate", "mean", "min", "max",
                             "p50", "p95", "p99"}) {
      stats.push_back(*ParseStat(name));
    }
    return stats;
  }();
  for (const Stat& stat : wanted) (*json)[stat.name] = StatToJson(stat, row);
  (*json)["total"] = row.total_ns / 1e9;
  Json& errors = (*json)["errors_by_type"] = Json::object();
  for (const auto& [type, count] : row.errors_by_type) errors[ErrorTypeName(type)] = count;
}

Json StagesToJson(const ReportOperation& operation) {
  Json stages = Json::array();
  for (const ReportStage& stage : operation.stages) {
    Json json;
    json["stage"] = stage.name;
    json["operation"] = stage.row.operation;
    json["labels"] = LabelsToJson(stage.row.labels);
    json["share"] = Share(stage.self_ns, operation.row.total_ns);
    PutStats(stage.row, &json);
    stages.push_back(std::move(json));
  }
  if (!operation.stages.empty()) {
    stages.push_back({{"stage", kUntimed},
                      {"share", Share(operation.untimed_ns, operation.row.total_ns)},
                      {"total", operation.untimed_ns / 1e9}});
  }
  return stages;
}

Json OperationToJson(const ReportOperation& operation, double all_ns) {
  Json json;
  json["operation"] = operation.row.operation;
  json["labels"] = LabelsToJson(operation.row.labels);
  json["share"] = Share(operation.row.total_ns, all_ns);
  PutStats(operation.row, &json);
  json["bottleneck"] = nullptr;
  Json& bottlenecks = json["bottlenecks"] = Json::array();
  for (const ReportStage& stage : operation.stages) {
    if (Share(stage.self_ns, operation.row.total_ns) >= kBottleneckShare) {
      bottlenecks.push_back(stage.name);
    }
  }
  if (!operation.stages.empty()) json["bottleneck"] = operation.stages.front().name;
  json["stages"] = StagesToJson(operation);
  return json;
}

Json AttributesToJson(const proto::AttributeList& attributes) {
  Json json = Json::object();
  for (const auto& [name, value] : attributes) {
    std::visit([&json, &key = name](const auto& held) { json[key] = held; }, value);
  }
  return json;
}

Json ErrorToJson(proto::Outcome outcome, const std::string& type, const std::string& message) {
  if (outcome == proto::Outcome::kOk) return nullptr;
  return {{"type", outcome == proto::Outcome::kAborted ? "aborted" : ErrorTypeName(type)},
          {"message", message}};
}

Json StepToJson(const proto::StepRow& step, uint64_t wall_ns) {
  const double duration = static_cast<double>(step.duration_ns);
  Json json;
  json["name"] = step.name;
  json["start_offset"] = static_cast<double>(step.start_offset_ns) / 1e9;
  json["duration"] = duration / 1e9;
  json["percent"] = 100 * Share(duration, static_cast<double>(wall_ns));
  json["labels"] = LabelsToJson(step.labels);
  json["attributes"] = AttributesToJson(step.attributes);
  json["outcome"] = ToString(step.outcome);
  json["error"] = ErrorToJson(step.outcome, step.error_type, step.error_message);
  return json;
}

void PutBreakdown(const proto::RequestRow& row, Json* json) {
  const Breakdown breakdown = BreakdownOf(row);
  Json& percent = (*json)["breakdown_percent"] = Json::object();
  std::vector<std::pair<double, std::string>> large;
  for (const StageShare& stage : breakdown.stages) {
    percent[stage.name] = 100 * stage.share;
    if (stage.share >= kBottleneckShare) large.emplace_back(stage.share, stage.name);
  }
  if (!breakdown.stages.empty()) percent[kUntimed] = 100 * breakdown.untimed_share;
  std::stable_sort(large.begin(), large.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  (*json)["bottleneck"] = breakdown.bottleneck.empty() ? Json(nullptr) : Json(breakdown.bottleneck);
  Json& names = (*json)["bottlenecks"] = Json::array();
  for (const auto& [share, name] : large) names.push_back(name);
}

Json RequestToJson(const StoredRequest& stored) {
  const proto::RequestRow& row = stored.row;
  Json json;
  json["timestamp"] = FormatUtc(row.start_unix_ns);
  json["id"] = row.id;
  json["operation"] = row.operation;
  json["labels"] = LabelsToJson(row.labels);
  json["host"] = stored.producer->host;
  json["service"] = stored.producer->service;
  json["instance"] = stored.producer->instance;
  json["attributes"] = AttributesToJson(row.attributes);
  json["duration"] = static_cast<double>(row.duration_ns) / 1e9;
  json["outcome"] = ToString(row.outcome);
  json["success"] = row.outcome == proto::Outcome::kOk;
  json["error"] = ErrorToJson(row.outcome, row.error_type, row.error_message);
  Json& steps = json["steps"] = Json::array();
  for (const proto::StepRow& step : row.steps) steps.push_back(StepToJson(step, row.duration_ns));
  PutBreakdown(row, &json);
  return json;
}

Json TotalsToJson(const ReportData& data) {
  Json totals;
  totals["requests"] = data.request_count;
  totals["successful"] = data.successful;
  totals["failed"] = data.request_count - data.successful;
  Json& attributes = totals["attributes"] = Json::object();
  for (const auto& [name, summary] : data.attributes) {
    attributes[name] = {{"count", summary.count},
                        {"mean", summary.sum / static_cast<double>(summary.count)},
                        {"min", summary.min},
                        {"max", summary.max},
                        {"sum", summary.sum}};
  }
  return totals;
}

double ErrorBoundOf(const ReportData& data) {
  std::vector<Row> rows;
  for (const ReportOperation& operation : data.operations) {
    rows.push_back(operation.row);
    for (const ReportStage& stage : operation.stages) rows.push_back(stage.row);
  }
  return ErrorBoundOf(rows);
}

Json ToJson(const ReportData& data) {
  double all_ns = 0;
  for (const ReportOperation& operation : data.operations) all_ns += operation.row.total_ns;
  Json report;
  report["window"] = WindowToJson(data.window);
  report["error_bound"] = ErrorBoundOf(data);
  report["totals"] = TotalsToJson(data);
  Json& operations = report["operations"] = Json::array();
  for (const ReportOperation& operation : data.operations) {
    operations.push_back(OperationToJson(operation, all_ns));
  }
  Json& requests = report["requests"] = Json::array();
  for (const StoredRequest& stored : data.requests) requests.push_back(RequestToJson(stored));
  return report;
}

bool IsBareNumber(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

proto::Status ParseReportParameter(const std::string& name, const std::string& value,
                                   ReportRequest* request) {
  if (name == "last" && IsBareNumber(value)) {
    const std::string number = value.substr(0, 32);
    return proto::Status::Error("\"" + number + "\" of what? Did you mean --requests " + number +
                                " or --last " + number + "m?");
  }
  bool handled = false;
  if (proto::Status status = ParseSelectionParameter(name, value, &request->range,
                                                     &request->selector, &request->by, &handled);
      handled || !status) {
    return status;
  }
  if (name == "requests") {
    proto::Result<size_t> count = ParseCount(value, kMaxReportRequests);
    if (!count) return count.status();
    request->requests = *count;
    return {};
  }
  return proto::Status::Error(
      "unknown parameter (known: name, where, by, last, from, to, requests)");
}

}  // namespace

proto::Result<ReportRequest> ParseReportRequest(const Parameters& parameters) {
  ReportRequest request;
  for (const auto& [name, value] : parameters) {
    if (proto::Status status = ParseReportParameter(name, value, &request); !status) {
      return proto::Status::Error(name.substr(0, 32) + ": " + status.message());
    }
  }
  const TimeRange& range = request.range;
  if (request.requests && (range.last_ns != 0 || range.from_unix_ns || range.to_unix_ns)) {
    return proto::Status::Error("requests: give either requests or a time range, not both");
  }
  if (proto::Status status = FinishRange(&request.range); !status) return status;
  return request;
}

proto::Result<Json> AnswerReport(const Store& store, const ReportRequest& request,
                                 uint64_t now_unix_ns) {
  if (request.requests) return ToJson(DataOfRequests(store, request));
  proto::Result<Window> window = ResolveWindow(store, request.range, now_unix_ns);
  if (!window) return window.status();
  return ToJson(DataOfRange(store, request, *window));
}

}  // namespace ringside::aggregator
