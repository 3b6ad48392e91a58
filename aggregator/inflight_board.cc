#include "aggregator/inflight_board.h"

#include <algorithm>
#include <set>
#include <utility>

#include "aggregator/heap_size.h"

namespace ringside::aggregator {
namespace {

constexpr size_t kMaxLimit = 1'000'000;
constexpr size_t kMaxNameBytes = 256;

double Seconds(uint64_t ns) { return static_cast<double>(ns) * 1e-9; }

bool IsNamed(std::string_view path, std::string_view name) {
  if (name.empty() || path == name) return true;
  return path.size() > name.size() + 1 && path.ends_with(name) &&
         path[path.size() - name.size() - 1] == '/';
}

// A row as conditions see it: its own labels first.
class LabelledRow {
 public:
  LabelledRow(const proto::InFlightRow& row, const std::string& host)
      : row_(row), host_(host), pid_(std::to_string(row.pid)) {}

  std::string_view Label(std::string_view name) const {
    for (const auto& [key, value] : row_.labels) {
      if (key == name && !value.empty()) return value;
    }
    if (name == "host") return host_;
    if (name == "service") return row_.service;
    if (name == "instance") return row_.instance;
    if (name == "pid") return pid_;
    if (name == "operation") return row_.operation;
    if (name == "stage") return row_.stage;
    if (name == "id") return row_.id;
    return {};
  }

