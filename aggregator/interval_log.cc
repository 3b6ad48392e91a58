#include "aggregator/interval_log.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

namespace ringside::aggregator {
namespace {

// A record: flags, end (since the one before), start (before the end), sum, extremes, last value,
// resolution, histogram; what the flags say is not there is left out.
enum Flag : uint8_t {
  kHasHistogram = 1,
  kHasExtremes = 2,
  kHasLast = 4,
  kFollows = 8,  // starts where the one before ended
  kHasResolution = 16,
  kWideSum = 32,  // 16 bytes as they are
};
constexpr size_t kMostHeadBytes = 96;

constexpr size_t kMallocAlignment = 16;
constexpr size_t kMallocHeader = 8;
// Blocks grow by half, and at least by this much: a series of few intervals must not cost a whole
// block, and one of many must not be copied with each.
constexpr size_t kGrowth = 96;

char* PutVarint(uint64_t value, char* out) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}

const char* GetVarint(const char* at, uint64_t* value) {
  auto byte = static_cast<uint8_t>(*at++);
  *value = byte & 0x7fu;
  for (unsigned shift = 7; byte >= 0x80; shift += 7) {
    byte = static_cast<uint8_t>(*at++);
    *value |= uint64_t{byte & 0x7fu} << shift;
  }
  return at;
}

uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

char* PutSum(proto::Int128 sum, uint8_t* flags, char* out) {
  const auto narrow = static_cast<int64_t>(sum);
  if (narrow == sum) return PutVarint(ZigZag(narrow), out);
  *flags |= kWideSum;
  std::memcpy(out, &sum, sizeof sum);
  return out + sizeof sum;
}

// Everything but the histogram's bytes. Returns one past the end.
char* PutHead(const IntervalView& interval, uint64_t previous_end, char* out) {
  uint8_t flags = 0;
  char* const flags_at = out++;
  out = PutVarint(interval.end_unix_ns - previous_end, out);
  if (interval.start_unix_ns == previous_end) {
    flags |= kFollows;
  } else {
    out = PutVarint(interval.end_unix_ns - interval.start_unix_ns, out);
  }
  out = PutSum(interval.sum, &flags, out);
  if (interval.has_extremes) {
    flags |= kHasExtremes;
    out = PutVarint(ZigZag(interval.min), out);
    out = PutVarint(static_cast<uint64_t>(interval.max) - static_cast<uint64_t>(interval.min), out);
  }
  if (interval.last_unix_ns != 0) {
    flags |= kHasLast;
    out = PutVarint(ZigZag(interval.last), out);
    out =
        PutVarint(ZigZag(static_cast<int64_t>(interval.end_unix_ns - interval.last_unix_ns)), out);
  }
  if (interval.resolution != 0) {
    flags |= kHasResolution;
    *out++ = static_cast<char>(interval.resolution);
  }
  if (!interval.histogram.empty()) {
    flags |= kHasHistogram;
    out = PutVarint(interval.histogram.size(), out);
  }
  *flags_at = static_cast<char>(flags);
  return out;
}

StoredInterval Merged(const IntervalView& a, const IntervalView& b, MergeRule rule) {
  StoredInterval merged = StoredInterval::CopyOf(a);
  merged.Merge(b);
  if (rule == MergeRule::kCoverage) {
    const auto most = static_cast<proto::Int128>(merged.end_unix_ns - merged.start_unix_ns);
    merged.sum = std::min(merged.sum, most);
  }
  return merged;
}

}  // namespace

bool IntervalLog::Reader::Next() {
  if (left == 0) return false;
  --left;
  const auto flags = static_cast<uint8_t>(*at++);
  const auto unsigned_value = [this] {
    uint64_t value = 0;
    at = GetVarint(at, &value);
    return value;
  };
  const auto signed_value = [&] { return UnZigZag(unsigned_value()); };
  view.end_unix_ns = previous_end + unsigned_value();
  view.start_unix_ns = (flags & kFollows) != 0 ? previous_end : view.end_unix_ns - unsigned_value();
  if ((flags & kWideSum) != 0) {
    std::memcpy(&view.sum, at, sizeof view.sum);
    at += sizeof view.sum;
  } else {
    view.sum = signed_value();
  }
  view.has_extremes = (flags & kHasExtremes) != 0;
  view.min = view.has_extremes ? signed_value() : 0;
  view.max = view.has_extremes
                 ? static_cast<int64_t>(static_cast<uint64_t>(view.min) + unsigned_value())
                 : 0;
  view.last = (flags & kHasLast) != 0 ? signed_value() : 0;
  view.last_unix_ns =
      (flags & kHasLast) != 0 ? view.end_unix_ns - static_cast<uint64_t>(signed_value()) : 0;
  view.resolution = (flags & kHasResolution) != 0 ? static_cast<int8_t>(*at++) : int8_t{0};
  const uint64_t bytes = (flags & kHasHistogram) != 0 ? unsigned_value() : 0;
  view.histogram = std::string_view(at, bytes);
  at += bytes;
  previous_end = view.end_unix_ns;
  return true;
}

IntervalLog::~IntervalLog() {
  LogUse forgotten;
  while (first_ != nullptr) DropBlock(&forgotten);
}

// What malloc really takes for a block.
size_t IntervalLog::AllocationOf(size_t capacity) {
  const size_t wanted = sizeof(Block) + capacity + kMallocHeader;
  return (wanted + kMallocAlignment - 1) / kMallocAlignment * kMallocAlignment;
}

IntervalLog::Block* IntervalLog::Allocate(size_t capacity, LogUse* use) {
  const size_t allocation = AllocationOf(capacity);
  void* const memory = std::malloc(allocation - kMallocHeader);
  if (memory == nullptr) throw std::bad_alloc();
  use->bytes += allocation;
  const auto room = static_cast<uint32_t>(allocation - kMallocHeader - sizeof(Block));
  return new (memory) Block{nullptr, nullptr, 0, 0, 0, 0, room, 0};
}

