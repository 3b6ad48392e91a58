// The histogram's bytes: docs/histogram-encoding.md. Canonical: equal contents, equal bytes, and
// nothing else is accepted.
#include <algorithm>
#include <cstring>

#include <endian.h>

#include "proto/histogram.h"

namespace ringside::proto {
namespace {

// First byte: scale in the low four bits, then three bits of version (0), then "fractional".
constexpr uint8_t kScaleMask = 0x0f;
constexpr uint8_t kVersionMask = 0x70;
constexpr uint8_t kFractionalBit = 0x80;

// A bucket is one varint, (gap << 3) | (count - 1) for counts 1 to 7; 7 in the low bits says that
// count - 8 follows as a varint of its own. Most buckets of real data thus take one byte.
constexpr int kCountBits = 3;
constexpr uint64_t kCountMask = (1u << kCountBits) - 1;
constexpr uint64_t kLongCount = kCountMask + 1;

void PutVarint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

uint64_t ZigZag(int32_t value) {
  return (static_cast<uint32_t>(value) << 1) ^ static_cast<uint32_t>(value >> 31);
}
int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

// Reads untrusted bytes. After the first error every read fails.
struct Cursor {
  const uint8_t* at;
  const uint8_t* end;
  const char* error = nullptr;

  bool Fail(const char* what) {
    if (error == nullptr) error = what;
    return false;
  }

  bool Varint(uint64_t* value) {
    if (at == end) return Fail("truncated");
    uint64_t byte = *at++;
    *value = byte & 0x7f;
    if (byte < 0x80) return true;
    for (int shift = 7; shift < 64; shift += 7) {
      if (at == end) return Fail("truncated");
      byte = *at++;
      if (byte == 0) return Fail("overlong number");
      if (shift == 63 && byte > 1) return Fail("number above 64 bits");
      *value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return true;
    }
    return Fail("number above 64 bits");
  }
};

struct Run {
  int32_t first = 0;
  uint32_t span = 0;  // cells from the first filled one to the last; 0: none
};

struct Head {
  int scale = 0;
  bool fractional = false;
  uint64_t zero_count = 0;
  Run positive;
  Run negative;
};

bool ReadRun(Cursor* cursor, int scale, Run* run) {
  uint64_t span = 0;
  if (!cursor->Varint(&span)) return false;
  if (span == 0) return true;
  const int64_t limit = int64_t{kMaxIndexOctaves} << scale;
  uint64_t zigzag = 0;
  if (!cursor->Varint(&zigzag)) return false;
  const int64_t first = UnZigZag(zigzag);
  if (first < -limit || first > limit) return cursor->Fail("bucket index out of range");
  if (span > static_cast<uint64_t>(limit - first) + 1) {
    return cursor->Fail("bucket index out of range");
  }
  run->first = static_cast<int32_t>(first);
  run->span = static_cast<uint32_t>(span);
  return true;
}

bool ReadHead(Cursor* cursor, Head* head) {
  if (cursor->at == cursor->end) return cursor->Fail("truncated");
  const uint8_t form = *cursor->at++;
  if ((form & kVersionMask) != 0) return cursor->Fail("unknown version of the encoding");
  head->scale = form & kScaleMask;
  if (head->scale > kMaxScale) return cursor->Fail("scale out of range");
  head->fractional = (form & kFractionalBit) != 0;
  if (!cursor->Varint(&head->zero_count)) return false;
  if (!ReadRun(cursor, head->scale, &head->positive)) return false;
  if (!ReadRun(cursor, head->scale, &head->negative)) return false;
  // Zero has no fraction: the bit without a bucket would be a second form of the same content.
  if (head->fractional && head->positive.span == 0 && head->negative.span == 0) {
    return cursor->Fail("fractional without buckets");
  }
  return true;
}

bool ReadBucket(Cursor* cursor, uint64_t* gap, uint64_t* count) {
  uint64_t token = 0;
  if (!cursor->Varint(&token)) return false;
  *gap = token >> kCountBits;
  *count = (token & kCountMask) + 1;
  if (*count != kLongCount) return true;
  uint64_t more = 0;
  if (!cursor->Varint(&more)) return false;
  if (__builtin_add_overflow(more, kLongCount, count)) return cursor->Fail("count above 64 bits");
  return true;
}

// Eight buckets of one byte each, taken apart at once in a 64-bit word (byte i is bucket i).
struct Octet {
  uint64_t places;  // byte i: cells from the octet's start to bucket i
  uint64_t counts;  // byte i: bucket i's count
  uint64_t sum;     // of the counts

