#include "aggregator/refused_agents.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "aggregator/utc_time.h"
#include "proto/wire_format.h"

namespace ringside::aggregator {

void RefusedAgents::Note(const proto::Uuid& agent, const std::string& version,
                         uint64_t now_unix_ns) {
  const std::lock_guard lock(mutex_);
  std::pair<proto::Uuid, std::string> key(agent, version);
  if (refused_.size() >= kMost && !refused_.contains(key)) {
    refused_.erase(
        std::min_element(refused_.begin(), refused_.end(), [](const auto& a, const auto& b) {
          return a.second.last_unix_ns < b.second.last_unix_ns;
        }));
  }
  Refused& refused = refused_[std::move(key)];
  ++refused.frames;
  refused.last_unix_ns = now_unix_ns;
}

std::map<std::string, uint64_t> RefusedAgents::Count(uint64_t now_unix_ns) const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, uint64_t> counts;
  for (const auto& [key, refused] : refused_) {
    if (refused.last_unix_ns + kKeepNs >= now_unix_ns) ++counts[key.second];
  }
  return counts;
}

nlohmann::json RefusedAgents::ToJson(uint64_t now_unix_ns) const {
  const std::lock_guard lock(mutex_);
  nlohmann::json rows = nlohmann::json::array();
  for (const auto& [key, refused] : refused_) {
    if (refused.last_unix_ns + kKeepNs < now_unix_ns) continue;
    rows.push_back(
        {{"agent", proto::ToString(key.first)},
         {"wire_version", key.second},
         {"here", std::to_string(proto::kWireMajor) + "." + std::to_string(proto::kWireMinor)},
         {"frames", refused.frames},
         {"last_seen", FormatUtc(refused.last_unix_ns)}});
  }
  return rows;
}

}  // namespace ringside::aggregator