void IntervalLog::Free(Block* block, LogUse* use) {
  use->bytes -= std::min<uint64_t>(use->bytes, AllocationOf(block->capacity));
  use->intervals -= std::min<uint64_t>(use->intervals, block->count);
  std::free(block);
}

size_t IntervalLog::size() const {
  size_t count = 0;
  for (const Block* block = first_; block != nullptr; block = block->next) count += block->count;
  return count;
}

IntervalView IntervalLog::front() const {
  Reader reader(*first_);
  reader.Next();
  return reader.view;
}

char* IntervalLog::Reserve(size_t bytes, LogUse* use) {
  constexpr size_t kMostCapacity = kBlockBytes - kMallocHeader - sizeof(Block);
  const size_t needed = last_ == nullptr ? bytes : last_->end + bytes;
  if (last_ != nullptr && needed <= last_->capacity) return last_->bytes() + last_->end;
  const bool grows = last_ != nullptr && needed <= kMostCapacity;
  const size_t grown = needed + std::max(kGrowth, needed / 2);
  Block* const block = Allocate(grows ? std::min(grown, kMostCapacity) : bytes, use);
  if (!grows) {
    block->base = last_ == nullptr ? 0 : last_->last_end;
    block->previous = last_;
    (last_ == nullptr ? first_ : last_->next) = block;
    last_ = block;
    return block->bytes();
  }
  block->base = last_->base;
  block->last_end = last_->last_end;
  block->end = last_->end - last_->begin;
  block->count = last_->count;
  std::memcpy(block->bytes(), last_->bytes() + last_->begin, block->end);
  block->previous = last_->previous;
  (block->previous == nullptr ? first_ : block->previous->next) = block;
  use->intervals += block->count;  // which Free takes off
  Free(last_, use);
  last_ = block;
  return block->bytes() + block->end;
}

void IntervalLog::Append(const IntervalView& interval, LogUse* use) {
  char head[kMostHeadBytes];
  // The block that it will lie in may be a new one, whose base is the same.
  const uint64_t previous_end = last_ == nullptr ? 0 : last_->last_end;
  const auto head_bytes = static_cast<size_t>(PutHead(interval, previous_end, head) - head);
  const size_t bytes = head_bytes + interval.histogram.size();
  char* const to = Reserve(bytes, use);
  std::memcpy(to, head, head_bytes);
  if (!interval.histogram.empty()) {
    std::memcpy(to + head_bytes, interval.histogram.data(), interval.histogram.size());
  }
  last_->end += static_cast<uint32_t>(bytes);
  last_->last_end = interval.end_unix_ns;
  ++last_->count;
  ++use->intervals;
}

void IntervalLog::DropFront(const Reader& reader, LogUse* use) {
  first_->begin = static_cast<uint32_t>(reader.at - first_->bytes());
  first_->base = reader.previous_end;
  --first_->count;
  --use->intervals;
}

void IntervalLog::DropBlock(LogUse* use) {
  Block* const block = first_;
  first_ = block->next;
  (first_ == nullptr ? last_ : first_->previous) = nullptr;
  Free(block, use);
}

void IntervalLog::Insert(const IntervalView& interval, uint64_t width, MergeRule rule,
                         LogUse* use) {
  if (last_ == nullptr) return Append(interval, use);
  const uint64_t bucket = BucketOf(interval.end_unix_ns, width);
  const uint64_t last_bucket = BucketOf(last_->last_end, width);
  if (bucket > last_bucket) return Append(interval, use);
  if (bucket == last_bucket) return MergeIntoLast(interval, rule, use);
  InsertLate(interval, width, rule, use);
}

void IntervalLog::MergeIntoLast(const IntervalView& interval, MergeRule rule, LogUse* use) {
  Reader reader(*last_);
  uint32_t place = last_->begin;
  uint64_t end_before = last_->base;
  while (reader.left > 1 && reader.Next()) {
    place = static_cast<uint32_t>(reader.at - last_->bytes());
    end_before = reader.previous_end;
  }
  reader.Next();
  const StoredInterval merged = Merged(reader.view, interval, rule);
  last_->end = place;
  last_->last_end = end_before;
  --last_->count;
  --use->intervals;
  Append(merged.View(), use);
}

void IntervalLog::InsertLate(const IntervalView& interval, uint64_t width, MergeRule rule,
                             LogUse* use) {
  const uint64_t bucket = BucketOf(interval.end_unix_ns, width);
  Block* old = first_;
  while (BucketOf(old->last_end, width) < bucket) old = old->next;
  IntervalLog part;
  bool is_in = false;
  for (Reader reader(*old); reader.Next();) {
    const uint64_t there = BucketOf(reader.view.end_unix_ns, width);
    if (!is_in && there == bucket) {
      part.Append(Merged(reader.view, interval, rule).View(), use);
      is_in = true;
      continue;
    }
    if (!is_in && there > bucket) {
      part.Append(interval, use);
      is_in = true;
    }
    part.Append(reader.view, use);
  }
  Replace(old, &part, use);
}

void IntervalLog::Replace(Block* old, IntervalLog* part, LogUse* use) {
  Block* const part_first = std::exchange(part->first_, nullptr);
  Block* const part_last = std::exchange(part->last_, nullptr);
  part_first->previous = old->previous;
  part_last->next = old->next;
  (old->previous == nullptr ? first_ : old->previous->next) = part_first;
  (old->next == nullptr ? last_ : old->next->previous) = part_last;
  Free(old, use);
}

}  // namespace ringside::aggregator
