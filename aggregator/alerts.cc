#include "aggregator/alerts.h"

#include <algorithm>
#include <set>
#include <utility>

#include <spdlog/spdlog.h>

#include "aggregator/expression_eval.h"
#include "aggregator/query.h"
#include "aggregator/units.h"
#include "aggregator/utc_time.h"

namespace ringside::aggregator {
namespace {

// Alerts of one rule at a time; more come only from a rule that groups by something unbounded.
constexpr size_t kMaxActive = 1000;

// The measured labels, with the operation as one of them: what tells a rule's alerts apart.
proto::LabelList IdentityOf(const Element& element) {
  proto::LabelList labels = element.labels;
  const bool has_operation = std::any_of(
      labels.begin(), labels.end(), [](const auto& label) { return label.first == "operation"; });
  if (!has_operation && !element.operation.empty()) {
    labels.emplace_back("operation", element.operation);
  }
  std::sort(labels.begin(), labels.end());
  return labels;
}

// The rule's labels take the place of measured ones of the same name.
proto::LabelList LabelsOf(const Rule& rule, const std::string& value,
                          const proto::LabelList& measured) {
  std::map<std::string, std::string> labels(measured.begin(), measured.end());
  for (const auto& [name, text] : rule.labels) labels[name] = text.Render(value, measured);
  return {labels.begin(), labels.end()};
}

std::string TextOf(const proto::LabelList& labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    if (!text.empty()) text += ", ";
    text += name;
    text += '=';
    text += value;
  }
  return text;
}

Json AnnotationsToJson(const Rule& rule, const std::string& value, const proto::LabelList& labels) {
  Json json = Json::object();
  for (const auto& [name, text] : rule.annotations) json[name] = text.Render(value, labels);
  return json;
}

}  // namespace

proto::Result<std::unique_ptr<AlertEngine>> AlertEngine::Load(
    const std::string& rules_file, const std::string& alerts_jsonl_path) {
  std::vector<Rule> rules;
  if (!rules_file.empty()) {
    proto::Result<std::vector<Rule>> loaded = LoadRules(rules_file);
    if (!loaded) return loaded.status();
    rules = std::move(*loaded);
  }
  return std::make_unique<AlertEngine>(std::move(rules), alerts_jsonl_path);
}

AlertEngine::AlertEngine(std::vector<Rule> rules, const std::string& alerts_jsonl_path)
    : rules_(std::move(rules)), active_(rules_.size()), log_(alerts_jsonl_path) {}

void AlertEngine::Evaluate(uint64_t now_unix_ns, const Store& store) {
  for (size_t index = 0; index < rules_.size(); ++index) EvaluateRule(index, now_unix_ns, store);
  log_.Flush();
}

void AlertEngine::EvaluateRule(size_t index, uint64_t now, const Store& store) {
  const Rule& rule = rules_[index];
  // Before the lock: readers of the page must not wait for a merge.
  const std::vector<Element> elements =
      EvaluateCondition(*rule.condition, store, WindowEnd(store, now));
  const std::lock_guard lock(mutex_);
  ActiveAlerts& active = active_[index];
  std::set<proto::LabelList> holds;
  for (const Element& element : elements) {
    proto::LabelList identity = IdentityOf(element);
    if (!active.contains(identity) && active.size() >= kMaxActive) continue;
    const auto [place, is_new] = active.try_emplace(identity);
    Active& alert = place->second;
    if (is_new) alert.since_unix_ns = now;
    alert.value = element.value;
    alert.unit = element.unit;
    alert.labels = LabelsOf(rule, FormatValue(element.value, element.unit), identity);
    if (!alert.firing && now >= alert.since_unix_ns + rule.for_ns) {
      alert.firing = true;
      alert.fired_unix_ns = now;
      Tell(rule, alert, "firing", now);
    }
    holds.insert(std::move(identity));
  }
  for (auto place = active.begin(); place != active.end();) {
    if (holds.contains(place->first)) {
      ++place;
      continue;
    }
    if (place->second.firing) Tell(rule, place->second, "resolved", now);
    place = active.erase(place);
  }
}

void AlertEngine::PutAlert(const Rule& rule, const Active& active, nlohmann::ordered_json* out) {
  const std::string value = FormatValue(active.value, active.unit);
  Json& json = *out;
  json["group"] = rule.group;
  json["alert"] = rule.alert;
  json["expr"] = rule.expr;
  json["labels"] = LabelsToJson(active.labels);
  json["value"] = active.value;
  json["value_text"] = value;
  json["unit"] = active.unit;
  json["annotations"] = AnnotationsToJson(rule, value, active.labels);
  json["since"] = FormatUtc(active.since_unix_ns);
  json["fired"] = active.firing ? Json(FormatUtc(active.fired_unix_ns)) : Json(nullptr);
}

void AlertEngine::Tell(const Rule& rule, const Active& active, const char* status, uint64_t now) {
  const std::string value = FormatValue(active.value, active.unit);
  const bool begins = active.firing && std::string_view(status) == "firing";
  spdlog::log(begins ? spdlog::level::warn : spdlog::level::info, "alert {}: {} ({}) {} = {}",
              status, rule.alert, TextOf(active.labels), rule.expr, value);
  Json line;
  line["type"] = "alert";
  line["timestamp"] = FormatUtc(now);
  line["status"] = status;
  PutAlert(rule, active, &line);
  log_.Add(line.dump(-1, ' ', false, Json::error_handler_t::replace));
}

nlohmann::ordered_json AlertEngine::ToJson() const {
  const std::lock_guard lock(mutex_);
  Json alerts = Json::array();
  Json rules = Json::array();
  for (size_t index = 0; index < rules_.size(); ++index) {
    const Rule& rule = rules_[index];
    size_t firing = 0;
    for (const auto& [identity, active] : active_[index]) {
      Json alert;
      alert["status"] = active.firing ? "firing" : "pending";
      PutAlert(rule, active, &alert);
      alerts.push_back(std::move(alert));
      firing += active.firing ? 1 : 0;
    }
    Json json_rule;
    json_rule["group"] = rule.group;
    json_rule["alert"] = rule.alert;
    json_rule["expr"] = rule.expr;
    json_rule["for"] = static_cast<double>(rule.for_ns) / 1e9;
    json_rule["firing"] = firing;
    json_rule["pending"] = active_[index].size() - firing;
    rules.push_back(std::move(json_rule));
  }
  Json json;
  json["alerts"] = std::move(alerts);
  json["rules"] = std::move(rules);
  return json;
}

}  // namespace ringside::aggregator
