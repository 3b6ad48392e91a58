// Which batches were applied: the memory behind "each batch takes effect once".
//
// Per (agent, epoch) the contiguous part 1..n and the ranges above it. Kept as long as the agent
// may still send that epoch, repeated in the head of every archive file: neither retention nor
// compaction of old files can make a batch look new. Only a full table lets go of what was idle for
// very long. Not thread-safe.
#ifndef RINGSIDE_AGGREGATOR_APPLIED_SET_H_
#define RINGSIDE_AGGREGATOR_APPLIED_SET_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "proto/batch.h"
#include "proto/uuid.h"

namespace ringside::aggregator {

// Sequences of one epoch.
class AppliedSet {
 public:
  // Ranges beyond the contiguous part. An honest agent sends in order and needs one or two.
  static constexpr size_t kMaxRanges = 1024;

  bool Contains(uint64_t sequence) const;
  // False when `sequence` would need one range too many: the batch must wait until a gap closes.
  bool HasRoomFor(uint64_t sequence) const;
  // False when it was there already.
  bool Add(uint64_t sequence);
  void AddRange(uint64_t first, uint64_t last);
  void Merge(const AppliedSet& other);
  // Holds all, or any, of the other's.
  bool Includes(const AppliedSet& other) const;
  bool Overlaps(const AppliedSet& other) const;
  // Smallest and largest member; 0 when empty.
  uint64_t First() const;
  uint64_t Last() const;
  // Everything as [first, last], disjoint, rising.
  std::vector<std::pair<uint64_t, uint64_t>> AllRanges() const;

  // 1..Contiguous() are all applied; 0: none.
  uint64_t Contiguous() const { return contiguous_; }
  // [first, last], disjoint, none adjacent, all above Contiguous() + 1.
  const std::map<uint64_t, uint64_t>& ranges() const { return ranges_; }
  bool empty() const { return contiguous_ == 0 && ranges_.empty(); }

  friend bool operator==(const AppliedSet& a, const AppliedSet& b) {
    return a.contiguous_ == b.contiguous_ && a.ranges_ == b.ranges_;
  }

 private:
  uint64_t contiguous_ = 0;
  std::map<uint64_t, uint64_t> ranges_;
};

// All epochs of all agents.
class AppliedSets {
 public:
  static constexpr uint64_t kDayNs = 24ull * 3600 * 1000000000ull;
  // Beyond these a new one takes the place of one that was idle for long; where there is none such,
  // its agent is refused.
  static constexpr size_t kMaxEpochs = 65536;
  // An epoch without a batch for this long is closed, but only if its agent has a newer one.
  static constexpr uint64_t kCloseAfterNs = 90 * kDayNs;
  // One without a batch for this long may be let go when the table is full, the longest idle first:
  // docs/archive.md, What is forgotten.
  static constexpr uint64_t kLetGoAfterNs = 30 * kDayNs;
  // At once, since finding them takes a look at all.
  static constexpr size_t kLetGoAtOnce = 256;

  using Key = std::pair<proto::Uuid, uint64_t>;  // agent, epoch
  struct Entry {
    AppliedSet set;
    uint64_t active_unix_ns = 0;  // the aggregator's clock at the last batch
  };

  bool Contains(const proto::BatchId& id) const;
  bool HasRoomFor(const proto::BatchId& id) const;
  // False when it was there already.
  bool Add(const proto::BatchId& id, uint64_t now_unix_ns);
  uint64_t Contiguous(const proto::Uuid& agent, uint64_t epoch) const;

  void Merge(const AppliedSets& other);
  void Restore(const Key& key, const Entry& entry);
  // The set of an epoch; nullptr: nothing was applied of it.
  const AppliedSet* Find(const proto::Uuid& agent, uint64_t epoch) const;
  // Forgets epochs that are closed and not `in_use`; returns how many.
  size_t CloseIdle(uint64_t now_unix_ns, const AppliedSets& in_use);
  // Forgets those that were idle longest, as far as they may be let go and are not `in_use`;
  // returns how many.
  size_t LetGoIdlest(uint64_t now_unix_ns, const AppliedSets& in_use);

  const std::map<Key, Entry>& entries() const { return entries_; }

 private:
  std::map<Key, Entry> entries_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_APPLIED_SET_H_
