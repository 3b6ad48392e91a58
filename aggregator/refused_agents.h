// Agents that are not taken in because they speak another major version of the wire: what they have
// is in nobody's statistics, so the ledger names them. Forgotten when they have been silent for a
// while. Thread-safe, bounded.
#ifndef RINGSIDE_AGGREGATOR_REFUSED_AGENTS_H_
#define RINGSIDE_AGGREGATOR_REFUSED_AGENTS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include <nlohmann/json_fwd.hpp>

#include "proto/uuid.h"

namespace ringside::aggregator {

class RefusedAgents {
 public:
  static constexpr size_t kMost = 256;  // beyond: the one that was silent longest makes room
  static constexpr uint64_t kKeepNs = 600ull * 1000000000ull;

  // `agent` is what stands where this version has the agent's name: a guess. `version`: "2.0".
  void Note(const proto::Uuid& agent, const std::string& version, uint64_t now_unix_ns);
  // By version, how many.
  std::map<std::string, uint64_t> Count(uint64_t now_unix_ns) const;
  // [{"agent", "wire_version", "here", "frames", "last_seen"}]
  nlohmann::json ToJson(uint64_t now_unix_ns) const;

 private:
  struct Refused {
    uint64_t frames = 0;
    uint64_t last_unix_ns = 0;
  };

  mutable std::mutex mutex_;
  std::map<std::pair<proto::Uuid, std::string>, Refused> refused_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_REFUSED_AGENTS_H_
