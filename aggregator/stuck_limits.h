// From what age on an operation counts as stuck: a factor of its own 99th percentile over the last
// hour, of all hosts and labels together, where enough samples are known.
//
// Owner: the aggregator's thread. A percentile is computed anew every half a minute at most.
#ifndef RINGSIDE_AGGREGATOR_STUCK_LIMITS_H_
#define RINGSIDE_AGGREGATOR_STUCK_LIMITS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "proto/inflight.h"

namespace ringside::aggregator {

class Store;

class StuckLimits {
 public:
  static constexpr uint64_t kYoungestNs = 5'000'000'000;  // nothing younger is stuck
  static constexpr uint64_t kWindowNs = 3600ull * 1'000'000'000;
  static constexpr uint64_t kFewestSamples = 100;
  static constexpr uint64_t kLifeNs = 30ull * 1'000'000'000;
  static constexpr size_t kMostPaths = 4096;
  // A turn must stay short: what is not looked up now is with the next message.
  static constexpr int kLookUpsPerTurn = 8;

  StuckLimits(const Store* store, double factor) : store_(store), factor_(factor) {}

  void BeginTurn() { look_ups_ = 0; }
  // Of the series of exactly this path. Absent: too few samples, or not looked up yet.
  std::optional<proto::StuckLimit> Find(const std::string& path, uint64_t now_unix_ns);

 private:
  struct Known {
    std::optional<proto::StuckLimit> limit;
    uint64_t computed_unix_ns = 0;
  };
  std::optional<proto::StuckLimit> Compute(const std::string& path, uint64_t now_unix_ns) const;

  const Store* const store_;
  const double factor_;
  int look_ups_ = 0;
  std::map<std::string, Known> known_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_STUCK_LIMITS_H_
