// One limit of memory for the whole aggregator, and what of it each part may take.
// docs/aggregator-memory.md.
#ifndef RINGSIDE_AGGREGATOR_MEMORY_PLAN_H_
#define RINGSIDE_AGGREGATOR_MEMORY_PLAN_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "aggregator/store.h"
#include "proto/wire_limits.h"

namespace ringside::aggregator {

struct MemoryPlan {
  static constexpr uint64_t kDefault = uint64_t{512} << 20;
  static constexpr uint64_t kLeast = uint64_t{64} << 20;

  uint64_t limit = kDefault;

  // Series, their intervals, requests: to begin with; MemoryGuard follows what is really used.
  uint64_t store() const { return limit / 10 * 6; }
  uint64_t least_store() const { return limit / 10 * 4; }
  uint64_t most_store() const { return limit / 10 * 9; }
  uint64_t series() const { return limit / 5; }
  uint64_t overflow_series() const { return limit / 64; }
  uint64_t requests() const { return limit / 8; }
  uint64_t in_flight() const { return limit / 16; }
  // Producers in the ledger.
  size_t producers() const { return static_cast<size_t>(limit / 16 / kProducerBytes); }
  // Series numbered in the archive's file at hand.
  size_t numbered_series() const { return static_cast<size_t>(limit / 16 / kNumberedBytes); }
  // Frames at hand, in two groups; decoded, a series takes 192 B beside its frame.
  size_t group() const { return static_cast<size_t>(std::min<uint64_t>(limit / 512, 8 << 20)); }
  // Names of series that are read once for all batches; and what one batch may become in memory.
  size_t keys() const { return static_cast<size_t>(limit / 64); }
  size_t batch() const {
    return static_cast<size_t>(std::min<uint64_t>(limit / 8, proto::kMaxDecodedBytes));
  }
  // Batches merged at a time for the archive's copies.
  size_t copies() const { return static_cast<size_t>(std::min<uint64_t>(limit / 8, 192 << 20)); }

  StoreOptions ForStore() const {
    StoreOptions options;
    options.limit_bytes = store();
    options.series_bytes = series();
    options.overflow_bytes = overflow_series();
    options.max_request_bytes = static_cast<size_t>(requests());
    return options;
  }

 private:
  static constexpr uint64_t kProducerBytes = 768;
  static constexpr uint64_t kNumberedBytes = 104;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_MEMORY_PLAN_H_
