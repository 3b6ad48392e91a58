#include "agent/timing_sample.h"

#include <algorithm>

namespace ringside::agent {

using proto::TimingRecord;

uint64_t TimingSample::Wanted(uint64_t count, uint32_t budget) const {
  if (budget == 0) return 0;
  const uint64_t most = seen_ == 0 ? budget : budget_;
  return seen_ + count <= kWholeBudgets * most ? count : std::min(count, most);
}

void TimingSample::Add(const TimingRecord* records, size_t count, uint32_t budget,
                       uint64_t weight) {
  if (budget == 0) return;
  if (seen_ == 0) budget_ = budget;
  if (weight == 1 && seen_ + count <= budget_) {
    Append(records, count);
    seen_ += count;
    return;
  }
  if (spread_.empty()) Choose();
  for (size_t i = 0; i < count; ++i, seen_ += weight) {
    // Most are neither: two comparisons each.
    const bool is_slow =
        slowest_.size() < budget_ || records[i].value > slowest_.front().record.value;
    const uint64_t turn = (seen_ + stride_ - 1) & ~(stride_ - 1);
    const bool is_turn = turn < seen_ + weight;
    if (is_slow || is_turn) Keep({is_turn ? turn : seen_, records[i]});
  }
}

void TimingSample::Append(const TimingRecord* records, size_t count) {
  while (count > 0) {
    if (pages_used_ == 0 || pages_[pages_used_ - 1].size() == pages_[pages_used_ - 1].capacity()) {
      if (pages_used_ == pages_.size()) {
        pages_.emplace_back();
        pages_.back().reserve(std::min<size_t>(budget_, kPageRecords));
      }
      ++pages_used_;
    }
    Page& page = pages_[pages_used_ - 1];
    const size_t piece = std::min(count, page.capacity() - page.size());
    page.insert(page.end(), records, records + piece);
    records += piece;
    count -= piece;
  }
}

void TimingSample::Reset() {
  pages_.resize(pages_used_);
  for (Page& page : pages_) page.clear();
  pages_used_ = 0;
  spread_.clear();
  slowest_.clear();
  seen_ = 0;
  stride_ = 1;
  budget_ = 0;
}

// They do not fit any more: what was kept so far goes through the choice as well.
void TimingSample::Choose() {
  slowest_.reserve(budget_);
  uint64_t ordinal = 0;
  for (const Page& page : pages_) {
    for (const TimingRecord& record : page) Keep({ordinal++, record});
  }
  pages_.clear();
  pages_used_ = 0;
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
  if ((kept.ordinal & (stride_ - 1)) != 0) return;
  spread_.push_back(kept);
  if (spread_.size() <= std::max<size_t>(budget_ / 2, 1)) return;
  stride_ *= 2;
  std::erase_if(spread_, [&](const Kept& one) { return (one.ordinal & (stride_ - 1)) != 0; });
}

// The slowest fill what the spread leaves of the budget.
void TimingSample::Settle() {
  if (spread_.empty()) return;
  std::sort(slowest_.begin(), slowest_.end(), IsSlower);
  for (const Kept& one : slowest_) {
    if (spread_.size() >= budget_) break;
    if ((one.ordinal & (stride_ - 1)) != 0) spread_.push_back(one);
  }
  slowest_.clear();
  std::sort(spread_.begin(), spread_.end(),
            [](const Kept& a, const Kept& b) { return a.ordinal < b.ordinal; });
}

}  // namespace ringside::agent
