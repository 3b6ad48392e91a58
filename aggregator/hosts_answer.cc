#include "aggregator/hosts_answer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>

#include "aggregator/host_board.h"
#include "aggregator/ledger.h"
#include "aggregator/utc_time.h"
#include "proto/loss.h"

namespace ringside::aggregator {
namespace {

constexpr size_t kMaxLimit = 1'000'000;
constexpr size_t kMaxConditions = 64;
constexpr std::array<std::string_view, 10> kSortFields = {
    "state",           "seen_ago",      "lag",         "clock_offset",
    "producers",       "lost",          "spool_bytes", "backlog_batches",
    "missing_batches", "first_seen_ago"};
constexpr std::array<HostState, 4> kStates = {HostState::kOk, HostState::kLate, HostState::kMissing,
                                              HostState::kRefused};

proto::Status ParseSort(std::string_view text, HostsRequest* request) {
  const size_t colon = text.find(':');
  const std::string_view field = text.substr(0, colon);
  if (colon != std::string_view::npos) {
    const std::string_view order = text.substr(colon + 1);
    if (order != "asc" && order != "desc") {
      return proto::Status::Error("\"" + std::string(order.substr(0, 32)) +
                                  "\" is no order (asc or desc)");
    }
    request->ascending = order == "asc";
  }
  if (std::find(kSortFields.begin(), kSortFields.end(), field) == kSortFields.end()) {
    std::string known;
    for (const std::string_view name : kSortFields) {
      known += (known.empty() ? "" : ", ") + std::string(name);
    }
    return proto::Status::Error("\"" + std::string(field.substr(0, 32)) + "\" (known: " + known +
                                ")");
  }
  request->sort = field;
  return {};
}

double Seconds(uint64_t ns) { return static_cast<double>(ns) / 1e9; }
double SecondsAgo(uint64_t then, uint64_t now) { return now > then ? Seconds(now - then) : 0; }

Json TextOrNull(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }
Json MomentOrNull(uint64_t unix_ns) {
  return unix_ns == 0 ? Json(nullptr) : Json(FormatUtc(unix_ns));
}

// A row as conditions see it.
class LabelledRow {
 public:
  explicit LabelledRow(const HostRow& row) : row_(row), agent_(proto::ToString(row.agent)) {}

  std::string_view Label(std::string_view name) const {
    if (name == "host") return row_.host;
    if (name == "agent") return agent_;
    if (name == "state") return ToString(row_.state);
    if (name == "software_version") return row_.software_version;
    if (name == "wire_version") return row_.wire_version;
    return {};
  }

