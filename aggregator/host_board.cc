#include "aggregator/host_board.h"

#include <algorithm>
#include <utility>

#include "aggregator/clean_text.h"

namespace ringside::aggregator {
namespace {

constexpr size_t kMaxRefusalBytes = 300;

// As CleanBatch makes the batches' own.
std::string Clean(std::string text) {
  CleanText(&text);
  return text;
}

uint64_t Since(uint64_t then, uint64_t now) { return now > then ? now - then : 0; }

// The agent's own gauge, where the batch brings it.
void FindSpoolBytes(const proto::Batch& batch, std::optional<uint64_t>* bytes) {
  for (const proto::ProducerDelta& producer : batch.producers) {
    if (!producer.is_agent) continue;
    for (const proto::SeriesDelta& series : producer.series) {
      if (series.key->path != "agent.spool.bytes" || series.delta.last < 0) continue;
      *bytes = static_cast<uint64_t>(series.delta.last);
      return;
    }
  }
}

uint64_t MissingIn(const AppliedSet& set) {
  uint64_t members = 0;
  for (const auto& [first, last] : set.AllRanges()) members += last - first + 1;
  return set.Last() - members;
}

}  // namespace

const char* ToString(HostState state) {
  switch (state) {
    case HostState::kOk:
      return "ok";
    case HostState::kLate:
      return "late";
    case HostState::kMissing:
      return "missing";
    case HostState::kRefused:
      break;
  }
  return "refused";
}

// nullptr: there are too many. Strangers without a batch make room for one another.
HostBoard::Agent* HostBoard::AgentOf(const proto::Uuid& uuid, uint64_t now_unix_ns) {
  const auto found = agents_.find(uuid);
  if (found != agents_.end()) return &found->second;
  if (agents_.size() >= kMostAgents) {
    const auto stranger = std::find_if(agents_.begin(), agents_.end(), [](const auto& entry) {
      return entry.second.newest_end_unix_ns == 0;
    });
    ++left_out_;
    if (stranger == agents_.end()) return nullptr;
    agents_.erase(stranger);
  }
  Agent& agent = agents_[uuid];
  agent.first_seen_unix_ns = now_unix_ns;
  return &agent;
}

void HostBoard::NoteBatch(const proto::Batch& batch, Agent* agent) {
  if (batch.interval_end_unix_ns < agent->newest_end_unix_ns) return;
  agent->host = batch.host;
  agent->newest_end_unix_ns = batch.interval_end_unix_ns;
  FindSpoolBytes(batch, &agent->spool_bytes);
}

void HostBoard::Restore(const proto::Batch& batch) {
  const std::lock_guard lock(mutex_);
  Agent* const agent = AgentOf(batch.id.agent, batch.interval_start_unix_ns);
  if (agent == nullptr) return;
  agent->first_seen_unix_ns = std::min(agent->first_seen_unix_ns, batch.interval_start_unix_ns);
  NoteBatch(batch, agent);
}

void HostBoard::Begin(uint64_t now_unix_ns) {
  const std::lock_guard lock(mutex_);
  begun_unix_ns_ = now_unix_ns;
}

void HostBoard::Greet(const proto::Hello& hello, const proto::WireHeader& header,
                      uint64_t now_unix_ns) {
  const std::lock_guard lock(mutex_);
  Agent* const agent = AgentOf(hello.agent, now_unix_ns);
  if (agent == nullptr) return;
  agent->host = Clean(hello.host);
  agent->heard_unix_ns = now_unix_ns;
  agent->clock.AddMoment(hello.sent_unix_ns, now_unix_ns);
  agent->software_version = Clean(hello.software_version);
  agent->wire_version =
      std::to_string(header.major_version) + "." + std::to_string(header.minor_version);
  agent->greeted_epoch = hello.epoch;
  agent->greeted_next_sequence = hello.next_sequence;
}

void HostBoard::Hear(const proto::InFlight& in_flight, uint64_t now_unix_ns) {
  const std::lock_guard lock(mutex_);
  Agent* const agent = AgentOf(in_flight.agent, now_unix_ns);
  if (agent == nullptr) return;
  if (agent->host.empty()) agent->host = Clean(in_flight.host);
  agent->heard_unix_ns = now_unix_ns;
  agent->clock.AddMoment(in_flight.sampled_unix_ns, now_unix_ns);
}

void HostBoard::Take(const proto::Batch& batch, uint64_t now_unix_ns) {
  const std::lock_guard lock(mutex_);
  Agent* const agent = AgentOf(batch.id.agent, now_unix_ns);
  if (agent == nullptr) return;
  agent->heard_unix_ns = std::max(agent->heard_unix_ns, now_unix_ns);
  agent->clock.AddInterval(batch.interval_start_unix_ns, batch.interval_end_unix_ns, now_unix_ns);
  NoteBatch(batch, agent);
}

void HostBoard::Refuse(const proto::Uuid& uuid, const std::string& reason, uint64_t now_unix_ns) {
  const std::lock_guard lock(mutex_);
  Agent* const agent = AgentOf(uuid, now_unix_ns);
  if (agent == nullptr) return;
  agent->refused_unix_ns = now_unix_ns;
  agent->refusal = Clean(reason.substr(0, kMaxRefusalBytes));
}

void HostBoard::Look(const AppliedSets& applied, uint64_t now_unix_ns) {
  const std::lock_guard lock(mutex_);
  for (auto it = agents_.begin(); it != agents_.end();) {
    const uint64_t silent_ns = Since(it->second.LastSeen(now_unix_ns), now_unix_ns);
    const bool is_stranger = it->second.newest_end_unix_ns == 0;
    const bool is_over = silent_ns > (is_stranger ? kForgetStrangerNs : kForgetNs);
    it->second.missing_batches = 0;
    it = is_over ? agents_.erase(it) : std::next(it);
  }
  for (const auto& [key, entry] : applied.entries()) {
    const auto found = agents_.find(key.first);
    if (found == agents_.end()) continue;
    found->second.missing_batches += MissingIn(entry.set);
  }
  for (auto& [uuid, agent] : agents_) {
    if (!agent.greeted_next_sequence) continue;
    const AppliedSet* const set = applied.Find(uuid, agent.greeted_epoch);
    const uint64_t next = set == nullptr ? 1 : set->Last() + 1;
    agent.backlog_batches = Since(next, *agent.greeted_next_sequence);
  }
}

uint64_t HostBoard::Agent::LastSeen(uint64_t now_unix_ns) const {
  const uint64_t heard = std::max(heard_unix_ns, refused_unix_ns);
  if (heard != 0) return heard;
  return std::min(newest_end_unix_ns, now_unix_ns);  // of the archive, by its own clock
}

std::optional<uint64_t> HostBoard::LagOf(const Agent& agent, uint64_t now_unix_ns) const {
  if (agent.newest_end_unix_ns == 0) return std::nullopt;
  const uint64_t ours =
      HostClocks::Shift(agent.newest_end_unix_ns, -agent.clock.ahead_ns().value_or(0));
  return Since(ours, now_unix_ns);
}

// Known from the archive only, and we have not been there for long enough to miss it.
bool HostBoard::IsWaitedFor(const Agent& agent, uint64_t now_unix_ns) const {
  return agent.heard_unix_ns == 0 && agent.refused_unix_ns == 0 &&
         Since(begun_unix_ns_, now_unix_ns) <= missing_ns_;
}

HostState HostBoard::StateOf(const Agent& agent, uint64_t now_unix_ns) const {
  if (IsWaitedFor(agent, now_unix_ns)) return HostState::kLate;
  if (Since(agent.LastSeen(now_unix_ns), now_unix_ns) > missing_ns_) return HostState::kMissing;
  if (agent.refused_unix_ns > agent.heard_unix_ns) return HostState::kRefused;
  const std::optional<uint64_t> lag_ns = LagOf(agent, now_unix_ns);
  const bool is_late = !lag_ns || *lag_ns > kLateNs || agent.heard_unix_ns == 0;
  return is_late ? HostState::kLate : HostState::kOk;
}

HostRow HostBoard::RowOf(const proto::Uuid& uuid, const Agent& agent, uint64_t now_unix_ns) const {
  HostRow row;
  row.agent = uuid;
  row.host = agent.host;
  row.state = StateOf(agent, now_unix_ns);
  row.is_heard = agent.heard_unix_ns != 0;
  row.first_seen_unix_ns = agent.first_seen_unix_ns;
  row.last_seen_unix_ns = agent.LastSeen(now_unix_ns);
  row.lag_ns = LagOf(agent, now_unix_ns);
  row.clock_ahead_ns = agent.clock.ahead_ns();
  row.software_version = agent.software_version;
  row.wire_version = agent.wire_version;
  row.spool_bytes = agent.spool_bytes;
  row.backlog_batches = agent.backlog_batches;
  row.missing_batches = agent.missing_batches;
  if (row.state == HostState::kRefused) row.refusal = agent.refusal;
  return row;
}

std::vector<HostRow> HostBoard::Rows(uint64_t now_unix_ns, uint64_t* left_out) const {
  const std::lock_guard lock(mutex_);
  std::vector<HostRow> rows;
  rows.reserve(agents_.size());
  for (const auto& [uuid, agent] : agents_) rows.push_back(RowOf(uuid, agent, now_unix_ns));
  std::stable_sort(rows.begin(), rows.end(),
                   [](const HostRow& a, const HostRow& b) { return a.host < b.host; });
  *left_out = left_out_;
  return rows;
}

}  // namespace ringside::aggregator
