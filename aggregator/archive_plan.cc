#include "aggregator/archive_plan.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace ringside::aggregator {
namespace {

constexpr size_t kDateDigits = 8;

std::string DayOf(const ArchiveFileName& name) { return name.stem.substr(0, kDateDigits); }

class Planner {
 public:
  Planner(const std::vector<ArchiveEntry>& entries, const ArchivePolicy& policy, uint64_t now,
          const std::set<std::string>& left_alone)
      : entries_(entries), policy_(policy), now_(now), left_alone_(left_alone) {
    for (const ArchiveEntry& entry : entries) {
      const ArchiveFileName& name = entry.name;
      begun_.try_emplace(name.number, ArchiveFileUnixNs(name));
      bytes_[static_cast<size_t>(name.kind)] += entry.bytes;
      if (name.kind == ArchiveKind::kRaw) active_ = std::max(active_, name.number);
      // A file of both forms is dealt with first; until then it is left alone.
      if (!has_form_.emplace(name.stem, entry).second) twice_.insert(name.stem);
    }
  }

  std::vector<ArchiveStep> Plan() {
    DropPlain();
    RemoveCopied();
    RemoveOldest();
    RemoveDetail();
    Compress();
    for (const ArchiveKind kind :
         {ArchiveKind::kRaw, ArchiveKind::kTenSeconds, ArchiveKind::kMinute}) {
      Copy(kind);
    }
    return std::move(steps_);
  }

 private:
  bool IsClosed(const ArchiveFileName& name) const { return name.last < active_; }
  // When the last file that it stands for ended: when the next one was begun.
  uint64_t AgeOf(const ArchiveFileName& name) const {
    const auto next = begun_.find(name.last + 1);
    const uint64_t end = next == begun_.end() ? ArchiveFileUnixNs(name) : next->second;
    return now_ - std::min(now_, end);
  }
  bool IsOverBytes(ArchiveKind kind) const {
    return bytes_[static_cast<size_t>(kind)] > policy_.Of(kind).bytes;
  }
  bool IsTooMuch(const ArchiveFileName& name, ArchiveKind kind) const {
    return AgeOf(name) >= policy_.Of(kind).age_ns || IsOverBytes(kind);
  }
  bool HasCopy(const ArchiveFileName& name) const {
    return std::any_of(entries_.begin(), entries_.end(), [&](const ArchiveEntry& other) {
      return !IsDetail(other.name.kind) && other.name.kind > name.kind && other.name.Covers(name);
    });
  }
  std::vector<const ArchiveEntry*> Of(ArchiveKind kind) const {
    std::vector<const ArchiveEntry*> found;
    for (const ArchiveEntry& entry : entries_) {
      const bool is_first_form =
          has_form_.at(entry.name.stem).name.DiskName() == entry.name.DiskName();
      if (entry.name.kind == kind && IsClosed(entry.name) && is_first_form) found.push_back(&entry);
    }
    return found;
  }

  void DropPlain() {
    for (const ArchiveEntry& entry : entries_) {
      const bool is_plain = !entry.name.is_compressed && twice_.contains(entry.name.stem);
      if (!is_plain || !IsClosed(entry.name)) continue;
      steps_.push_back({ArchiveStep::Action::kDropPlain, entry.name.kind, {entry.name}});
    }
  }

  // All of one kind that a coarser file stands for goes together, oldest first.
  void RemoveCopied() {
    for (const ArchiveKind kind :
         {ArchiveKind::kRaw, ArchiveKind::kTenSeconds, ArchiveKind::kMinute}) {
      std::set<std::string> taken;
      for (const ArchiveEntry& copy : entries_) {
        if (IsDetail(copy.name.kind) || copy.name.kind <= kind || !IsTooMuch(copy.name, kind)) {
          continue;
        }
        ArchiveStep step{ArchiveStep::Action::kRemove, kind, {}};
        for (const ArchiveEntry* part : Of(kind)) {
          if (copy.name.Covers(part->name) && taken.insert(part->name.stem).second) {
            Take(*part, &step);
          }
        }
        if (!step.files.empty()) steps_.push_back(std::move(step));
      }
    }
  }

  // The beginning of the archive, in every form that it has.
  void RemoveOldest() {
    const ArchiveChoice choice = Choose(entries_, ArchiveView::kCoarsest);
    for (const ArchiveFileName& name : choice.statistics) {
      const bool is_old = AgeOf(name) > policy_.Of(ArchiveKind::kHour).age_ns;
      const bool is_too_much = name.kind == ArchiveKind::kHour && IsOverBytes(ArchiveKind::kHour);
      if (!IsClosed(name) || (!is_old && !is_too_much)) return;
      ArchiveStep step{ArchiveStep::Action::kRemove, name.kind, {}};
      for (const ArchiveEntry& part : entries_) {
        if (!IsDetail(part.name.kind) && name.Covers(part.name)) Take(part, &step);
      }
      steps_.push_back(std::move(step));
    }
  }

