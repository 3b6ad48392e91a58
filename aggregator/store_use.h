// What the store holds at the moment, and in how much memory: for /api/v1/store, /metrics, the log.
#ifndef RINGSIDE_AGGREGATOR_STORE_USE_H_
#define RINGSIDE_AGGREGATOR_STORE_USE_H_

#include <array>
#include <cstdint>

#include <nlohmann/json_fwd.hpp>

#include "aggregator/store_tiers.h"

namespace ringside::aggregator {

struct StoreUse {
  struct Tier {
    uint64_t from_unix_ns = 0;  // start of the oldest interval held; 0: none
    uint64_t max_age_ns = 0;    // what is older moves on (from the last: goes); 0: never
    uint64_t intervals = 0;
    uint64_t bytes = 0;
  };

  uint64_t limit_bytes = 0;  // 0: none
  uint64_t bytes = 0;        // accounted, the allocator's own included
  uint64_t last_closed_unix_ns = 0;
  std::array<Tier, kTierCount> tiers;
  uint64_t series = 0;
  uint64_t series_bytes = 0;  // without their intervals
  uint64_t series_limit_bytes = 0;
  uint64_t requests = 0;
  uint64_t request_bytes = 0;
  uint64_t coverage_bytes = 0;
  uint64_t overflowed_samples = 0;  // counted in overflow series instead of their own
  uint64_t folded_series = 0;       // idle ones that were merged into overflow series
  uint64_t too_old = 0;             // intervals that came when their time was not held any more
};

nlohmann::ordered_json ToJson(const StoreUse& use);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_STORE_USE_H_
