#include "aggregator/tier_pressure.h"

#include <algorithm>

namespace ringside::aggregator {
namespace {

// In this order each tier gives way as far as to `least_ns`. What is kept to the last is what
// people look at: seconds of the last moments, hours of history. The last steps are for a fleet
// whose series alone nearly fill the memory.
struct Step {
  size_t tier;
  uint64_t least_ns;
};
constexpr Step kSteps[] = {{0, kMinuteNs},      {1, 10 * kMinuteNs}, {2, 2 * kHourNs},
                           {0, 10 * kSecondNs}, {1, kMinuteNs},      {2, kHourNs},
                           {3, 2 * kHourNs},    {2, 10 * kMinuteNs}, {1, 10 * kSecondNs},
                           {3, 10 * kMinuteNs}, {0, kSecondNs},      {2, kMinuteNs},
                           {3, kMinuteNs}};

}  // namespace

bool TierPressure::Tighten(const std::array<uint64_t, kTierCount>& held_ns) {
  for (const auto& [tier, least_ns] : kSteps) {
    uint64_t& age = ages_.max_age_ns[tier];
    const uint64_t held = age == 0 ? held_ns[tier] : std::min(age, held_ns[tier]);
    if (held <= least_ns) continue;
    age = std::max(least_ns, held - held / 8);
    return true;
  }
  return false;
}

void TierPressure::Relax() {
  for (size_t tier = 0; tier < kTierCount; ++tier) {
    const uint64_t most = configured_.max_age_ns[tier];
    uint64_t& age = ages_.max_age_ns[tier];
    if (age == most) continue;
    age += age / 8 + 1;
    if (most != 0) age = std::min(age, most);
  }
}

}  // namespace ringside::aggregator
