// How long each tier of the store keeps its intervals while memory is short: never longer than
// configured. The finest gives way first, so that time resolution goes before history; only when
// all are short does the oldest of the coarsest go. Not thread-safe: the store's lock covers it.
#ifndef RINGSIDE_AGGREGATOR_TIER_PRESSURE_H_
#define RINGSIDE_AGGREGATOR_TIER_PRESSURE_H_

#include <array>
#include <cstdint>

#include "aggregator/store_tiers.h"

namespace ringside::aggregator {

class TierPressure {
 public:
  explicit TierPressure(const TierAges& configured) : configured_(configured), ages_(configured) {}

  const TierAges& ages() const { return ages_; }
  // Shortens one tier a little. `held_ns`: how far back each reaches at the moment. False when
  // none can be shorter.
  bool Tighten(const std::array<uint64_t, kTierCount>& held_ns);
  // There is room again: a little longer, all of them.
  void Relax();

 private:
  const TierAges configured_;
  TierAges ages_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_TIER_PRESSURE_H_