  void RemoveDetail() {
    for (const ArchiveKind kind : {ArchiveKind::kRequests, ArchiveKind::kTimings}) {
      ArchiveStep step{ArchiveStep::Action::kRemove, kind, {}};
      for (const ArchiveEntry* entry : Of(kind)) {
        if (IsTooMuch(entry->name, kind)) Take(*entry, &step);
      }
      if (!step.files.empty()) steps_.push_back(std::move(step));
    }
  }

  void Take(const ArchiveEntry& entry, ArchiveStep* step) {
    step->files.push_back(entry.name);
    uint64_t& bytes = bytes_[static_cast<size_t>(entry.name.kind)];
    bytes -= std::min(bytes, entry.bytes);
  }

  void Compress() {
    for (const ArchiveEntry* entry : Of(ArchiveKind::kRaw)) {
      if (entry->name.is_compressed || twice_.contains(entry->name.stem)) continue;
      steps_.push_back({ArchiveStep::Action::kCompress, ArchiveKind::kRaw, {entry->name}});
    }
  }

  void Copy(ArchiveKind kind) {
    std::vector<const ArchiveEntry*> wanted;
    for (const ArchiveEntry* entry : Of(kind)) {
      if (!HasCopy(entry->name)) wanted.push_back(entry);
    }
    const uint64_t least_age =
        IsOverBytes(kind) ? 0 : policy_.copy_after_ns[static_cast<size_t>(kind)];
    for (size_t begin = 0; begin < wanted.size();) {
      size_t end = begin;
      uint64_t bytes = 0;
      while (end < wanted.size() && end - begin < policy_.most_files &&
             bytes < policy_.most_bytes && Continues(wanted, begin, end) &&
             AgeOf(wanted[end]->name) >= least_age) {
        bytes += wanted[end++]->bytes;
      }
      const bool is_enough = end - begin >= policy_.least_files || bytes >= policy_.least_bytes ||
                             IsOverBytes(kind) || IsBoundary(wanted, begin, end);
      if (end > begin && is_enough) AddCopy(kind, wanted, begin, end);
      begin = std::max(end, begin + 1);
    }
  }

  // Whether file `at` may be in one copy with those from `begin` on.
  bool Continues(const std::vector<const ArchiveEntry*>& wanted, size_t begin, size_t at) const {
    if (left_alone_.contains(wanted[at]->name.stem)) return false;
    return at == begin || (wanted[at]->name.number == wanted[at - 1]->name.last + 1 &&
                           DayOf(wanted[at]->name) == DayOf(wanted[begin]->name));
  }
  // Nothing that comes later can join: the day is over, or what follows is there already.
  bool IsBoundary(const std::vector<const ArchiveEntry*>& wanted, size_t begin, size_t end) const {
    if (end == begin) return false;
    if (end < wanted.size() && !Continues(wanted, begin, end)) return true;
    const uint64_t next = wanted[end - 1]->name.last + 1;
    return std::any_of(entries_.begin(), entries_.end(), [&](const ArchiveEntry& entry) {
      return entry.name.number == next && DayOf(entry.name) != DayOf(wanted[begin]->name);
    });
  }

  void AddCopy(ArchiveKind kind, const std::vector<const ArchiveEntry*>& wanted, size_t begin,
               size_t end) {
    ArchiveStep step{
        ArchiveStep::Action::kCopy, static_cast<ArchiveKind>(static_cast<int>(kind) + 1), {}};
    for (size_t i = begin; i < end; ++i) step.files.push_back(wanted[i]->name);
    step.merge_bytes = policy_.merge_bytes;
    steps_.push_back(std::move(step));
  }

  const std::vector<ArchiveEntry>& entries_;
  const ArchivePolicy& policy_;
  const uint64_t now_;
  const std::set<std::string>& left_alone_;
  std::map<uint64_t, uint64_t> begun_;  // by first number
  std::map<std::string, ArchiveEntry> has_form_;
  std::set<std::string> twice_;
  std::array<uint64_t, kArchiveKinds> bytes_{};
  uint64_t active_ = 0;
  std::vector<ArchiveStep> steps_;
};

}  // namespace

std::vector<ArchiveStep> PlanArchive(const std::vector<ArchiveEntry>& entries,
                                     const ArchivePolicy& policy, uint64_t now_unix_ns,
                                     const std::set<std::string>& left_alone) {
  return Planner(entries, policy, now_unix_ns, left_alone).Plan();
}

}  // namespace ringside::aggregator
