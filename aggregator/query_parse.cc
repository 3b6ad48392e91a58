// From parameters, as HTTP and the command line give them, to a QueryRequest.
#include <algorithm>
#include <charconv>

#include "aggregator/query.h"
#include "aggregator/units.h"
#include "aggregator/utc_time.h"

namespace ringside::aggregator {
namespace {

constexpr size_t kMaxNameBytes = 256;
constexpr size_t kMaxLabelNames = 32;
constexpr size_t kMaxConditions = 64;
constexpr size_t kMaxStats = 64;
constexpr size_t kMaxLimit = 1'000'000;

proto::Status Named(const std::string& parameter, const std::string& message) {
  return proto::Status::Error(parameter + ": " + message);
}

// Calls `take` for each part between commas; an empty part is an error.
template <typename Take>
proto::Status ForEachPart(std::string_view text, const Take& take) {
  while (true) {
    const size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    if (part.empty()) return proto::Status::Error("a name is missing");
    if (proto::Status status = take(part); !status) return status;
    if (comma == std::string_view::npos) return {};
    text.remove_prefix(comma + 1);
  }
}

proto::Status ParseStats(std::string_view text, std::vector<Stat>* stats) {
  return ForEachPart(text, [&](std::string_view part) -> proto::Status {
    proto::Result<Stat> stat = ParseStat(part);
    if (!stat) return stat.status();
    const bool known = std::any_of(stats->begin(), stats->end(),
                                   [&](const Stat& other) { return other.name == stat->name; });
    if (known) return {};
    if (stats->size() == kMaxStats) return proto::Status::Error("too many");
    stats->push_back(std::move(*stat));
    return {};
  });
}

proto::Status ParseSort(std::string_view text, QueryRequest* request) {
  const size_t colon = text.find(':');
  if (colon != std::string_view::npos) {
    const std::string_view order = text.substr(colon + 1);
    if (order != "asc" && order != "desc") {
      return proto::Status::Error("\"" + std::string(order.substr(0, 32)) +
                                  "\" is no order (asc or desc)");
    }
    request->ascending = order == "asc";
  }
  proto::Result<Stat> stat = ParseStat(text.substr(0, colon));
  if (!stat) return stat.status();
  request->sort = std::move(*stat);
  return {};
}

proto::Status ParseQueryParameter(const std::string& name, const std::string& value,
                                  QueryRequest* request) {
  bool handled = false;
  if (proto::Status status = ParseSelectionParameter(name, value, &request->range,
                                                     &request->selector, &request->by, &handled);
      handled || !status) {
    return status;
  }
  if (name == "stat") return ParseStats(value, &request->stats);
  if (name == "sort") return ParseSort(value, request);
  if (name == "limit") {
    proto::Result<size_t> limit = ParseCount(value, kMaxLimit);
    if (!limit) return limit.status();
    request->limit = *limit;
    return {};
  }
  return proto::Status::Error(
      "unknown parameter (known: name, where, by, stat, last, from, to, sort, limit)");
}

}  // namespace

proto::Status ParseSelectionParameter(const std::string& name, const std::string& value,
                                      TimeRange* range, Selector* selector,
                                      std::optional<std::vector<std::string>>* by, bool* handled) {
  proto::Status status = ParseTimeParameter(name, value, range, handled);
  if (*handled || !status) return status;
  *handled = true;
  if (name == "name") {
    selector->name = value;
    return value.size() <= kMaxNameBytes ? proto::Status() : proto::Status::Error("too long");
  }
  if (name == "where") return ParseWhere(value, &selector->where);
  if (name == "by") {
    if (!*by) by->emplace();
    return ParseLabelNames(value, &**by);
  }
  *handled = false;
  return {};
}

proto::Result<size_t> ParseCount(std::string_view text, size_t most) {
  size_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && rest == end && value >= 1 && value <= most) return value;
  return proto::Status::Error("\"" + std::string(text.substr(0, 32)) +
                              "\" is no number from 1 to " + std::to_string(most));
}

proto::Status ParseWhere(std::string_view text, std::vector<LabelMatch>* where) {
  const size_t equals = text.find('=');
  const bool negated = equals != std::string_view::npos && equals > 0 && text[equals - 1] == '!';
  const std::string_view name =
      text.substr(0, equals == std::string_view::npos ? 0 : equals - (negated ? 1 : 0));
  if (name.empty()) {
    return proto::Status::Error("\"" + std::string(text.substr(0, 64)) +
                                "\" is no condition (expected label=value or label!=value)");
  }
  if (where->size() == kMaxConditions) return proto::Status::Error("too many conditions");
  where->push_back({std::string(name), std::string(text.substr(equals + 1)), negated});
  return {};
}

proto::Status ParseLabelNames(std::string_view text, std::vector<std::string>* names) {
  return ForEachPart(text, [&](std::string_view part) -> proto::Status {
    if (std::find(names->begin(), names->end(), part) != names->end()) return {};
    if (names->size() == kMaxLabelNames) return proto::Status::Error("too many labels");
    names->emplace_back(part);
    return {};
  });
}

proto::Status ParseTimeParameter(const std::string& name, const std::string& value,
                                 TimeRange* range, bool* handled) {
  *handled = name == "last" || name == "from" || name == "to";
  if (!*handled) return {};
  if (name == "last") {
    proto::Result<uint64_t> last = ParseDuration(value);
    if (!last) return last.status();
    if (*last == 0) return proto::Status::Error("must be longer than nothing");
    range->last_ns = *last;
    return {};
  }
  proto::Result<uint64_t> moment = ParseUtc(value);
  if (!moment) return moment.status();
  (name == "from" ? range->from_unix_ns : range->to_unix_ns) = *moment;
  return {};
}

proto::Status FinishRange(TimeRange* range) {
  if (range->last_ns != 0 && range->from_unix_ns) {
    return proto::Status::Error("last: give either last or from, not both");
  }
  if (range->last_ns == 0) range->last_ns = kDefaultLastNs;
  if (range->from_unix_ns && range->to_unix_ns && *range->from_unix_ns >= *range->to_unix_ns) {
    return proto::Status::Error("from: must be before to");
  }
  return {};
}

proto::Result<QueryRequest> ParseQueryRequest(const Parameters& parameters) {
  QueryRequest request;
  for (const auto& [name, value] : parameters) {
    if (proto::Status status = ParseQueryParameter(name, value, &request); !status) {
      return Named(name.substr(0, 32), status.message());
    }
  }
  if (proto::Status status = FinishRange(&request.range); !status) return status;
  if (request.stats.empty()) static_cast<void>(ParseStats(kDefaultStats, &request.stats).ok());
  return request;
}

}  // namespace ringside::aggregator
