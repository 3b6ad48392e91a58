#include "agent/timing_sample.h"

#include <algorithm>
#include <utility>

namespace ringside::agent {

using proto::TimingRecord;

void TimingSample::Add(const TimingRecord* records, size_t count, uint32_t budget) {
  if (seen_ == 0) budget_ = budget;
  if (budget_ == 0) return;
  if (seen_ + count <= budget_) {
    all_.insert(all_.end(), records, records + count);
    seen_ += count;
    return;
  }
  if (spread_.empty()) Choose();
  for (size_t i = 0; i < count; ++i) {
    const uint64_t ordinal = seen_++;
    // Most are neither: two comparisons each.
    const bool is_slow =
        slowest_.size() < budget_ || records[i].value > slowest_.front().record.value;
    if (is_slow || ordinal % stride_ == 0) Keep({ordinal, records[i]});
  }
}

// They do not fit any more: what was kept so far goes through the choice as well.
void TimingSample::Choose() {
  slowest_.reserve(budget_);
  for (size_t i = 0; i < all_.size(); ++i) Keep({i, all_[i]});
  all_.clear();
}

bool TimingSample::IsSlower(const Kept& a, const Kept& b) {
  return a.record.value > b.record.value;
}

void TimingSample::Keep(const Kept& kept) {
  if (slowest_.size() < budget_) {
    slowest_.push_back(kept);
    std::push_heap(slowest_.begin(), slowest_.end(), IsSlower);
  } else if (kept.record.value > slowest_.front().record.value) {
    std::pop_heap(slowest_.begin(), slowest_.end(), IsSlower);
    slowest_.back() = kept;
    std::push_heap(slowest_.begin(), slowest_.end(), IsSlower);
  }
  if (kept.ordinal % stride_ != 0) return;
  spread_.push_back(kept);
  if (spread_.size() <= std::max<size_t>(budget_ / 2, 1)) return;
  stride_ *= 2;
  std::erase_if(spread_, [&](const Kept& one) { return one.ordinal % stride_ != 0; });
}

std::vector<TimingRecord> TimingSample::Take() {
  std::vector<TimingRecord> taken = std::exchange(all_, {});
  if (!spread_.empty()) {
    // The slowest fill what the spread leaves of the budget.
    std::sort(slowest_.begin(), slowest_.end(), IsSlower);
    const auto is_spread = [&](const Kept& one) { return one.ordinal % stride_ == 0; };
    for (const Kept& one : slowest_) {
      if (spread_.size() >= budget_) break;
      if (!is_spread(one)) spread_.push_back(one);
    }
    std::sort(spread_.begin(), spread_.end(),
              [](const Kept& a, const Kept& b) { return a.ordinal < b.ordinal; });
    for (const Kept& one : spread_) taken.push_back(one.record);
  }
  *this = TimingSample();
  return taken;
}

}  // namespace ringside::agent
