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

// A bucket is one varint, gap << count_bits | (count - 1); all ones in the low bits say that the
// rest of the count follows as a varint of its own. `count_bits` is chosen so that neither is
// common: most buckets take one byte, or two where counts are large. It follows from the contents,
// so that there is one form only.
constexpr int kLeastCountBits = 3;
constexpr int kMostCountBits = 40;  // with the widest gap it still fits into 64 bits

int CountBitsFor(uint64_t total, uint64_t filled) {
  const uint64_t mean = total / filled;
  const uint64_t thrice =
      mean > (UINT64_MAX >> 2) ? UINT64_MAX : mean * 3 + total % filled * 3 / filled;
  const int bits = 64 - __builtin_clzll(thrice | 1);
  return std::clamp(bits, kLeastCountBits, kMostCountBits);
}

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
  int count_bits = kLeastCountBits;

  bool HasBuckets() const { return positive.span + negative.span != 0; }
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

// Adds buckets to the cells of one run, or takes them away again.
class RunReader {
 public:
  RunReader(int count_bits, Cursor* cursor, Tally* tally)
      : cursor_(cursor), tally_(tally), count_bits_(count_bits) {}

  bool Add(uint32_t span, uint64_t* cells) {
    uint64_t next = 0;  // the cell after the one filled last
    while (next < span) {
      // One by one as far as the first, or past the long bucket that stopped the octets.
      for (int i = next == 0 ? 1 : Octet::kBuckets; i > 0 && next < span; --i) {
        if (!AddOne(span, 1, cells, &next)) return false;
      }
      if (count_bits_ <= Octet::kMostCountBits) AddOctets(span, cells, &next);
    }
    return true;
  }

  // Takes back what Add added before it failed: the same walk, as far as the same place.
  void Undo(uint32_t span, uint64_t* cells) {
    uint64_t next = 0;
    while (next < span && AddOne(span, ~uint64_t{0}, cells, &next)) {
    }
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

  bool AddOne(uint64_t span, uint64_t sign, uint64_t* cells, uint64_t* next) {
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
    cells[(*next)++] += count * sign;
    return true;
  }

  // Whole octets while they are simple and fit; the rest is left to AddOne.
  void AddOctets(uint64_t span, uint64_t* cells, uint64_t* next) {
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
      uint64_t* const base = cells + first;
      const auto add = [&octet, base](int shift) {
        base[octet.places >> shift & 0xff] += octet.counts >> shift & 0xff;
      };
      add(0), add(8), add(16), add(24);  // written out: a loop would shift by a variable
      add(32), add(40), add(48), add(56);
      first += octet.LastPlace() + 1;
      at += Octet::kBuckets;
      tally_->filled += Octet::kBuckets;
    }
    tally_->total = total;
    cursor_->at = at;
    *next = first;
  }

  uint64_t CountMask() const { return (uint64_t{1} << count_bits_) - 1; }

  Cursor* cursor_;
  Tally* tally_;
  int count_bits_;
};

// Both runs, and nothing behind them. On error the cells are as they were.
bool AddRuns(Cursor* cursor, const Head& head, uint64_t* positive, uint64_t* negative) {
  Cursor undo_cursor = *cursor;
  Tally tally{head.zero_count};
  RunReader reader(head.count_bits, cursor, &tally);
  const bool has_positive = reader.Add(head.positive.span, positive);
  if (has_positive && reader.Add(head.negative.span, negative)) {
    const uint64_t in_buckets = tally.total - head.zero_count;
    if (cursor->at != cursor->end) {
      cursor->Fail("trailing bytes");
    } else if (head.HasBuckets() && CountBitsFor(in_buckets, tally.filled) != head.count_bits) {
      cursor->Fail("count bits do not fit the counts");
    } else {
      return true;
    }
  }
  Tally undo_tally{head.zero_count};
  RunReader undo(head.count_bits, &undo_cursor, &undo_tally);
  undo.Undo(head.positive.span, positive);
  if (has_positive) undo.Undo(head.negative.span, negative);
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

// Places of the filled cells, found without a branch for each: which are filled cannot be guessed.
struct Filled {
  explicit Filled(const Window& window) : places(window.run.span) {
    uint32_t* to = places.data();
    for (uint32_t i = 0; i < window.run.span; ++i) {
      *to = i;
      to += window.cells[i] != 0 ? 1 : 0;
      total += window.cells[i];
    }
    count = static_cast<size_t>(to - places.data());
  }

  std::vector<uint32_t> places;  // the first `count`
  size_t count = 0;
  uint64_t total = 0;
};

char* PutVarint(uint64_t value, char* out) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}

// Through a small buffer: a string's end is looked after for each byte otherwise.
void PutBuckets(const Window& window, const Filled& filled, int count_bits, std::string* out) {
  constexpr size_t kMostBytes = 20;  // of one bucket: two varints
  char buffer[512];
  char* to = buffer;
  const uint64_t most = (uint64_t{1} << count_bits) - 1;
  uint32_t next = 0;
  for (size_t i = 0; i < filled.count; ++i) {
    if (static_cast<size_t>(buffer + sizeof buffer - to) < kMostBytes) {
      out->append(buffer, to);
      to = buffer;
    }
    const uint32_t place = filled.places[i];
    const uint64_t count = window.cells[place];
    to = PutVarint(uint64_t{place - next} << count_bits | std::min(count - 1, most), to);
    if (count > most) to = PutVarint(count - most - 1, to);
    next = place + 1;
  }
  out->append(buffer, to);
}

}  // namespace

void Histogram::Encode(std::string* out) const {
  const Window positive = WindowOf(positive_);
  const Window negative = WindowOf(negative_);
  const Filled filled_positive(positive);
  const Filled filled_negative(negative);
  const size_t filled = filled_positive.count + filled_negative.count;
  const bool fractional = fractional_ && filled != 0;
  out->push_back(static_cast<char>(scale_ | (fractional ? kFractionalBit : 0)));
  PutVarint(zero_count_, out);
  PutRun(positive.run, out);
  PutRun(negative.run, out);
  if (filled == 0) return;
  const int count_bits = CountBitsFor(filled_positive.total + filled_negative.total, filled);
  PutVarint(static_cast<uint64_t>(count_bits), out);
  PutBuckets(positive, filled_positive, count_bits, out);
  PutBuckets(negative, filled_negative, count_bits, out);
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
