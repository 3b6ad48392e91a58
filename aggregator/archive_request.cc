// The request line: the form that people read, complete enough to be turned back exactly.
#include <cmath>

#include "aggregator/archive_lines.h"
#include "aggregator/breakdown.h"
#include "aggregator/json_text.h"
#include "aggregator/utc_time.h"

namespace ringside::aggregator {
namespace {

// null when all was well.
void AppendError(const std::string& type, const std::string& message, proto::Outcome outcome,
                 JsonObject* object) {
  std::string* out = object->Key("error");
  if (outcome == proto::Outcome::kOk && type.empty() && message.empty()) {
    out->append("null");
    return;
  }
  JsonObject error(out);
  error.String("type", type);
  error.String("message", message);
  error.Close();
}

void AppendStep(const proto::StepRow& step, std::string* out) {
  JsonObject object(out);
  object.String("name", step.name);
  object.Milliseconds("start_ms", step.start_offset_ns);
  object.Milliseconds("duration_ms", step.duration_ns);
  object.String("outcome", ToString(step.outcome));
  object.Labels("labels", step.labels);
  object.Attributes("attributes", step.attributes);
  AppendError(step.error_type, step.error_message, step.outcome, &object);
  object.Integer("start_offset_ns", step.start_offset_ns);
  object.Integer("duration_ns", step.duration_ns);
  object.Close();
}

void AppendSummary(const Breakdown& breakdown, JsonObject* object) {
  JsonObject summary(object->Key("step_summary"));
  for (const StageShare& stage : breakdown.stages) {
    JsonObject row(summary.Key(stage.name));
    row.Integer("count", stage.count);
    row.Integer("ok", stage.ok);
    row.Integer("errors", stage.errors);
    row.Milliseconds("mean_ms", stage.total_ns / stage.count);
    row.Close();
  }
  summary.Close();
}

// Two digits: what a person wants to see of a share.
void AppendPercent(double share, std::string* out) {
  AppendJsonDouble(std::round(share * 10000.0) / 100.0, out);
}

void AppendBreakdown(const Breakdown& breakdown, JsonObject* object) {
  JsonObject percent(object->Key("breakdown_percent"));
  for (const StageShare& stage : breakdown.stages) {
    AppendPercent(stage.share, percent.Key(stage.name));
  }
  AppendPercent(breakdown.untimed_share, percent.Key(kUntimed));
  percent.Close();
  if (breakdown.bottleneck.empty()) {
    object->Key("bottleneck")->append("null");
  } else {
    object->String("bottleneck", breakdown.bottleneck);
  }
}

}  // namespace

void AppendRequestLine(const std::string& host, const proto::ProducerDelta& producer,
                       const proto::RequestRow& request, std::string* out) {
  const Breakdown breakdown = BreakdownOf(request);
  JsonObject object(out);
  object.String("type", "request");
  object.String("timestamp", FormatUtc(request.start_unix_ns));
  object.String("request_id", request.id);
  object.String("operation", request.operation);
  object.Labels("labels", request.labels);
  object.Attributes("attributes", request.attributes);
  object.Key("steps")->push_back('[');
  for (size_t i = 0; i < request.steps.size(); ++i) {
    if (i != 0) out->push_back(',');
    AppendStep(request.steps[i], out);
  }
  out->push_back(']');
  AppendSummary(breakdown, &object);
  object.Milliseconds("total_time_ms", request.duration_ns);
  object.Bool("success", request.outcome == proto::Outcome::kOk);
  object.String("outcome", ToString(request.outcome));
  AppendError(request.error_type, request.error_message, request.outcome, &object);
  AppendBreakdown(breakdown, &object);
  object.String("host", host);
  object.String("service", producer.service);
  object.String("instance", producer.instance);
  object.Integer("start_unix_ns", request.start_unix_ns);
  object.Integer("duration_ns", request.duration_ns);
  object.Close();
}

}  // namespace ringside::aggregator
