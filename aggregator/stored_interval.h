// What a series gathered over one or more intervals, as the store keeps it: the numbers plain, the
// histogram encoded (sparse ones take a fraction of the decoded form, and merging from bytes costs
// no more). Not thread-safe.
#ifndef RINGSIDE_AGGREGATOR_STORED_INTERVAL_H_
#define RINGSIDE_AGGREGATOR_STORED_INTERVAL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/distribution.h"

namespace ringside::aggregator {

struct IntervalValues {
  uint64_t start_unix_ns = 0;
  uint64_t end_unix_ns = 0;
  proto::Int128 sum = 0;
  int64_t min = 0;
  int64_t max = 0;
  int64_t last = 0;
  uint64_t last_unix_ns = 0;
  int8_t resolution = 0;
  bool has_extremes = false;
};

// One of a log (interval_log.h): valid until that changes.
struct IntervalView : IntervalValues {
  std::string_view histogram;  // proto::Histogram::Encode; empty when there are no samples

  // Valid as long as `delta` is left alone, and `room`, which may hold the histogram's bytes.
  static IntervalView Of(const proto::Distribution& delta, uint64_t start, uint64_t end,
                         std::string* room);
  // Exact. `out` takes the coarser scale and the finer resolution.
  void AddTo(proto::Distribution* out) const;
};

// One that owns its bytes.
struct StoredInterval : IntervalValues {
  std::string histogram;

  static StoredInterval From(const proto::Distribution& delta, uint64_t start, uint64_t end);
  static StoredInterval CopyOf(const IntervalView& view);
  IntervalView View() const;
  void AddTo(proto::Distribution* out) const { View().AddTo(out); }
  void Merge(const IntervalView& other);
  size_t Bytes() const { return sizeof(*this) + histogram.capacity(); }
};

// `out` of AddTo must begin like this, so that the first merge sets scale and resolution.
proto::Distribution EmptyDistribution(int8_t resolution);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_STORED_INTERVAL_H_
