// What the board makes known of hosts: series for the store, and the clocks that differ.
#include <cmath>
#include <cstring>
#include <functional>
#include <utility>

#include <unistd.h>

#include "aggregator/host_board.h"

namespace ringside::aggregator {
namespace {

constexpr const char* kService = "ringside-aggregator";
constexpr int8_t kNanoResolution = -30;  // seconds in steps of about a nanosecond

proto::SeriesDelta Gauge(const char* path, const char* unit, int64_t value, uint64_t now_unix_ns) {
  proto::SeriesDelta series;
  proto::SeriesKey& key = series.key.Edit();
  key.path = path;
  key.kind = proto::Kind::kGauge;
  key.unit = unit;
  series.delta.Record(value, now_unix_ns);
  return series;
}

proto::SeriesDelta SecondsGauge(const char* path, int64_t ns, uint64_t now_unix_ns) {
  const double fixed = std::ldexp(static_cast<double>(ns) * 1e-9, -kNanoResolution);
  proto::SeriesDelta series = Gauge(path, "s", std::llround(fixed), now_unix_ns);
  proto::SeriesKey& key = series.key.Edit();
  key.resolution = series.delta.resolution = kNanoResolution;
  key.is_signed = true;
  return series;
}

// The same for a host as long as it is known: its series go on.
proto::Uuid ProducerOf(const std::string& host) {
  proto::Uuid uuid;
  const size_t hash = std::hash<std::string>{}(host);
  std::memcpy(uuid.bytes.data(), &hash, sizeof hash);
  return uuid;
}

}  // namespace

std::map<std::string, HostBoard::Host> HostBoard::Hosts(uint64_t now_unix_ns) const {
  std::map<std::string, Host> hosts;
  for (const auto& [uuid, agent] : agents_) {
    if (agent.host.empty() || IsWaitedFor(agent, now_unix_ns)) continue;
    Host& host = hosts[agent.host];
    const HostState state = StateOf(agent, now_unix_ns);
    host.is_up |= state == HostState::kOk || state == HostState::kLate;
    const std::optional<uint64_t> lag_ns = LagOf(agent, now_unix_ns);
    if (!lag_ns || *lag_ns >= host.lag_ns) continue;
    host.lag_ns = *lag_ns;
    host.nearest = &agent;
  }
  return hosts;
}

// By the host's own clock, as all that is known of it: a window that is counted back from now finds
// both (HostClocks).
std::vector<proto::Batch> HostBoard::Observe(uint64_t now_unix_ns) const {
  const std::lock_guard lock(mutex_);
  std::vector<proto::Batch> batches;
  const std::map<std::string, Host> hosts = Hosts(now_unix_ns);
  const HostClocks clocks = ClocksOf(hosts);
  for (const auto& [name, host] : hosts) {
    proto::Batch& batch = batches.emplace_back();
    batch.host = name;
    batch.interval_end_unix_ns = HostClocks::Shift(now_unix_ns, clocks.AheadNs(name));
    batch.interval_start_unix_ns = batch.interval_end_unix_ns - kSecondNs;
    proto::ProducerDelta& producer = batch.producers.emplace_back();
    producer.uuid = ProducerOf(name);
    producer.pid = static_cast<uint64_t>(getpid());
    producer.service = kService;
    producer.is_agent = true;
    producer.series.push_back(Gauge("agent.up", "1", host.is_up ? 1 : 0, now_unix_ns));
    if (host.nearest == nullptr) continue;
    producer.series.push_back(
        SecondsGauge("agent.lag", static_cast<int64_t>(host.lag_ns), now_unix_ns));
    const std::optional<int64_t> ahead_ns = host.nearest->clock.ahead_ns();
    if (!host.is_up || !ahead_ns) continue;
    producer.series.push_back(SecondsGauge("agent.clock.offset", *ahead_ns, now_unix_ns));
  }
  return batches;
}

HostClocks HostBoard::Clocks(uint64_t now_unix_ns) const {
  const std::lock_guard lock(mutex_);
  return ClocksOf(Hosts(now_unix_ns));
}

HostClocks HostBoard::ClocksOf(const std::map<std::string, Host>& hosts) {
  HostClocks clocks;
  for (const auto& [name, host] : hosts) {
    if (host.nearest == nullptr) continue;
    clocks.Set(name, host.nearest->clock.ahead_ns().value_or(0));
  }
  return clocks;
}

}  // namespace ringside::aggregator