 private:
  const proto::InFlightRow& row_;
  const std::string& host_;
  const std::string pid_;
};

bool IsStuck(const std::optional<proto::StuckLimit>& limit, uint64_t age_ns) {
  return limit.has_value() && age_ns > limit->limit_ns;
}

double Ratio(const std::optional<proto::StuckLimit>& limit, uint64_t age_ns) {
  if (!limit.has_value() || limit->p99_ns == 0) return 0;
  return static_cast<double>(age_ns) / static_cast<double>(limit->p99_ns);
}

Json TextOrNull(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

}  // namespace

struct InFlightBoard::Found {
  const Agent* agent = nullptr;
  const Entry* entry = nullptr;
  uint64_t sampled_ago_ns = 0;
};

proto::Result<InFlightRequest> ParseInFlightRequest(const Parameters& parameters) {
  InFlightRequest request;
  for (const auto& [name, value] : parameters) {
    proto::Status status;
    if (name == "name") {
      request.selector.name = value;
      if (value.size() > kMaxNameBytes) status = proto::Status::Error("too long");
    } else if (name == "where") {
      status = ParseWhere(value, &request.selector.where);
    } else if (name == "limit") {
      const proto::Result<size_t> limit = ParseCount(value, kMaxLimit);
      status = limit.status();
      if (limit) request.limit = *limit;
    } else {
      status = proto::Status::Error("unknown parameter (known: name, where, limit)");
    }
    if (!status) return proto::Status::Error(name.substr(0, 32) + ": " + status.message());
  }
  return request;
}

proto::InFlightLimits InFlightBoard::Take(proto::InFlight message, uint64_t now_unix_ns) {
  proto::InFlightLimits answer;
  answer.epoch = message.epoch;
  limits_.BeginTurn();
  std::set<std::string> named;
  const auto look_up = [&](const std::string& path, uint64_t age_ns) {
    std::optional<proto::StuckLimit> limit;
    if (path.empty() || age_ns < StuckLimits::kYoungestNs) return limit;
    limit = limits_.Find(path, now_unix_ns);
    if (limit.has_value() && named.insert(path).second) answer.limits.push_back(*limit);
    return limit;
  };
  Agent agent;
  agent.host = std::move(message.host);
  agent.taken_unix_ns = now_unix_ns;
  agent.operations = message.operations;
  agent.requests = message.requests;
  for (proto::InFlightRow& row : message.rows) {
    Entry entry;
    entry.whole = look_up(row.operation, row.age_ns);
    if (!row.stage.empty()) entry.stage = look_up(proto::PathOfStage(row), row.stage_age_ns);
    entry.row = std::move(row);
    agent.bytes += BytesOf(entry);
    agent.entries.push_back(std::move(entry));
  }
  const std::lock_guard lock(mutex_);
  DropOld(now_unix_ns);
  Keep(message.agent, std::move(agent));
  return answer;
}

void InFlightBoard::Keep(const proto::Uuid& uuid, Agent agent) {
  const auto known = agents_.find(uuid);
  if (known != agents_.end()) {
    bytes_ -= known->second.bytes;
    agents_.erase(known);
  }
  if (agents_.size() >= kMostAgents) return;
  if (bytes_ + agent.bytes > most_bytes_) {
    agent.entries = {};
    agent.bytes = 0;
  }
  bytes_ += agent.bytes;
  agents_.emplace(uuid, std::move(agent));
}

size_t InFlightBoard::BytesOf(const Entry& entry) {
  const proto::InFlightRow& row = entry.row;
  return sizeof entry + HeapBytes(row.operation) + HeapBytes(row.stage) + HeapBytes(row.id) +
         HeapBytes(row.service) + HeapBytes(row.instance) + HeapBytes(row.evidence) +
         HeapBytes(row.labels);
}

void InFlightBoard::DropOld(uint64_t now_unix_ns) {
  for (auto it = agents_.begin(); it != agents_.end();) {
    if (now_unix_ns <= it->second.taken_unix_ns + kLifeNs) {
      ++it;
      continue;
    }
    bytes_ -= it->second.bytes;
    it = agents_.erase(it);
  }
}

Json InFlightBoard::ToJson(const Found& found) {
  const Entry& entry = *found.entry;
  const proto::InFlightRow& row = entry.row;
  // The stage explains more than the request, where it is the one that takes too long.
  const bool stage_is_stuck = IsStuck(entry.stage, row.stage_age_ns);
  const bool by_stage = stage_is_stuck || (!entry.whole.has_value() && entry.stage.has_value());
  const auto& limit = by_stage ? entry.stage : entry.whole;
  const uint64_t age_ns = by_stage ? row.stage_age_ns : row.age_ns;
  Json json;
  json["host"] = found.agent->host;
  json["service"] = row.service;
  json["pid"] = row.pid;
  json["instance"] = row.instance;
  json["kind"] = row.is_request ? "request" : "operation";
  json["operation"] = row.operation;
  json["stage"] = TextOrNull(row.stage);
  json["id"] = TextOrNull(row.id);
  json["tid"] = row.tid == 0 ? Json(nullptr) : Json(row.tid);
  json["labels"] = LabelsToJson(row.labels);
  json["age"] = Seconds(row.age_ns);
  json["stage_age"] = row.stage.empty() ? Json(nullptr) : Json(Seconds(row.stage_age_ns));
  json["stuck"] = stage_is_stuck || IsStuck(entry.whole, row.age_ns);
  json["compared_with"] = limit.has_value() ? Json(limit->path) : Json(nullptr);
  json["p99"] = limit.has_value() ? Json(Seconds(limit->p99_ns)) : Json(nullptr);
  json["ratio"] = limit.has_value() ? Json(Ratio(limit, age_ns)) : Json(nullptr);
  json["evidence"] = TextOrNull(row.evidence);
  json["sampled_ago"] = Seconds(found.sampled_ago_ns);
  return json;
}

Json InFlightBoard::Answer(const InFlightRequest& request, uint64_t now_unix_ns) const {
  const std::lock_guard lock(mutex_);
  Json answer;
  Json& agents = answer["agents"] = Json::array();
  std::vector<Found> found;
  for (const auto& [uuid, agent] : agents_) {
    const uint64_t ago = now_unix_ns > agent.taken_unix_ns ? now_unix_ns - agent.taken_unix_ns : 0;
    if (ago > kLifeNs) continue;
    agents.push_back({{"host", agent.host},
                      {"sampled_ago", Seconds(ago)},
                      {"operations", agent.operations},
                      {"requests", agent.requests},
                      {"omitted", agent.operations + agent.requests -
                                      std::min<uint64_t>(agent.operations + agent.requests,
                                                         agent.entries.size())}});
    for (const Entry& entry : agent.entries) {
      const bool is_named = IsNamed(entry.row.operation, request.selector.name) ||
                            IsNamed(proto::PathOfStage(entry.row), request.selector.name);
      if (!is_named || !Matches(request.selector.where, LabelledRow(entry.row, agent.host))) {
        continue;
      }
      found.push_back({&agent, &entry, ago});
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return a.entry->row.age_ns > b.entry->row.age_ns;
  });
  answer["matched"] = found.size();
  if (request.limit != 0 && found.size() > request.limit) found.resize(request.limit);
  Json& rows = answer["rows"] = Json::array();
  for (const Found& row : found) rows.push_back(ToJson(row));
  return answer;
}

}  // namespace ringside::aggregator
