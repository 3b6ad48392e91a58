// The histogram's bytes: docs/histogram-encoding.md. Canonical: equal contents, equal bytes, and
// nothing else is accepted.
#include <algorithm>
#include <utility>
#include <vector>

#include "proto/histogram.h"
#include "proto/histogram_buckets.h"
#include "proto/histogram_bytes.h"

namespace ringside::proto {
namespace {

using histogram_bytes::AddingSink;
using histogram_bytes::Cursor;
using histogram_bytes::Head;
using histogram_bytes::ListingSink;
using histogram_bytes::NoSink;
using histogram_bytes::RunReader;
using histogram_bytes::Tally;
using Buckets = std::vector<BucketRange::Bucket>;

// As ReadRuns, into cells; on error they are as they were.
bool AddRuns(Cursor* cursor, const Head& head, uint64_t* positive, uint64_t* negative) {
  Cursor undo_cursor = *cursor;
  Tally tally{head.zero_count};
  if (ReadRuns(cursor, head, AddingSink{positive}, AddingSink{negative}, &tally)) return true;
  Tally undo_tally{head.zero_count};
  RunReader undo(head.count_bits, &undo_cursor, &undo_tally);
  if (undo.Undo(head.positive.span, positive)) undo.Undo(head.negative.span, negative);
  return false;
}

Cursor CursorOf(std::string_view bytes) {
  const auto* at = reinterpret_cast<const uint8_t*>(bytes.data());
  return {at, at + bytes.size()};
}

Status ErrorOf(const Cursor& cursor) {
  return Status::Error(std::string("histogram: ") + cursor.error);
}

uint64_t ZigZag(int32_t value) {
  return (static_cast<uint32_t>(value) << 1) ^ static_cast<uint32_t>(value >> 31);
}

char* PutVarint(uint64_t value, char* out) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}

char* PutRun(const Buckets& buckets, char* out) {
  if (buckets.empty()) return PutVarint(0, out);
  const int64_t span = int64_t{buckets.back().index} - buckets.front().index + 1;
  return PutVarint(ZigZag(buckets.front().index), PutVarint(static_cast<uint64_t>(span), out));
}

// Through a small buffer: a string's end is looked after for each byte otherwise.
void PutBuckets(const Buckets& buckets, int count_bits, std::string* out) {
  constexpr size_t kMostBytes = 20;  // of one bucket: two varints
  char buffer[512];
  char* to = buffer;
  const uint64_t most = (uint64_t{1} << count_bits) - 1;
  int64_t next = buckets.empty() ? 0 : buckets.front().index;
  for (const auto& [index, count] : buckets) {
    if (static_cast<size_t>(buffer + sizeof buffer - to) < kMostBytes) {
      out->append(buffer, to);
      to = buffer;
    }
    const auto gap = static_cast<uint64_t>(index - next);
    to = PutVarint(gap << count_bits | std::min(count - 1, most), to);
    if (count > most) to = PutVarint(count - most - 1, to);
    next = int64_t{index} + 1;
  }
  out->append(buffer, to);
}

uint64_t SumOf(const Buckets& buckets) {
  uint64_t sum = 0;
  for (const auto& bucket : buckets) sum += bucket.count;
  return sum;
}

}  // namespace

void EncodeBuckets(const HistogramForm& form, const Buckets& positive, const Buckets& negative,
                   std::string* out) {
  const size_t filled = positive.size() + negative.size();
  const bool fractional = form.fractional && filled != 0;
  char head[64];
  char* to = head;
  *to++ = static_cast<char>(form.scale | (fractional ? histogram_bytes::kFractionalBit : 0));
  to = PutRun(negative, PutRun(positive, PutVarint(form.zero_count, to)));
  int count_bits = 0;
  if (filled != 0) {
    count_bits = histogram_bytes::CountBitsFor(SumOf(positive) + SumOf(negative), filled);
    to = PutVarint(static_cast<uint64_t>(count_bits), to);
  }
  out->append(head, to);
  PutBuckets(positive, count_bits, out);
  PutBuckets(negative, count_bits, out);
}

