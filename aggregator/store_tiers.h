// Intervals of one series in tiers: fine ones first, then merged into coarser ones with age.
//
// An interval belongs to the bucket of a tier that holds its end: bucket n of width w holds ends in
// ((n-1)w, nw]. Merging is exact; only time resolution is given up. An interval that comes late
// goes to the tier of its age, into the bucket that may already be there. Not thread-safe.
#ifndef RINGSIDE_AGGREGATOR_STORE_TIERS_H_
#define RINGSIDE_AGGREGATOR_STORE_TIERS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace ringside::aggregator {

inline constexpr uint64_t kSecondNs = 1'000'000'000;
inline constexpr uint64_t kMinuteNs = 60 * kSecondNs;
inline constexpr uint64_t kHourNs = 60 * kMinuteNs;
inline constexpr uint64_t kDayNs = 24 * kHourNs;

inline constexpr size_t kTierCount = 4;
// Tier 0 keeps intervals as they came (1 s by default); its width is never used for merging.
inline constexpr std::array<uint64_t, kTierCount> kTierWidthNs = {kSecondNs, 10 * kSecondNs,
                                                                  kMinuteNs, kHourNs};

// An interval moves on to the next tier when it is older than this; beyond the last it is dropped.
// Zero: kept for good.
struct TierAges {
  std::array<uint64_t, kTierCount> max_age_ns = {15 * kMinuteNs, 2 * kHourNs, kDayNs, 30 * kDayNs};

  // For archives: everything stays as it came.
  static TierAges Unlimited() { return TierAges{{0, 0, 0, 0}}; }

  // The tier for an interval of this age; kTierCount when it is too old to be kept.
  size_t TierOf(uint64_t age_ns) const {
    size_t tier = 0;
    while (tier < kTierCount && max_age_ns[tier] != 0 && age_ns > max_age_ns[tier]) ++tier;
    return tier;
  }
};

// Interval: has start_unix_ns, end_unix_ns and Merge(const Interval&).
template <typename Interval>
class Tiers {
 public:
  // `now`: what ages are measured from. False when the interval is too old to be kept.
  bool Add(Interval interval, const TierAges& ages, uint64_t now) {
    const size_t tier = ages.TierOf(AgeOf(interval.end_unix_ns, now));
    if (tier == kTierCount) return false;
    Insert(tier, std::move(interval));
    return true;
  }

  // Moves what has become too old for its tier. Only whole buckets of the next tier move, so that
  // windows never see one bucket half in one tier and half in the other.
  void Compact(const TierAges& ages, uint64_t now) {
    for (size_t tier = 0; tier < kTierCount; ++tier) {
      const uint64_t max_age = ages.max_age_ns[tier];
      if (max_age == 0 || now <= max_age) continue;
      const size_t next = tier + 1;
      const uint64_t width = next < kTierCount ? kTierWidthNs[next] : 1;
      const uint64_t cut = (now - max_age) / width * width;  // ends up to here move on
      std::vector<Interval>& from = tiers_[tier];
      auto first_kept = from.begin();
      while (first_kept != from.end() && first_kept->end_unix_ns <= cut) ++first_kept;
      if (next < kTierCount) {
        for (auto it = from.begin(); it != first_kept; ++it) Insert(next, std::move(*it));
      }
      from.erase(from.begin(), first_kept);
    }
  }

  // Visits intervals whose end is in (from, to], tier by tier.
  template <typename Visitor>
  void Visit(uint64_t from, uint64_t to, Visitor&& visitor) const {
    for (const std::vector<Interval>& tier : tiers_) {
      auto it = std::upper_bound(
          tier.begin(), tier.end(), from,
          [](uint64_t value, const Interval& interval) { return value < interval.end_unix_ns; });
      for (; it != tier.end() && it->end_unix_ns <= to; ++it) visitor(*it);
    }
  }

  size_t Size() const {
    size_t size = 0;
    for (const auto& tier : tiers_) size += tier.size();
    return size;
  }
  bool empty() const { return Size() == 0; }
  const std::vector<Interval>& tier(size_t index) const { return tiers_[index]; }

 private:
  static uint64_t AgeOf(uint64_t end, uint64_t now) { return now > end ? now - end : 0; }
  // In tier 0 every end is a bucket of its own.
  static uint64_t BucketOf(size_t tier, uint64_t end) {
    return tier == 0 ? end : (end + kTierWidthNs[tier] - 1) / kTierWidthNs[tier];
  }

  void Insert(size_t tier, Interval interval) {
    std::vector<Interval>& list = tiers_[tier];
    const uint64_t bucket = BucketOf(tier, interval.end_unix_ns);
    auto place = list.end();
    // Nearly always the newest: look from the end.
    while (place != list.begin() && BucketOf(tier, std::prev(place)->end_unix_ns) > bucket) --place;
    if (place != list.begin() && BucketOf(tier, std::prev(place)->end_unix_ns) == bucket) {
      std::prev(place)->Merge(interval);
    } else {
      list.insert(place, std::move(interval));
    }
  }

  std::array<std::vector<Interval>, kTierCount> tiers_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_STORE_TIERS_H_