 private:
  const HostRow& row_;
  const std::string agent_;
};

Json ReasonsToJson(const proto::LossCounts& lost) {
  Json reasons = Json::object();
  for (size_t i = 0; i < lost.size(); ++i) {
    if (lost[i] != 0) reasons[proto::kLossReasonNames[i]] = lost[i];
  }
  return reasons;
}

Json ToJson(const HostRow& row, const LedgerHost& counts, uint64_t now_unix_ns) {
  const proto::LossCounts& lost = counts.row.lost;
  Json json;
  json["host"] = TextOrNull(row.host);
  json["agent"] = proto::ToString(row.agent);
  json["state"] = ToString(row.state);
  json["heard"] = row.is_heard;
  json["first_seen"] = MomentOrNull(row.first_seen_unix_ns);
  json["last_seen"] = MomentOrNull(row.last_seen_unix_ns);
  json["seen_ago"] = SecondsAgo(row.last_seen_unix_ns, now_unix_ns);
  json["lag"] = row.lag_ns ? Json(Seconds(*row.lag_ns)) : Json(nullptr);
  json["clock_offset"] =
      row.clock_ahead_ns ? Json(static_cast<double>(*row.clock_ahead_ns) / 1e9) : Json(nullptr);
  json["software_version"] = TextOrNull(row.software_version);
  json["wire_version"] = TextOrNull(row.wire_version);
  json["producers"] = counts.producers;
  json["recorded"] = counts.row.recorded;
  json["in_flight"] = counts.row.in_flight;
  json["lost"] = std::accumulate(lost.begin(), lost.end(), counts.row.quarantined);
  json["lost_by_reason"] = ReasonsToJson(lost);
  if (counts.row.quarantined != 0) json["lost_by_reason"]["quarantined"] = counts.row.quarantined;
  json["balanced"] = counts.row.Balanced();
  json["spool_bytes"] = row.spool_bytes ? Json(*row.spool_bytes) : Json(nullptr);
  json["backlog_batches"] = row.backlog_batches ? Json(*row.backlog_batches) : Json(nullptr);
  json["missing_batches"] = row.missing_batches;
  json["refusal"] = TextOrNull(row.refusal);
  return json;
}

// What a row is sorted by; nothing: it comes last.
std::optional<double> SortValue(const HostsRequest& request, const HostRow& row, const Json& json,
                                uint64_t now_unix_ns) {
  if (request.sort == "state") return static_cast<double>(row.state);
  if (request.sort == "first_seen_ago") return SecondsAgo(row.first_seen_unix_ns, now_unix_ns);
  const Json& value = json.at(request.sort);
  if (!value.is_number()) return std::nullopt;
  // A clock is wrong by as much in either direction.
  return request.sort == "clock_offset" ? std::abs(value.get<double>()) : value.get<double>();
}

}  // namespace

proto::Result<HostsRequest> ParseHostsRequest(const Parameters& parameters) {
  HostsRequest request;
  for (const auto& [name, value] : parameters) {
    proto::Status status;
    if (name == "where") {
      status = request.where.size() < kMaxConditions ? ParseWhere(value, &request.where)
                                                     : proto::Status::Error("too many");
    } else if (name == "sort") {
      status = ParseSort(value, &request);
    } else if (name == "limit") {
      const proto::Result<size_t> limit = ParseCount(value, kMaxLimit);
      status = limit.status();
      if (limit) request.limit = *limit;
    } else {
      status = proto::Status::Error("unknown parameter (known: where, sort, limit)");
    }
    if (!status) return proto::Status::Error(name.substr(0, 32) + ": " + status.message());
  }
  return request;
}

Json AnswerHosts(const HostBoard& board, const Ledger* ledger, const HostsRequest& request,
                 uint64_t now_unix_ns) {
  uint64_t left_out = 0;
  const std::vector<HostRow> rows = board.Rows(now_unix_ns, &left_out);
  const auto counts =
      ledger == nullptr ? std::map<std::string, LedgerHost, std::less<>>() : ledger->ByHost();
  Json states = Json::object();
  for (const HostState state : kStates) states[ToString(state)] = 0;
  std::vector<std::pair<std::optional<double>, Json>> found;
  for (const HostRow& row : rows) {
    Json& count = states[ToString(row.state)];
    count = count.get<uint64_t>() + 1;
    if (!Matches(request.where, LabelledRow(row))) continue;
    const auto host = counts.find(row.host);
    Json json = ToJson(row, host == counts.end() ? LedgerHost() : host->second, now_unix_ns);
    std::optional<double> value;
    if (!request.sort.empty()) value = SortValue(request, row, json, now_unix_ns);
    found.emplace_back(value, std::move(json));
  }
  if (!request.sort.empty()) {
    std::stable_sort(found.begin(), found.end(), [&](const auto& a, const auto& b) {
      if (!a.first || !b.first) return a.first.has_value() && !b.first.has_value();
      return request.ascending ? a.first.value() < b.first.value()
                               : a.first.value() > b.first.value();
    });
  }
  Json answer;
  answer["states"] = std::move(states);
  answer["matched"] = found.size();
  answer["left_out"] = left_out;
  if (request.limit != 0 && found.size() > request.limit) found.resize(request.limit);
  Json& list = answer["hosts"] = Json::array();
  for (auto& [value, json] : found) list.push_back(std::move(json));
  return answer;
}

}  // namespace ringside::aggregator
