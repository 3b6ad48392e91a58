#include "proto/distribution.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace ringside::proto {
namespace {

__extension__ using Uint128 = unsigned __int128;

Int128 AddModulo(Int128 a, Int128 b) {
  return static_cast<Int128>(static_cast<Uint128>(a) + static_cast<Uint128>(b));
}

Int128 ShiftModulo(Int128 value, int bits) {
  return bits >= 128 ? 0 : static_cast<Int128>(static_cast<Uint128>(value) << bits);
}

int64_t ShiftSaturated(int64_t value, int bits) {
  if (value == 0) return 0;
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  if (bits >= 63) return value > 0 ? kMost : kLeast;
  if (value > (kMost >> bits)) return kMost;
  if (value < (kLeast >> bits)) return kLeast;
  return value * (int64_t{1} << bits);
}

}  // namespace

void Distribution::Record(int64_t value, uint64_t unix_ns) {
  histogram.Record(value);
  sum = AddModulo(sum, value);
  min = has_extremes ? std::min(min, value) : value;
  max = has_extremes ? std::max(max, value) : value;
  has_extremes = true;
  if (unix_ns != 0 && unix_ns >= last_unix_ns) {
    last = value;
    last_unix_ns = unix_ns;
  }
}

bool Distribution::empty() const {
  return sum == 0 && !has_extremes && last_unix_ns == 0 && histogram.empty();
}

void Distribution::Refine(int8_t to) {
  assert(to <= resolution);
  const int bits = resolution - to;
  resolution = to;
  if (bits == 0) return;
  histogram.ShiftOctaves(bits);
  sum = ShiftModulo(sum, bits);
  min = ShiftSaturated(min, bits);
  max = ShiftSaturated(max, bits);
  last = ShiftSaturated(last, bits);
}

void Distribution::Merge(const Distribution& other) {
  if (other.empty()) {
    if (empty()) {
      resolution = std::min(resolution, other.resolution);
      histogram.Merge(other.histogram);
    }
    return;
  }
  if (empty()) {
    *this = other;
    return;
  }
  if (other.resolution > resolution) {
    Distribution finer = other;
    finer.Refine(resolution);
    Merge(finer);
    return;
  }
  Refine(other.resolution);
  histogram.Merge(other.histogram);
  sum = AddModulo(sum, other.sum);
  if (other.has_extremes) {
    min = has_extremes ? std::min(min, other.min) : other.min;
    max = has_extremes ? std::max(max, other.max) : other.max;
    has_extremes = true;
  }
  // Two values set in the same nanosecond: the greater, so that the order of merging is no matter.
  if (other.last_unix_ns > last_unix_ns ||
      (other.last_unix_ns == last_unix_ns && other.last > last)) {
    last = other.last;
    last_unix_ns = other.last_unix_ns;
  }
}

std::optional<double> Distribution::Quantile(double q) const {
  const std::optional<double> estimate = histogram.Quantile(q);
  if (!estimate || !has_extremes || min > max) return estimate;
  const double clamped = std::clamp(*estimate, static_cast<double>(min), static_cast<double>(max));
  const double bound = ErrorBound(histogram.scale()) * (1 + 1e-9);
  const bool same_bucket = std::abs(clamped - *estimate) <= bound * std::abs(*estimate);
  return same_bucket ? clamped : *estimate;
}

bool operator==(const Distribution& a, const Distribution& b) {
  return a.histogram == b.histogram && a.sum == b.sum && a.min == b.min && a.max == b.max &&
         a.has_extremes == b.has_extremes && a.last == b.last && a.last_unix_ns == b.last_unix_ns &&
         a.resolution == b.resolution;
}

}  // namespace ringside::proto
