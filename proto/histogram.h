// The one mergeable histogram, from probe to query: base-2 exponential buckets over integers.
//
// Error: a quantile is off by at most (base-1)/(base+1) relative, base = 2^(2^-scale): 0.542 % at
// scale 6, 0.271 % at 7, 0.135 % at 8. Merging adds none; across scales it is exact at the coarser.
// Merge and downscale are exact, associative and commutative; equal contents encode to equal bytes.
// Buckets: see exponential_index.h.
//
// What was decoded stays as its bytes until somebody needs cells: most of what an aggregator takes
// in is only counted, listed and written down again. So even readers change it: not thread-safe.
#ifndef RINGSIDE_PROTO_HISTOGRAM_H_
#define RINGSIDE_PROTO_HISTOGRAM_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/encoded_bytes.h"
#include "proto/exponential_index.h"
#include "proto/status.h"

namespace ringside::proto {

// Relative error bound of quantiles at `scale`: (base-1)/(base+1).
double ErrorBound(int scale);

// Bucket indexes lie within +-(kMaxIndexOctaves << scale): 63 octaves of values, and any difference
// of two fixed-point resolutions. Decoders refuse others.
inline constexpr int kMaxIndexOctaves = 320;

// Bucket counts of one sign: a dense window of octaves around what was recorded. Indexes are those
// of the owning histogram's scale and may be negative (fixed-point values below 1 after a shift).
class BucketRange {
 public:
  struct Bucket {
    int32_t index;
    uint64_t count;
  };

  bool empty() const { return counts_.empty(); }
  uint64_t Count() const;
  void Add(int32_t index, uint64_t count) {
    const uint64_t at = static_cast<uint64_t>(int64_t{index} - first_index_);
    if (at < counts_.size()) {
      counts_[at] += count;
    } else {
      Grow(index, count);
    }
  }
  void Merge(const BucketRange& other);
  // Halves the resolution `steps` times: index >> steps, exactly.
  void Downscale(int steps);
  void Shift(int32_t index_offset);
  // Buckets with a count, in rising order of index.
  std::vector<Bucket> Filled() const;
  // The same, behind what `out` holds.
  void AppendFilled(std::vector<Bucket>* out) const;
  // Lowest and one past the highest index that may hold a count; counts() spans exactly these.
  int32_t first_index() const { return first_index_; }
  const std::vector<uint64_t>& counts() const { return counts_; }

  // Equal counts at equal indexes; how far the windows reach does not matter.
  friend bool operator==(const BucketRange& a, const BucketRange& b);

 private:
  friend class Histogram;

  void Grow(int32_t index, uint64_t count);
  void Cover(int32_t first, int32_t last);
  // The cells of [first, first + span), or null where the window does not hold them all.
  uint64_t* Cells(int32_t first, uint32_t span);
  // As Cells, after the window was made to hold them; null for none.
  uint64_t* CoverRun(int32_t first, uint32_t span);

  int32_t first_index_ = 0;
  std::vector<uint64_t> counts_;
};

class Histogram {
 public:
  explicit Histogram(int scale = kDefaultScale) : scale_(scale) {}

  int scale() const { return scale_; }
  bool empty() const {
    return zero_count_ == 0 && encoded_.empty() && positive_.empty() && negative_.empty();
  }
  // Sum of all buckets, the zero bucket included.
  uint64_t Count() const;
  uint64_t zero_count() const { return zero_count_; }
  // Shifted to a coarser resolution at some time: values need not be integers.
  bool fractional() const { return fractional_; }
  const BucketRange& positive() const { return NeedCells(), positive_; }
  const BucketRange& negative() const { return NeedCells(), negative_; }
  // Both signs' buckets with a count, in rising order of index.
  void ListFilled(std::vector<BucketRange::Bucket>* positive,
                  std::vector<BucketRange::Bucket>* negative) const;

  void Record(int64_t value, uint64_t count = 1);
  void AddZero(uint64_t count) { NeedCells(), zero_count_ += count; }
  // `index` at this histogram's scale; |value| in (base^index, base^(index+1)].
  void AddPositive(int32_t index, uint64_t count) { NeedCells(), positive_.Add(index, count); }
  void AddNegative(int32_t index, uint64_t count) { NeedCells(), negative_.Add(index, count); }

  // Exact. When the scales differ, this histogram takes the coarser one; an empty histogram has
  // no say in it (it is the neutral element: an empty one takes the other's scale).
  void Merge(const Histogram& other);
  void DownscaleTo(int scale);
  // Multiplies every value by 2^octaves, exactly (change of fixed-point resolution). Towards a
  // coarser resolution values may become fractions, which Quantile() then takes into account.
  void ShiftOctaves(int octaves);

  // Nearest rank: the value of rank ceil(q * Count()), at least rank 1; q in [0, 1]. The product is
  // forgiven its last bits, so that q = 0.07 of 100 is rank 7. Within ErrorBound(scale()); where a
  // bucket holds one integer only, that integer. nullopt when empty.
  std::optional<double> Quantile(double q) const;

  // docs/histogram-encoding.md. Appends to `out`.
  void Encode(std::string* out) const;
  // The same bytes, without a copy where they are there; else they are put into `room`.
  std::string_view Encoded(std::string* room) const;
  // The bytes where they are there already (histogram_tokens.h walks them); else empty.
  std::string_view EncodedIfThere() const { return encoded_.view(); }
  // The bytes are untrusted. On error nothing was merged. As Merge() of what they hold.
  Status MergeEncoded(std::string_view bytes);
  // The bytes are untrusted. Refuses what would take more than `max_cells` bucket cells in memory
  // (before allocating them).
  static Result<Histogram> Decode(std::string_view bytes, size_t max_cells = kMaxCells);
  // The same without a copy: the bytes must outlive what is returned. Its copies have their own.
  static Result<Histogram> DecodeBorrowed(std::string_view bytes, size_t max_cells = kMaxCells);
  static constexpr size_t kMaxCells = size_t{4} * kMaxIndexOctaves << kMaxScale;
  // Cells that this histogram holds in memory.
  size_t CellCount() const { return positive_.counts().size() + negative_.counts().size(); }

  friend bool operator==(const Histogram& a, const Histogram& b);

 private:
  void NeedCells() const {
    if (!encoded_.empty()) FillCells();
  }
  void FillCells() const;
  void MergeCells(const Histogram& other);

  int scale_;
  bool fractional_ = false;  // was shifted to a coarser resolution: values need not be integers
  uint64_t zero_count_ = 0;
  mutable BucketRange positive_;
  mutable BucketRange negative_;
  // What Decode was given, until the cells were needed; they are empty until then. Proved, with at
  // least one bucket.
  mutable EncodedBytes encoded_;
  uint64_t encoded_count_ = 0;
};

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_HISTOGRAM_H_
