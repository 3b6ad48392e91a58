// How a histogram's bytes are read: docs/histogram-encoding.md. For histogram_codec.cc and
// histogram_tokens.cc alone.
//
// The bytes are untrusted: a Cursor keeps the first error, and after it every read fails.
#ifndef RINGSIDE_PROTO_HISTOGRAM_BYTES_H_
#define RINGSIDE_PROTO_HISTOGRAM_BYTES_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include <endian.h>

#include "proto/histogram.h"
#include "proto/histogram_tokens.h"

namespace ringside::proto::histogram_bytes {

// First byte: scale in the low four bits, then three bits of version (0), then "fractional".
constexpr uint8_t kScaleMask = 0x0f;
constexpr uint8_t kVersionMask = 0x70;
constexpr uint8_t kFractionalBit = 0x80;

// A bucket is one varint, gap << count_bits | (count - 1); all ones in the low bits say that the
// rest of the count follows as a varint of its own. `count_bits` is chosen so that neither is
// common: most buckets take one byte, or two where counts are large. It follows from the contents,
// so that there is one form only.
constexpr int kMostCountBits = 40;  // with the widest gap it still fits into 64 bits

inline int CountBitsFor(uint64_t total, uint64_t filled) {
  const uint64_t mean = total / filled;
  const uint64_t thrice =
      mean > (UINT64_MAX >> 2) ? UINT64_MAX : mean * 3 + total % filled * 3 / filled;
  const int bits = 64 - __builtin_clzll(thrice | 1);
  return std::clamp(bits, kLeastCountBits, kMostCountBits);
}

inline int64_t UnZigZag(uint64_t value) {
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
  int count_bits = kLeastCountBits;

  bool HasBuckets() const { return positive.span + negative.span != 0; }
};

inline bool ReadRun(Cursor* cursor, int scale, Run* run) {
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

inline bool ReadHead(Cursor* cursor, Head* head) {
  if (cursor->at == cursor->end) return cursor->Fail("truncated");
  const uint8_t form = *cursor->at++;
  if ((form & kVersionMask) != 0) return cursor->Fail("unknown version of the encoding");
  head->scale = form & kScaleMask;
  if (head->scale > kMaxScale) return cursor->Fail("scale out of range");
  head->fractional = (form & kFractionalBit) != 0;
  if (!cursor->Varint(&head->zero_count)) return false;
  if (!ReadRun(cursor, head->scale, &head->positive)) return false;
  if (!ReadRun(cursor, head->scale, &head->negative)) return false;
  if (!head->HasBuckets()) {
    // Zero has no fraction: the bit without a bucket would be a second form of the same content.
    return head->fractional ? cursor->Fail("fractional without buckets") : true;
  }
  uint64_t count_bits = 0;
  if (!cursor->Varint(&count_bits)) return false;
  if (count_bits < kLeastCountBits || count_bits > kMostCountBits) {
    return cursor->Fail("count bits out of range");
  }
  head->count_bits = static_cast<int>(count_bits);
  return true;
}

// What the buckets of both runs sum up to.
struct Tally {
  uint64_t total;  // begins with the zero count
  uint64_t filled = 0;
};

// What becomes of the buckets that are read: added to cells, taken away from them again, listed, or
// only proved.
struct AddingSink {
  uint64_t* cells;
  void Take(uint64_t place, uint64_t count) { cells[place] += count; }
  // Eight neighbours, byte i of `counts` each: a compiler makes few instructions of it.
  void TakeRow(uint64_t place, const uint8_t* counts) {
    uint64_t* const to = cells + place;
    for (int i = 0; i < 8; ++i) to[i] += counts[i];
  }
};
struct RemovingSink {
  uint64_t* cells;
  void Take(uint64_t place, uint64_t count) { cells[place] -= count; }
};
// Into room for as many buckets as there are bytes.
struct ListingSink {
  int32_t first;
  BucketRange::Bucket** end;
  void Take(uint64_t place, uint64_t count) {
    *(*end)++ = {first + static_cast<int32_t>(place), count};
  }
  void TakeRow(uint64_t place, const uint8_t* counts) {
    for (uint64_t i = 0; i < 8; ++i) Take(place + i, counts[i]);
  }
};
struct NoSink {
  void Take(uint64_t, uint64_t) {}
  void TakeRow(uint64_t, const uint8_t*) {}
};

// Walks the buckets of one run.
class RunReader {
 public:
  RunReader(int count_bits, Cursor* cursor, Tally* tally)
      : cursor_(cursor), tally_(tally), count_bits_(count_bits) {}

  template <typename Sink>
  bool Read(uint32_t span, Sink sink) {
    uint64_t next = 0;  // the cell after the one filled last
    while (next < span) {
      // One by one as far as the first, or past the long bucket that stopped the octets.
      for (int i = next == 0 ? 1 : Octet::kBuckets; i > 0 && next < span; --i) {
        if (!ReadOne(span, &sink, &next)) return false;
      }
      if (count_bits_ <= Octet::kMostCountBits) ReadOctets(span, &sink, &next);
    }
    return true;
  }

  // Takes back what Read added before it failed: the same walk, as far as the same place. False
  // where that is within the run.
  bool Undo(uint32_t span, uint64_t* cells) {
    RemovingSink sink{cells};
    uint64_t next = 0;
    while (next < span && ReadOne(span, &sink, &next)) {
    }
    return next >= span;
  }

 private:
  // Eight buckets of one byte each, taken apart at once in a 64-bit word (byte i is bucket i).
  struct Octet {
    static constexpr uint64_t kOnes = 0x0101010101010101u;
    static constexpr int kBuckets = 8;
    static constexpr int kMostCountBits = 7;

    uint64_t places;  // byte i: cells from the octet's start to bucket i
    uint64_t counts;  // byte i: bucket i's count

    // Whether all eight are of one byte: none goes on (0x80), no count is a long one.
    static bool Fits(uint64_t word, int count_bits) {
      const uint64_t count_mask = kOnes * ((1u << count_bits) - 1);
      const uint64_t long_counts = ((word & count_mask) + kOnes) & (kOnes << count_bits);
      return ((word & kOnes * 0x80) | long_counts) == 0;
    }
    Octet(uint64_t word, int count_bits) {
      const uint64_t count_mask = kOnes * ((1u << count_bits) - 1);
      counts = (word & count_mask) + kOnes;
      // A product with kOnes is the running sum over the bytes: at most 8 * 16, so none carries.
      const uint64_t steps = ((word & ~count_mask) >> count_bits) + kOnes;
      places = steps * kOnes - kOnes;
    }
    uint64_t LastPlace() const { return places >> 56; }
    uint64_t Sum() const {
      constexpr uint64_t kEven = 0x00ff00ff00ff00ffu;
      return (((counts & kEven) + (counts >> 8 & kEven)) * 0x0001000100010001u) >> 48;
    }
  };

  template <typename Sink>
  bool ReadOne(uint64_t span, Sink* sink, uint64_t* next) {
    uint64_t token = 0;
    if (!cursor_->Varint(&token)) return false;
    const uint64_t gap = token >> count_bits_;
    uint64_t count = (token & CountMask()) + 1;
    if (count > CountMask()) {
      uint64_t more = 0;
      if (!cursor_->Varint(&more)) return false;
      if (__builtin_add_overflow(more, count, &count)) return cursor_->Fail("count above 64 bits");
    }
    if (*next == 0 && gap != 0) return cursor_->Fail("run does not begin with a bucket");
    if (gap >= span - *next) return cursor_->Fail("bucket beyond its run");
    uint64_t total = 0;
    if (__builtin_add_overflow(tally_->total, count, &total)) {
      return cursor_->Fail("count above 64 bits");
    }
    tally_->total = total;
    ++tally_->filled;
    *next += gap;
    sink->Take((*next)++, count);
    return true;
  }

  // Whole octets while they are simple and fit; the rest is left to ReadOne.
  template <typename Sink>
  void ReadOctets(uint64_t span, Sink* sink, uint64_t* next) {
    const uint8_t* at = cursor_->at;
    const uint8_t* const end = cursor_->end;
    const int count_bits = count_bits_;
    uint64_t first = *next;
    uint64_t total = tally_->total;
    while (end - at >= Octet::kBuckets && first < span) {
      uint64_t word = 0;
      std::memcpy(&word, at, sizeof word);
      word = le64toh(word);
      if (!Octet::Fits(word, count_bits)) break;
      const Octet octet(word, count_bits);
      if (octet.LastPlace() >= span - first) break;
      uint64_t sum = 0;
      if (__builtin_add_overflow(total, octet.Sum(), &sum)) break;
      total = sum;
      TakeOctet(octet, first, sink);
      first += octet.LastPlace() + 1;
      at += Octet::kBuckets;
      tally_->filled += Octet::kBuckets;
    }
    tally_->total = total;
    cursor_->at = at;
    *next = first;
  }

  template <typename Sink>
  static void TakeOctet(const Octet& octet, uint64_t first, Sink* sink) {
    if (octet.LastPlace() + 1 == Octet::kBuckets) {
      uint8_t counts[Octet::kBuckets];
      const uint64_t word = htole64(octet.counts);
      std::memcpy(counts, &word, sizeof counts);
      return sink->TakeRow(first, counts);
    }
    const auto take = [&octet, sink, first](int shift) {
      sink->Take(first + (octet.places >> shift & 0xff), octet.counts >> shift & 0xff);
    };
    take(0), take(8), take(16), take(24);  // written out: a loop would shift by a variable
    take(32), take(40), take(48), take(56);
  }

  uint64_t CountMask() const { return (uint64_t{1} << count_bits_) - 1; }

  Cursor* cursor_;
  Tally* tally_;
  int count_bits_;
};

// Both runs, and nothing behind them.
template <typename Sink>
bool ReadRuns(Cursor* cursor, const Head& head, Sink positive, Sink negative, Tally* tally) {
  RunReader reader(head.count_bits, cursor, tally);
  if (!reader.Read(head.positive.span, positive) || !reader.Read(head.negative.span, negative)) {
    return false;
  }
  const uint64_t in_buckets = tally->total - head.zero_count;
  if (cursor->at != cursor->end) return cursor->Fail("trailing bytes");
  return !head.HasBuckets() || CountBitsFor(in_buckets, tally->filled) == head.count_bits ||
         cursor->Fail("count bits do not fit the counts");
}

}  // namespace ringside::proto::histogram_bytes

#endif  // RINGSIDE_PROTO_HISTOGRAM_BYTES_H_
