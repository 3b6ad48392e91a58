#include "proto/histogram.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <numeric>

namespace ringside::proto {
namespace {

// Windows grow to multiples of this many cells, so that neighbours do not each move the vector.
constexpr int32_t kWindowCells = 64;

// Indexes whose cells from one end of the window on are all zero.
struct Trimmed {
  int32_t first_index;
  const uint64_t* begin;
  const uint64_t* end;
};

Trimmed Trim(const BucketRange& range) {
  const uint64_t* begin = range.counts().data();
  const uint64_t* end = begin + range.counts().size();
  const uint64_t* const all = begin;
  while (begin != end && *begin == 0) ++begin;
  while (begin != end && end[-1] == 0) --end;
  return {range.first_index() + static_cast<int32_t>(begin - all), begin, end};
}

// The one integer of bucket (base^index, base^(index+1)], 0 when it holds none or several.
uint64_t OnlyIntegerOf(int32_t index, int scale) {
  if (index == -1) return 1;
  const int32_t octave = (index >> scale) + 1;
  if (index < -1 || octave >= kOctaveCount) return 0;
  const auto sub = static_cast<uint32_t>(index) & ((1u << scale) - 1);
  const uint32_t low = sub << (kMaxScale - scale);
  const uint32_t high = (sub + 1) << (kMaxScale - scale);
  const int shift = 64 - octave;
  const uint64_t below = kBoundary[low] >> shift;
  // The table ends with a sentinel instead of 2^64.
  const uint64_t upto = high == 256 ? uint64_t{1} << octave : kBoundary[high] >> shift;
  return upto - below == 1 ? upto : 0;
}

// The value that is off by at most (base-1)/(base+1) from any in the bucket: the harmonic mean.
double ValueOf(int32_t index, int scale, bool integers) {
  if (integers) {
    const uint64_t only = OnlyIntegerOf(index, scale);
    if (only != 0) return static_cast<double>(only);
  }
  const double base = std::exp2(std::ldexp(1.0, -scale));
  return std::exp2(std::ldexp(static_cast<double>(index), -scale)) * (2 * base / (1 + base));
}

}  // namespace

double ErrorBound(int scale) {
  const double base = std::exp2(std::ldexp(1.0, -scale));
  return (base - 1) / (base + 1);
}

uint64_t BucketRange::Count() const {
  return std::accumulate(counts_.begin(), counts_.end(), uint64_t{0});
}

void BucketRange::Grow(int32_t index, uint64_t count) {
  if (count == 0) return;  // a range without counts stays empty()
  Cover(index, index);
  counts_[static_cast<size_t>(index - first_index_)] += count;
}

void BucketRange::Cover(int32_t first, int32_t last) {
  // Two's complement rounds towards minus infinity, as the windows need.
  first &= ~(kWindowCells - 1);
  last |= kWindowCells - 1;
  if (counts_.empty()) {
    first_index_ = first;
    counts_.assign(static_cast<size_t>(last - first) + 1, 0);
    return;
  }
  if (first < first_index_) {
    counts_.insert(counts_.begin(), static_cast<size_t>(first_index_ - first), 0);
    first_index_ = first;
  }
  const auto span = static_cast<size_t>(last - first_index_) + 1;
  if (span > counts_.size()) counts_.resize(span, 0);
}

uint64_t* BucketRange::Cells(int32_t first, uint32_t span) {
  const int64_t at = int64_t{first} - first_index_;
  if (at < 0 || static_cast<uint64_t>(at) + span > counts_.size()) return nullptr;
  return counts_.data() + at;
}

uint64_t* BucketRange::CoverRun(int32_t first, uint32_t span) {
  if (span == 0) return nullptr;
  uint64_t* const cells = Cells(first, span);
  if (cells != nullptr) return cells;
  Cover(first, first + static_cast<int32_t>(span) - 1);
  return Cells(first, span);
}

void BucketRange::Merge(const BucketRange& other) {
  const Trimmed theirs = Trim(other);
  if (theirs.begin == theirs.end) return;
  const auto span = static_cast<uint32_t>(theirs.end - theirs.begin);
  uint64_t* const cells = CoverRun(theirs.first_index, span);
  for (uint32_t i = 0; i < span; ++i) cells[i] += theirs.begin[i];
}

void BucketRange::Downscale(int steps) {
  if (steps <= 0 || counts_.empty()) return;
  BucketRange coarser;
  const int32_t last = first_index_ + static_cast<int32_t>(counts_.size()) - 1;
  coarser.Cover(first_index_ >> steps, last >> steps);
  for (size_t i = 0; i < counts_.size(); ++i) {
    const int32_t index = (first_index_ + static_cast<int32_t>(i)) >> steps;
    coarser.counts_[static_cast<size_t>(index - coarser.first_index_)] += counts_[i];
  }
  *this = std::move(coarser);
}

void BucketRange::Shift(int32_t index_offset) {
  if (!counts_.empty()) first_index_ += index_offset;
}

std::vector<BucketRange::Bucket> BucketRange::Filled() const {
  std::vector<Bucket> filled;
  AppendFilled(&filled);
  return filled;
}

// Without a branch for each cell: which are filled cannot be guessed.
void BucketRange::AppendFilled(std::vector<Bucket>* out) const {
  const size_t before = out->size();
  out->resize(before + counts_.size());
  Bucket* to = out->data() + before;
  int32_t index = first_index_;
  for (const uint64_t count : counts_) {
    *to = {index++, count};
    to += count != 0 ? 1 : 0;
  }
  out->resize(static_cast<size_t>(to - out->data()));
}

bool operator==(const BucketRange& a, const BucketRange& b) {
  const Trimmed left = Trim(a);
  const Trimmed right = Trim(b);
  if (left.begin == left.end || right.begin == right.end) {
    return left.begin == left.end && right.begin == right.end;
  }
  return left.first_index == right.first_index &&
         std::equal(left.begin, left.end, right.begin, right.end);
}

uint64_t Histogram::Count() const {
  if (!encoded_.empty()) return encoded_count_;
  return zero_count_ + positive_.Count() + negative_.Count();
}

void Histogram::Record(int64_t value, uint64_t count) {
  NeedCells();
  if (value > 0) {
    positive_.Add(IndexOf(static_cast<uint64_t>(value), scale_), count);
  } else if (value == 0) {
    zero_count_ += count;
  } else {
    negative_.Add(IndexOf(-static_cast<uint64_t>(value), scale_), count);
  }
}

void Histogram::Merge(const Histogram& other) {
  if (other.empty()) {
    if (empty()) scale_ = std::min(scale_, other.scale_);
    return;
  }
  if (&other == this) NeedCells();  // else it would be read while it is decoded
  if (empty()) {
    *this = other;
  } else if (other.encoded_.empty() || !MergeEncoded(other.encoded_.view()).ok()) {
    MergeCells(other);
  }
}

// Both have something.
void Histogram::MergeCells(const Histogram& other) {
  NeedCells();
  other.NeedCells();
  fractional_ = fractional_ || other.fractional_;
  zero_count_ += other.zero_count_;
  if (other.scale_ > scale_) {
    Histogram coarser = other;
    coarser.DownscaleTo(scale_);
    positive_.Merge(coarser.positive_);
    negative_.Merge(coarser.negative_);
    return;
  }
  DownscaleTo(other.scale_);
  positive_.Merge(other.positive_);
  negative_.Merge(other.negative_);
}

void Histogram::DownscaleTo(int scale) {
  assert(scale >= kMinScale);
  if (scale >= scale_) return;
  NeedCells();
  positive_.Downscale(scale_ - scale);
  negative_.Downscale(scale_ - scale);
  scale_ = scale;
}

void Histogram::ShiftOctaves(int octaves) {
  NeedCells();
  const int32_t offset = octaves * (int32_t{1} << scale_);
  positive_.Shift(offset);
  negative_.Shift(offset);
  if (octaves < 0 && !(positive_.empty() && negative_.empty())) fractional_ = true;
}

std::optional<double> Histogram::Quantile(double q) const {
  const uint64_t total = Count();
  if (total == 0) return std::nullopt;
  NeedCells();
  constexpr double kForgiven = 1 - 4 * std::numeric_limits<double>::epsilon();
  const double wanted = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(total) * kForgiven);
  uint64_t rank = wanted < 1 ? 1 : total;
  if (wanted >= 1 && wanted < static_cast<double>(total)) rank = static_cast<uint64_t>(wanted);

  // From the most negative value up: the highest negative index first.
  for (size_t i = negative_.counts().size(); i-- > 0;) {
    const uint64_t count = negative_.counts()[i];
    if (rank <= count) {
      return -ValueOf(negative_.first_index() + static_cast<int32_t>(i), scale_, !fractional_);
    }
    rank -= count;
  }
  if (rank <= zero_count_) return 0.0;
  rank -= zero_count_;
  for (size_t i = 0; i < positive_.counts().size(); ++i) {
    const uint64_t count = positive_.counts()[i];
    if (rank <= count) {
      return ValueOf(positive_.first_index() + static_cast<int32_t>(i), scale_, !fractional_);
    }
    rank -= count;
  }
  return std::nullopt;  // only when the counts themselves went past 2^64
}

bool operator==(const Histogram& a, const Histogram& b) {
  if (!a.encoded_.empty() && !b.encoded_.empty()) return a.encoded_.view() == b.encoded_.view();
  a.NeedCells();
  b.NeedCells();
  return a.scale_ == b.scale_ && a.fractional_ == b.fractional_ && a.zero_count_ == b.zero_count_ &&
         a.positive_ == b.positive_ && a.negative_ == b.negative_;
}

}  // namespace ringside::proto
