// The intervals of one series in one tier, as compact bytes: in rising order of their ends, each as
// varints relative to the one before, its histogram encoded in place. One costs little more than
// its histogram: of 100 samples about 100 bytes, a gauge about 35.
//
// Blocks of up to kBlockBytes in a list: old ones go from the front, new ones come at the end; what
// comes late is worked into its block. Every allocation is counted in the LogUse that is given.
// Owner: the series (store_tiers.h). Not thread-safe; these bytes are our own and not checked.
#ifndef RINGSIDE_AGGREGATOR_INTERVAL_LOG_H_
#define RINGSIDE_AGGREGATOR_INTERVAL_LOG_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "aggregator/stored_interval.h"

namespace ringside::aggregator {

class StateReader;
class StateWriter;

// What logs hold together: their allocations, the allocator's own bytes included.
struct LogUse {
  uint64_t bytes = 0;
  uint64_t intervals = 0;
};

// How two intervals of one bucket become one.
enum class MergeRule : uint8_t {
  kSamples,   // exactly, as distributions
  kCoverage,  // `sum` is covered time: it never exceeds end - start
};

class IntervalLog {
 public:
  static constexpr size_t kBlockBytes = 1024;  // an interval that is larger gets its own

  IntervalLog() = default;
  ~IntervalLog();
  IntervalLog(IntervalLog&& other) noexcept
      : first_(std::exchange(other.first_, nullptr)), last_(std::exchange(other.last_, nullptr)) {}
  IntervalLog& operator=(IntervalLog&&) = delete;

  void Prefetch() const { __builtin_prefetch(last_); }
  bool empty() const { return first_ == nullptr; }
  size_t size() const;
  // The oldest. Not when empty.
  IntervalView front() const;
  // End of the newest; 0 when empty.
  uint64_t last_end() const { return last_ == nullptr ? 0 : last_->last_end; }
  // Into the bucket of this width that holds its end (0: every end is a bucket of its own).
  void Insert(const IntervalView& interval, uint64_t width, MergeRule rule, LogUse* use);

  // All of it, into an empty one (checkpoint.h); its bytes are believed.
  void Save(StateWriter* out) const;
  void Load(StateReader* in, LogUse* use);

  // Visits those whose end is in (from, to].
  template <typename Visitor>
  void Visit(uint64_t from, uint64_t to, Visitor&& visitor) const {
    for (const Block* block = first_; block != nullptr; block = block->next) {
      if (block->last_end <= from) continue;
      for (Reader reader(*block); reader.Next();) {
        if (reader.view.end_unix_ns > to) return;
        if (reader.view.end_unix_ns > from) visitor(reader.view);
      }
    }
  }
  // Gives those whose end is up to `cut` to the visitor, and forgets them.
  template <typename Visitor>
  void TakeUpTo(uint64_t cut, LogUse* use, Visitor&& visitor) {
    while (first_ != nullptr) {
      Reader reader(*first_);
      while (reader.Next()) {
        if (reader.view.end_unix_ns > cut) return;
        visitor(reader.view);
        DropFront(reader, use);
      }
      DropBlock(use);
    }
  }

 private:
  struct Block {
    Block* next;
    Block* previous;
    uint64_t base;      // what the first interval's end is relative to
    uint64_t last_end;  // of the last interval
    uint32_t begin;     // of the first that is left
    uint32_t end;
    uint32_t capacity;
    uint32_t count;

    char* bytes() { return reinterpret_cast<char*>(this + 1); }
    const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  };

  // Walks one block.
  struct Reader {
    explicit Reader(const Block& of)
        : at(of.bytes() + of.begin), left(of.count), previous_end(of.base) {}
    bool Next();

    const char* at;
    uint32_t left;
    uint64_t previous_end;
    IntervalView view;
  };

  static size_t AllocationOf(size_t capacity);
  static Block* Allocate(size_t capacity, LogUse* use);
  static void Free(Block* block, LogUse* use);

  void Append(const IntervalView& interval, LogUse* use);
  // Room for so many bytes at the end of the last block; grows it, or begins another.
  char* Reserve(size_t bytes, LogUse* use);
  void DropFront(const Reader& reader, LogUse* use);
  void DropBlock(LogUse* use);
  void MergeIntoLast(const IntervalView& interval, MergeRule rule, LogUse* use);
  void Replace(Block* old, IntervalLog* part, LogUse* use);
  void InsertLate(const IntervalView& interval, uint64_t width, MergeRule rule, LogUse* use);
  static uint64_t BucketOf(uint64_t end, uint64_t width) {
    return width == 0 ? end : (end + width - 1) / width;
  }

  Block* first_ = nullptr;
  Block* last_ = nullptr;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_INTERVAL_LOG_H_