size_t CellsOf(std::string_view bytes) {
  Cursor cursor = CursorOf(bytes);
  Head head;
  return ReadHead(&cursor, &head) ? size_t{head.positive.span} + head.negative.span : 0;
}

void Histogram::Encode(std::string* out) const {
  if (!encoded_.empty()) {
    out->append(encoded_.view());
    return;
  }
  Buckets positive;
  Buckets negative;
  ListFilled(&positive, &negative);
  EncodeBuckets({scale_, fractional_, zero_count_}, positive, negative, out);
}

std::string_view Histogram::Encoded(std::string* room) const {
  if (!encoded_.empty()) return encoded_.view();
  room->clear();
  Encode(room);
  return *room;
}

Result<Histogram> Histogram::Decode(std::string_view bytes, size_t max_cells) {
  Result<Histogram> histogram = DecodeBorrowed(bytes, max_cells);
  if (histogram) histogram->encoded_ = EncodedBytes::CopyOf(histogram->encoded_.view());
  return histogram;
}

Result<Histogram> Histogram::DecodeBorrowed(std::string_view bytes, size_t max_cells) {
  Cursor cursor = CursorOf(bytes);
  Head head;
  if (!ReadHead(&cursor, &head)) return ErrorOf(cursor);
  // A window is rounded up at both ends; a run needs at least one byte.
  const size_t spans = size_t{head.positive.span} + head.negative.span;
  if (spans > max_cells) {
    return Status::Error("histogram: " + std::to_string(spans) + " cells, at most " +
                         std::to_string(max_cells) + " allowed here");
  }
  Tally tally{head.zero_count};
  if (!ReadRuns(&cursor, head, NoSink(), NoSink(), &tally)) return ErrorOf(cursor);
  Histogram histogram(head.scale);
  histogram.fractional_ = head.fractional;
  histogram.zero_count_ = head.zero_count;
  if (!head.HasBuckets()) return histogram;
  histogram.encoded_ = EncodedBytes::Borrow(bytes);
  histogram.encoded_count_ = tally.total;
  return histogram;
}

void Histogram::FillCells() const {
  const EncodedBytes bytes = std::move(encoded_);
  Cursor cursor = CursorOf(bytes.view());
  Head head;
  ReadHead(&cursor, &head);
  uint64_t* const positive = positive_.CoverRun(head.positive.first, head.positive.span);
  uint64_t* const negative = negative_.CoverRun(head.negative.first, head.negative.span);
  AddRuns(&cursor, head, positive, negative);
}

void Histogram::ListFilled(Buckets* positive, Buckets* negative) const {
  positive->clear();
  negative->clear();
  if (encoded_.empty()) {
    positive_.AppendFilled(positive);
    negative_.AppendFilled(negative);
    return;
  }
  const std::string_view bytes = encoded_.view();
  Cursor cursor = CursorOf(bytes);
  Head head;
  ReadHead(&cursor, &head);
  Tally tally{head.zero_count};
  positive->resize(head.positive.span == 0 ? 0 : bytes.size());
  negative->resize(head.negative.span == 0 ? 0 : bytes.size());
  BucketRange::Bucket* positive_end = positive->data();
  BucketRange::Bucket* negative_end = negative->data();
  ReadRuns(&cursor, head, ListingSink{head.positive.first, &positive_end},
           ListingSink{head.negative.first, &negative_end}, &tally);
  positive->resize(static_cast<size_t>(positive_end - positive->data()));
  negative->resize(static_cast<size_t>(negative_end - negative->data()));
}

Status Histogram::MergeEncoded(std::string_view bytes) {
  NeedCells();
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
    if (empty() && !decoded->empty()) {
      *this = std::move(*decoded);
    } else if (!decoded->empty()) {
      MergeCells(*decoded);
    } else if (empty()) {
      scale_ = std::min(scale_, decoded->scale_);
    }
    return Status();
  }
  // The common case: straight into the cells, without a copy.
  if (!AddRuns(&cursor, head, positive, negative)) return ErrorOf(cursor);
  zero_count_ += head.zero_count;
  fractional_ = fractional_ || head.fractional;
  return Status();
}

}  // namespace ringside::proto
