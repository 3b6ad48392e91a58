#include "aggregator/store_tiers.h"

#include <algorithm>
#include <limits>

namespace ringside::aggregator {
namespace {

constexpr uint64_t kEver = std::numeric_limits<uint64_t>::max();

// Sums up intervals that become one: decoded once, however many there are.
class Bucket {
 public:
  explicit Bucket(MergeRule rule) : rule_(rule) {}

  bool empty() const { return count_ == 0; }
  void Add(const IntervalView& interval) {
    if (++count_ == 1) {
      first_ = StoredInterval::CopyOf(interval);
      return;
    }
    if (count_ == 2) {
      sum_ = EmptyDistribution(first_.resolution);
      first_.AddTo(&sum_);
    }
    interval.AddTo(&sum_);
    first_.start_unix_ns = std::min(first_.start_unix_ns, interval.start_unix_ns);
    first_.end_unix_ns = std::max(first_.end_unix_ns, interval.end_unix_ns);
  }
  StoredInterval Take() {
    StoredInterval taken =
        count_ == 1 ? std::move(first_)
                    : StoredInterval::From(sum_, first_.start_unix_ns, first_.end_unix_ns);
    count_ = 0;
    if (rule_ == MergeRule::kCoverage) {
      const auto most = static_cast<proto::Int128>(taken.end_unix_ns - taken.start_unix_ns);
      taken.sum = std::min(taken.sum, most);
    }
    return taken;
  }

 private:
  const MergeRule rule_;
  size_t count_ = 0;
  StoredInterval first_;
  proto::Distribution sum_;
};

uint64_t AgeOf(uint64_t end, uint64_t now) { return now > end ? now - end : 0; }

}  // namespace

bool TierAges::KeepsAll() const {
  return std::all_of(max_age_ns.begin(), max_age_ns.end(), [](uint64_t age) { return age == 0; });
}

bool Tiers::Add(const IntervalView& interval, const TierAges& ages, uint64_t now, TierUse* use) {
  const size_t tier = ages.TierOf(AgeOf(interval.end_unix_ns, now));
  if (tier == kTierCount) return false;
  Insert(tier, interval, use);
  return true;
}

void Tiers::Compact(const TierAges& ages, uint64_t now, TierUse* use) {
  for (size_t tier = 0; tier < kTierCount; ++tier) {
    const uint64_t max_age = ages.max_age_ns[tier];
    if (max_age == 0 || now <= max_age || tiers_[tier].empty()) continue;
    const uint64_t next_width = tier + 1 < kTierCount ? kTierWidthNs[tier + 1] : 1;
    // Kept for less than such a bucket, intervals cannot wait until it is whole.
    const uint64_t width = max_age < next_width ? kTierWidthNs[tier] : next_width;
    MoveUpTo((now - max_age) / width * width, tier, use);
  }
}

void Tiers::MoveUpTo(uint64_t cut, size_t tier, TierUse* use) {
  if (tier + 1 == kTierCount) {
    tiers_[tier].TakeUpTo(cut, &(*use)[tier], [](const IntervalView&) {});
    return;
  }
  const uint64_t width = kTierWidthNs[tier + 1];
  Bucket bucket(rule_);
  uint64_t bucket_end = 0;
  const auto flush = [&] {
    if (!bucket.empty()) Insert(tier + 1, bucket.Take().View(), use);
  };
  tiers_[tier].TakeUpTo(cut, &(*use)[tier], [&](const IntervalView& interval) {
    if (interval.end_unix_ns > bucket_end) {
      flush();
      bucket_end = (interval.end_unix_ns + width - 1) / width * width;
    }
    bucket.Add(interval);
  });
  flush();
}

void Tiers::MoveTo(Tiers* other, TierUse* use) {
  for (size_t tier = 0; tier < kTierCount; ++tier) {
    tiers_[tier].TakeUpTo(kEver, &(*use)[tier], [&](const IntervalView& interval) {
      other->Insert(tier, interval, use);
    });
  }
}

bool Tiers::empty() const {
  return std::all_of(tiers_.begin(), tiers_.end(),
                     [](const IntervalLog& tier) { return tier.empty(); });
}

uint64_t Tiers::NewestEnd() const {
  uint64_t newest = 0;
  for (const IntervalLog& tier : tiers_) newest = std::max(newest, tier.last_end());
  return newest;
}

}  // namespace ringside::aggregator
