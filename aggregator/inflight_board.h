// What all workers are doing now: the newest message of each agent, dropped when it is old. Nothing
// of it is archived.
//
// Take is called by the aggregator's thread, Answer by any.
#ifndef RINGSIDE_AGGREGATOR_INFLIGHT_BOARD_H_
#define RINGSIDE_AGGREGATOR_INFLIGHT_BOARD_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/query.h"
#include "aggregator/stuck_limits.h"
#include "proto/inflight.h"
#include "proto/status.h"

namespace ringside::aggregator {

class Store;

struct InFlightRequest {
  Selector selector;
  size_t limit = 0;  // 0: all
};

// Parameters: name, where (k=v or k!=v; repeatable), limit. Messages name the parameter.
proto::Result<InFlightRequest> ParseInFlightRequest(const Parameters& parameters);

class InFlightBoard {
 public:
  static constexpr uint64_t kLifeNs = 10'000'000'000;
  static constexpr size_t kMostAgents = 1024;
  static constexpr double kDefaultStuckFactor = 10;

  static constexpr size_t kDefaultBytes = size_t{32} << 20;

  // Beyond `most_bytes` an agent's rows are left out; its counts stay.
  InFlightBoard(const Store* store, double stuck_factor, size_t most_bytes = kDefaultBytes)
      : limits_(store, stuck_factor), most_bytes_(most_bytes) {}

  // Takes the place of the agent's last one. Returns the limits of what it names, for the agent.
  proto::InFlightLimits Take(proto::InFlight message, uint64_t now_unix_ns);

  // {"agents": [{"host", "sampled_ago", "operations", "requests", "omitted"}], "rows": [...]}: the
  // oldest first.
  Json Answer(const InFlightRequest& request, uint64_t now_unix_ns) const;

 private:
  struct Entry {
    proto::InFlightRow row;
    std::optional<proto::StuckLimit> whole;  // of the operation
    std::optional<proto::StuckLimit> stage;  // of the request's stage
  };
  struct Agent {
    std::string host;
    uint64_t taken_unix_ns = 0;
    uint64_t operations = 0;
    uint64_t requests = 0;
    size_t bytes = 0;  // of the entries
    std::vector<Entry> entries;
  };
  struct Found;

  static Json ToJson(const Found& found);
  static size_t BytesOf(const Entry& entry);
  void DropOld(uint64_t now_unix_ns);
  void Keep(const proto::Uuid& uuid, Agent agent);

  StuckLimits limits_;  // the aggregator's thread only
  const size_t most_bytes_;
  mutable std::mutex mutex_;
  size_t bytes_ = 0;  // of all entries
  std::map<proto::Uuid, Agent> agents_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_INFLIGHT_BOARD_H_
