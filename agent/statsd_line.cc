#include "agent/statsd_line.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "agent/text.h"

namespace ringside::agent {
namespace {

constexpr size_t kMostValues = 1024;
constexpr double kLeastRate = 1e-6;
// Beyond this the fixed-point form would not hold it.
constexpr double kLargestNumber = 1e12;

// Cuts off what is before the first `mark`, or all.
std::string_view Take(std::string_view* text, char mark) {
  const size_t at = text->find(mark);
  const std::string_view part = text->substr(0, at);
  text->remove_prefix(at == std::string_view::npos ? text->size() : at + 1);
  return part;
}

bool ParseType(std::string_view text, StatsdType* type) {
  constexpr std::pair<std::string_view, StatsdType> kTypes[] = {
      {"ms", StatsdType::kTiming}, {"h", StatsdType::kValue}, {"d", StatsdType::kValue},
      {"c", StatsdType::kCounter}, {"g", StatsdType::kGauge}, {"s", StatsdType::kSet}};
  for (const auto& [name, known] : kTypes) {
    if (name != text) continue;
    *type = known;
    return true;
  }
  return false;
}

bool ParseRate(std::string_view text, double* rate) {
  return ParseStatsdNumber(text, rate) && *rate >= kLeastRate && *rate <= 1;
}

}  // namespace

bool ParseStatsdNumber(std::string_view text, double* value) {
  if (!text.empty() && text.front() == '+') {
    text.remove_prefix(1);
    if (!text.empty() && text.front() == '-') return false;
  }
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *value);
  return error == std::errc() && rest == end && std::abs(*value) <= kLargestNumber;
}

StatsdVerdict ParseStatsdLine(std::string_view line, StatsdLine* parsed) {
  if (line.substr(0, 3) == "_e{" || line.substr(0, 4) == "_sc|") return StatsdVerdict::kIgnored;
  parsed->values.clear();
  parsed->rate = 1;
  parsed->tags = {};
  std::string_view rest = line;
  std::string_view metric = Take(&rest, '|');
  parsed->name = Take(&metric, ':');
  if (parsed->name.empty() || metric.empty()) return StatsdVerdict::kMalformed;
  if (!ParseType(Take(&rest, '|'), &parsed->type)) return StatsdVerdict::kMalformed;
  if (parsed->type == StatsdType::kSet) {
    parsed->values.push_back(metric);  // any text, colons too
  }
  while (parsed->type != StatsdType::kSet && !metric.empty()) {
    if (parsed->values.size() == kMostValues) return StatsdVerdict::kMalformed;
    double ignored = 0;
    parsed->values.push_back(Take(&metric, ':'));
    if (!ParseStatsdNumber(parsed->values.back(), &ignored)) return StatsdVerdict::kMalformed;
  }
  while (!rest.empty()) {
    const std::string_view part = Take(&rest, '|');
    if (part.empty()) return StatsdVerdict::kMalformed;
    if (part.front() == '@' && !ParseRate(part.substr(1), &parsed->rate)) {
      return StatsdVerdict::kMalformed;
    }
    // Others - a timestamp, a container - are of newer protocols, and not needed.
    if (part.front() == '#') parsed->tags = part.substr(1);
  }
  return StatsdVerdict::kGood;
}

proto::LabelList ParseStatsdTags(std::string_view tags) {
  proto::LabelList labels;
  while (!tags.empty() && labels.size() < proto::kMaxLabels) {
    std::string_view value = Take(&tags, ',');
    const bool has_value = value.find(':') != std::string_view::npos;
    const std::string_view key = Take(&value, ':');
    if (key.empty()) continue;
    labels.emplace_back(
        CleanText(key, proto::kMaxLabelKeyBytes),
        has_value ? CleanText(value, proto::kMaxLabelValueBytes) : std::string("true"));
  }
  std::stable_sort(labels.begin(), labels.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  const auto same_key = [](const auto& a, const auto& b) { return a.first == b.first; };
  labels.erase(std::unique(labels.begin(), labels.end(), same_key), labels.end());
  return labels;
}

}  // namespace ringside::agent