  static constexpr uint64_t kOnes = 0x0101010101010101u;
  static constexpr int kBuckets = 8;

  // Whether all eight are of one byte: no byte goes on (0x80), no count is a long one.
  static bool Fits(uint64_t word) {
    const uint64_t long_counts = ((word & kOnes * kCountMask) + kOnes) & kOnes * kLongCount;
    return ((word & kOnes * 0x80) | long_counts) == 0;
  }

  explicit Octet(uint64_t word) : counts((word & kOnes * kCountMask) + kOnes) {
    // A product with kOnes is the running sum over the bytes; at most 8 * 16 here, so none carries.
    const uint64_t steps = ((word >> kCountBits) & kOnes * 0x0f) + kOnes;
    places = steps * kOnes - kOnes;
    sum = (counts * kOnes) >> 56;
  }
  uint64_t LastPlace() const { return places >> 56; }
};

// Adds whole octets while they are simple and fit; leaves the rest to the caller.
void AddOctets(Cursor* cursor, uint64_t span, uint64_t* cells, uint64_t* next, uint64_t* total) {
  const uint8_t* at = cursor->at;
  uint64_t first = *next;
  while (cursor->end - at >= Octet::kBuckets) {
    uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    word = le64toh(word);
    if (!Octet::Fits(word)) break;
    const Octet octet(word);
    if (octet.LastPlace() >= span - first) break;
    if (__builtin_add_overflow(*total, octet.sum, total)) {
      *total -= octet.sum;
      break;
    }
    uint64_t* const base = cells + first;
    for (int i = 0; i < 64; i += 8) {
      base[(octet.places >> i) & 0xff] += (octet.counts >> i) & 0xff;
    }
    first += octet.LastPlace() + 1;
    at += Octet::kBuckets;
    if (first == span) break;
  }
  cursor->at = at;
  *next = first;
}

// Adds each bucket's count to its cell; `total` is what all counts sum up to so far.
bool AddRun(Cursor* cursor, uint32_t span, uint64_t* cells, uint64_t* total) {
  if (span == 0) return true;
  if (cursor->at != cursor->end && *cursor->at > kCountMask) {
    return cursor->Fail("run does not begin with a bucket");
  }
  uint64_t next = 0;  // the cell after the one filled last
  while (true) {
    AddOctets(cursor, span, cells, &next, total);
    // One by one, past the long bucket that stopped the octets.
    for (int i = 0; i < Octet::kBuckets; ++i) {
      if (next == span) return true;
      uint64_t gap = 0;
      uint64_t count = 0;
      if (!ReadBucket(cursor, &gap, &count)) return false;
      if (gap >= span - next) return cursor->Fail("bucket beyond its run");
      if (__builtin_add_overflow(*total, count, total)) return cursor->Fail("count above 64 bits");
      next += gap;
      cells[next++] += count;
    }
  }
}

// Takes back what AddRun added before it failed: the same walk, until it fails at the same place.
void UndoRun(Cursor cursor, uint32_t span, uint64_t* cells, uint64_t total) {
  if (cursor.at != cursor.end && *cursor.at > kCountMask) return;
  uint64_t next = 0;
  while (next < span) {
    uint64_t gap = 0;
    uint64_t count = 0;
    if (!ReadBucket(&cursor, &gap, &count) || gap >= span - next) return;
    if (__builtin_add_overflow(total, count, &total)) return;
    next += gap;
    cells[next++] -= count;
  }
}

// Both runs, and nothing behind them. On error the cells are as they were.
bool AddRuns(Cursor* cursor, const Head& head, uint64_t* positive, uint64_t* negative) {
  const Cursor positive_start = *cursor;
  uint64_t total = head.zero_count;
  if (!AddRun(cursor, head.positive.span, positive, &total)) {
    UndoRun(positive_start, head.positive.span, positive, head.zero_count);
    return false;
  }
  const Cursor negative_start = *cursor;
  const uint64_t positive_total = total;
  if (AddRun(cursor, head.negative.span, negative, &total)) {
    if (cursor->at == cursor->end) return true;
    cursor->Fail("trailing bytes");
  }
  UndoRun(negative_start, head.negative.span, negative, positive_total);
  UndoRun(positive_start, head.positive.span, positive, head.zero_count);
  return false;
}

Cursor CursorOf(std::string_view bytes) {
  const auto* at = reinterpret_cast<const uint8_t*>(bytes.data());
  return {at, at + bytes.size()};
}

Status ErrorOf(const Cursor& cursor) {
  return Status::Error(std::string("histogram: ") + cursor.error);
}

// What a run looks like when it is written.
struct Window {
  Run run;
  const uint64_t* cells = nullptr;
};

Window WindowOf(const BucketRange& range) {
  const std::vector<uint64_t>& counts = range.counts();
  size_t begin = 0;
  size_t end = counts.size();
  while (begin < end && counts[begin] == 0) ++begin;
  while (begin < end && counts[end - 1] == 0) --end;
  if (begin == end) return {};
  return {{range.first_index() + static_cast<int32_t>(begin), static_cast<uint32_t>(end - begin)},
          counts.data() + begin};
}

void PutRun(const Run& run, std::string* out) {
  PutVarint(run.span, out);
  if (run.span != 0) PutVarint(ZigZag(run.first), out);
}

void PutBuckets(const Window& window, std::string* out) {
  uint64_t gap = 0;
  for (uint32_t i = 0; i < window.run.span; ++i) {
    const uint64_t count = window.cells[i];
    if (count == 0) {
      ++gap;
      continue;
    }
    PutVarint(gap << kCountBits | std::min(count - 1, kCountMask), out);
    if (count >= kLongCount) PutVarint(count - kLongCount, out);
    gap = 0;
  }
}

}  // namespace

void Histogram::Encode(std::string* out) const {
  const Window positive = WindowOf(positive_);
  const Window negative = WindowOf(negative_);
  const bool fractional = fractional_ && positive.run.span + negative.run.span != 0;
  out->push_back(static_cast<char>(scale_ | (fractional ? kFractionalBit : 0)));
  PutVarint(zero_count_, out);
  PutRun(positive.run, out);
  PutRun(negative.run, out);
  PutBuckets(positive, out);
  PutBuckets(negative, out);
}

Result<Histogram> Histogram::Decode(std::string_view bytes, size_t max_cells) {
  Cursor cursor = CursorOf(bytes);
  Head head;
  if (!ReadHead(&cursor, &head)) return ErrorOf(cursor);
  // A window is rounded up at both ends; a run needs at least one byte.
  const size_t spans = size_t{head.positive.span} + head.negative.span;
  if (spans > max_cells) {
    return Status::Error("histogram: " + std::to_string(spans) + " cells, at most " +
                         std::to_string(max_cells) + " allowed here");
  }
  Histogram histogram(head.scale);
  histogram.fractional_ = head.fractional;
  histogram.zero_count_ = head.zero_count;
  uint64_t* cells[2] = {nullptr, nullptr};
  const Run* runs[2] = {&head.positive, &head.negative};
  BucketRange* ranges[2] = {&histogram.positive_, &histogram.negative_};
  for (int sign = 0; sign < 2; ++sign) {
    const Run& run = *runs[sign];
    if (run.span == 0) continue;
    ranges[sign]->Cover(run.first, run.first + static_cast<int32_t>(run.span) - 1);
    cells[sign] = ranges[sign]->Cells(run.first, run.span);
  }
  if (!AddRuns(&cursor, head, cells[0], cells[1])) return ErrorOf(cursor);
  return histogram;
}

Status Histogram::MergeEncoded(std::string_view bytes) {
  Cursor cursor = CursorOf(bytes);
  Head head;
  if (!ReadHead(&cursor, &head)) return ErrorOf(cursor);
  uint64_t* positive = positive_.Cells(head.positive.first, head.positive.span);
  uint64_t* negative = negative_.Cells(head.negative.first, head.negative.span);
  const bool covered = (head.positive.span == 0 || positive != nullptr) &&
                       (head.negative.span == 0 || negative != nullptr);
  if (head.scale != scale_ || !covered || empty()) {
    Result<Histogram> decoded = Decode(bytes);
    if (!decoded) return decoded.status();
    Merge(*decoded);
    return Status();
  }
  // The common case: straight into the cells, without a copy.
  if (!AddRuns(&cursor, head, positive, negative)) return ErrorOf(cursor);
  zero_count_ += head.zero_count;
  fractional_ = fractional_ || head.fractional;
  return Status();
}

}  // namespace ringside::proto
