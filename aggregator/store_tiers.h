// Intervals of one series in tiers: fine ones first, then merged into coarser ones with age.
//
// An interval belongs to the bucket of a tier that holds its end: bucket n of width w holds ends in
// ((n-1)w, nw]. Merging is exact; only time resolution is given up. An interval that comes late
// goes to the tier of its age, into the bucket that may already be there. Not thread-safe.
#ifndef RINGSIDE_AGGREGATOR_STORE_TIERS_H_
#define RINGSIDE_AGGREGATOR_STORE_TIERS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "aggregator/interval_log.h"

namespace ringside::aggregator {

inline constexpr uint64_t kSecondNs = 1'000'000'000;
inline constexpr uint64_t kMinuteNs = 60 * kSecondNs;
inline constexpr uint64_t kHourNs = 60 * kMinuteNs;
inline constexpr uint64_t kDayNs = 24 * kHourNs;

inline constexpr size_t kTierCount = 4;
// Tier 0 keeps intervals as they came (1 s by default); its width is never used for merging.
inline constexpr std::array<uint64_t, kTierCount> kTierWidthNs = {kSecondNs, 10 * kSecondNs,
                                                                  kMinuteNs, kHourNs};
inline constexpr std::array<const char*, kTierCount> kTierNames = {"1s", "10s", "1m", "1h"};

// An interval moves on to the next tier when it is older than this; beyond the last it is dropped.
// Zero: kept for good.
struct TierAges {
  std::array<uint64_t, kTierCount> max_age_ns = {15 * kMinuteNs, 2 * kHourNs, kDayNs, 30 * kDayNs};

  // For archives: everything stays as it came.
  static TierAges Unlimited() { return TierAges{{0, 0, 0, 0}}; }
  bool KeepsAll() const;

  // The tier for an interval of this age; kTierCount when it is too old to be kept.
  size_t TierOf(uint64_t age_ns) const {
    size_t tier = 0;
    while (tier < kTierCount && max_age_ns[tier] != 0 && age_ns > max_age_ns[tier]) ++tier;
    return tier;
  }
};

using TierUse = std::array<LogUse, kTierCount>;

class Tiers {
 public:
  explicit Tiers(MergeRule rule = MergeRule::kSamples) : rule_(rule) {}

  // `now`: what ages are measured from. False when the interval is too old to be kept.
  bool Add(const IntervalView& interval, const TierAges& ages, uint64_t now, TierUse* use);
  // Moves what has become too old for its tier: whole buckets of the next tier, so that windows do
  // not see one half in one tier and half in the other, unless a tier keeps less than a bucket.
  void Compact(const TierAges& ages, uint64_t now, TierUse* use);
  // Everything goes into the others, tier by tier.
  void MoveTo(Tiers* other, TierUse* use);

  // Visits intervals whose end is in (from, to], tier by tier.
  template <typename Visitor>
  void Visit(uint64_t from, uint64_t to, Visitor&& visitor) const {
    for (const IntervalLog& tier : tiers_) tier.Visit(from, to, visitor);
  }

  // All of it, into empty ones (checkpoint.h).
  void Save(StateWriter* out) const {
    for (const IntervalLog& tier : tiers_) tier.Save(out);
  }
  void Load(StateReader* in, TierUse* use) {
    for (size_t tier = 0; tier < kTierCount; ++tier) tiers_[tier].Load(in, &(*use)[tier]);
  }

  // Asks for the memory that the next interval will touch.
  void Prefetch() const { tiers_[0].Prefetch(); }

  bool empty() const;
  // 0 when empty.
  uint64_t NewestEnd() const;
  const IntervalLog& tier(size_t index) const { return tiers_[index]; }

 private:
  void MoveUpTo(uint64_t cut, size_t tier, TierUse* use);
  void Insert(size_t tier, const IntervalView& interval, TierUse* use) {
    tiers_[tier].Insert(interval, tier == 0 ? 0 : kTierWidthNs[tier], rule_, &(*use)[tier]);
  }

  const MergeRule rule_;
  std::array<IntervalLog, kTierCount> tiers_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_STORE_TIERS_H_
