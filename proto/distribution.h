// What is known of a series over some time: histogram, sum, extremes, last value. Merges exactly
// and in any order, across intervals, processes and hosts.
#ifndef RINGSIDE_PROTO_DISTRIBUTION_H_
#define RINGSIDE_PROTO_DISTRIBUTION_H_

#include <cstdint>
#include <optional>

#include "proto/histogram.h"
#include "proto/series.h"

namespace ringside::proto {

__extension__ using Int128 = __int128;

struct Distribution {
  Histogram histogram;  // empty for counters
  Int128 sum = 0;       // integer units of `resolution`
  int64_t min = 0;      // integer units; only when has_extremes
  int64_t max = 0;
  bool has_extremes = false;
  int64_t last = 0;  // kGauge: the last value set, integer units; only when last_unix_ns != 0
  uint64_t last_unix_ns = 0;
  int8_t resolution = 0;  // real value = integer * 2^resolution (durations: 0, ns)

  // One more sample, for samples that do not come from a segment (machine samples, request rows).
  void Record(int64_t value, uint64_t unix_ns = 0);
  // Of differing resolutions the finer is taken, exactly (extremes and last saturate at 64 bits).
  // An empty distribution is the neutral element: it takes the other's resolution and scale.
  void Merge(const Distribution& other);
  // Nothing recorded: no samples, no sum, no extremes, no last value.
  bool empty() const;
  // Expresses the same values at a finer resolution; `to` <= resolution.
  void Refine(int8_t to);
  uint64_t Count() const { return histogram.Count(); }
  // As Histogram::Quantile, and never beyond the exact extremes. An extreme that comes an interval
  // late does not pull a quantile out of its bucket.
  std::optional<double> Quantile(double q) const;

  friend bool operator==(const Distribution& a, const Distribution& b);
};

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_DISTRIBUTION_H_
