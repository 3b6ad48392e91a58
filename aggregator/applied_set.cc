#include "aggregator/applied_set.h"

#include <algorithm>
#include <iterator>

namespace ringside::aggregator {

bool AppliedSet::Contains(uint64_t sequence) const {
  if (sequence <= contiguous_) return true;
  auto after = ranges_.upper_bound(sequence);
  return after != ranges_.begin() && std::prev(after)->second >= sequence;
}

bool AppliedSet::HasRoomFor(uint64_t sequence) const {
  if (ranges_.size() < kMaxRanges || sequence == contiguous_ + 1 || Contains(sequence)) return true;
  auto after = ranges_.upper_bound(sequence);
  if (after != ranges_.end() && after->first == sequence + 1) return true;
  return after != ranges_.begin() && std::prev(after)->second + 1 == sequence;
}

bool AppliedSet::Add(uint64_t sequence) {
  if (Contains(sequence)) return false;
  AddRange(sequence, sequence);
  return true;
}

void AppliedSet::AddRange(uint64_t first, uint64_t last) {
  first = std::max(first, contiguous_ + 1);
  if (first == 0 || last < first) return;
  // Takes in every range that overlaps or touches [first, last].
  auto it = ranges_.upper_bound(first);
  if (it != ranges_.begin() && std::prev(it)->second + 1 >= first) --it;
  while (it != ranges_.end() && (last == UINT64_MAX || it->first <= last + 1)) {
    first = std::min(first, it->first);
    last = std::max(last, it->second);
    it = ranges_.erase(it);
  }
  if (first == contiguous_ + 1) {
    contiguous_ = last;
  } else {
    ranges_.emplace(first, last);
  }
}

void AppliedSet::Merge(const AppliedSet& other) {
  if (other.contiguous_ > 0) AddRange(1, other.contiguous_);
  for (const auto& [first, last] : other.ranges_) AddRange(first, last);
}

std::vector<std::pair<uint64_t, uint64_t>> AppliedSet::AllRanges() const {
  std::vector<std::pair<uint64_t, uint64_t>> all(ranges_.begin(), ranges_.end());
  if (contiguous_ != 0) all.insert(all.begin(), {1, contiguous_});
  return all;
}

bool AppliedSet::Includes(const AppliedSet& other) const {
  for (const auto& [first, last] : other.AllRanges()) {
    if (last <= contiguous_) continue;
    auto after = ranges_.upper_bound(first);
    if (after == ranges_.begin() || std::prev(after)->second < last) return false;
  }
  return true;
}

bool AppliedSet::Overlaps(const AppliedSet& other) const {
  for (const auto& [first, last] : other.AllRanges()) {
    if (first <= contiguous_) return true;
    auto after = ranges_.upper_bound(last);
    if (after != ranges_.begin() && std::prev(after)->second >= first) return true;
  }
  return false;
}

uint64_t AppliedSet::First() const {
  if (contiguous_ != 0) return 1;
  return ranges_.empty() ? 0 : ranges_.begin()->first;
}

uint64_t AppliedSet::Last() const {
  return ranges_.empty() ? contiguous_ : ranges_.rbegin()->second;
}

const AppliedSet* AppliedSets::Find(const proto::Uuid& agent, uint64_t epoch) const {
  const auto found = entries_.find({agent, epoch});
  return found == entries_.end() ? nullptr : &found->second.set;
}

bool AppliedSets::Contains(const proto::BatchId& id) const {
  const auto found = entries_.find({id.agent, id.epoch});
  return found != entries_.end() && found->second.set.Contains(id.sequence);
}

bool AppliedSets::HasRoomFor(const proto::BatchId& id) const {
  const auto found = entries_.find({id.agent, id.epoch});
  if (found == entries_.end()) return entries_.size() < kMaxEpochs;
  return found->second.set.HasRoomFor(id.sequence);
}

bool AppliedSets::Add(const proto::BatchId& id, uint64_t now_unix_ns) {
  Entry& entry = entries_[{id.agent, id.epoch}];
  entry.active_unix_ns = std::max(entry.active_unix_ns, now_unix_ns);
  return entry.set.Add(id.sequence);
}

uint64_t AppliedSets::Contiguous(const proto::Uuid& agent, uint64_t epoch) const {
  const auto found = entries_.find({agent, epoch});
  return found == entries_.end() ? 0 : found->second.set.Contiguous();
}

void AppliedSets::Merge(const AppliedSets& other) {
  for (const auto& [key, entry] : other.entries_) Restore(key, entry);
}

void AppliedSets::Restore(const Key& key, const Entry& entry) {
  auto [found, is_new] = entries_.try_emplace(key, entry);
  if (is_new) return;
  found->second.set.Merge(entry.set);
  found->second.active_unix_ns = std::max(found->second.active_unix_ns, entry.active_unix_ns);
}

size_t AppliedSets::CloseIdle(uint64_t now_unix_ns, const AppliedSets& in_use) {
  std::map<proto::Uuid, uint64_t> newest;  // by agent
  for (const auto& [key, entry] : entries_) {
    uint64_t& active = newest[key.first];
    active = std::max(active, entry.active_unix_ns);
  }
  return std::erase_if(entries_, [&](const auto& row) {
    const uint64_t active = row.second.active_unix_ns;
    return active < newest[row.first.first] && active + kCloseAfterNs < now_unix_ns &&
           !in_use.entries_.contains(row.first);
  });
}

size_t AppliedSets::LetGoIdlest(uint64_t now_unix_ns, const AppliedSets& in_use) {
  std::vector<std::pair<uint64_t, Key>> idle;
  for (const auto& [key, entry] : entries_) {
    if (entry.active_unix_ns + kLetGoAfterNs >= now_unix_ns || in_use.entries_.contains(key)) {
      continue;
    }
    idle.emplace_back(entry.active_unix_ns, key);
  }
  if (idle.size() > kLetGoAtOnce) {
    const auto last = idle.begin() + kLetGoAtOnce;
    std::nth_element(idle.begin(), last, idle.end());
    idle.erase(last, idle.end());
  }
  for (const auto& [active, key] : idle) entries_.erase(key);
  return idle.size();
}

}  // namespace ringside::aggregator
