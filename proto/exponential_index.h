// Which base-2 exponential bucket an integer belongs to.
//
// Buckets are those of OpenTelemetry's exponential histogram and of Prometheus' native histogram
// (schema = scale): base = 2^(2^-scale), bucket `index` holds base^index < value <= base^(index+1).
// They are upper-inclusive: a power of two belongs to the bucket below it. Values are integers
// >= 1; a fixed-point resolution of 2^r only shifts the index by r * 2^scale, exactly.
//
// The index is found by exponent and table, never by log(): exact for every 64-bit value.
// Used by the probe's record path (no call, no division, no floating point) and by the histogram.
#ifndef RINGSIDE_PROTO_EXPONENTIAL_INDEX_H_
#define RINGSIDE_PROTO_EXPONENTIAL_INDEX_H_

#include <cstdint>

#include "proto/exponential_table.h"

namespace ringside::proto {

inline constexpr int kMinScale = 0;
inline constexpr int kMaxScale = 8;
inline constexpr int kDefaultScale = 6;

// Values above this are recorded as this (and counted as clamped): the last octave ends here.
inline constexpr uint64_t kMaxValue = uint64_t{1} << 63;
inline constexpr int kOctaveCount = 64;

// A bucket's place: octave o holds 2^(o-1) < value <= 2^o; `sub` is the place inside it.
struct BucketPlace {
  uint32_t octave;  // 0 .. 63; octave 0 holds the value 1 alone
  uint32_t sub;     // 0 .. 2^scale - 1
};

// value in [1, kMaxValue]; `coarser` = kMaxScale - scale.
inline BucketPlace PlaceAt(uint64_t value, uint32_t coarser) {
  const auto zeros = static_cast<uint32_t>(__builtin_clzll(((value - 1) << 1) | 1));
  // The value scaled to (2^63, 2^64], minus one so that 2^64 fits: x > B  <=>  x - 1 >= floor(B).
  const uint64_t mantissa = ((value << 1) << zeros) - 1;
  uint32_t sub = kFirstGuess[(mantissa >> 54) & 511u];
  sub += static_cast<uint32_t>(mantissa >= kBoundary[sub + 1]);
  // mantissa 2^64-1 meets the sentinel boundary; it belongs to the last bucket.
  sub -= sub >> 8;
  return {zeros ^ 63u, sub >> coarser};
}

// scale in [kMinScale, kMaxScale].
inline BucketPlace PlaceOf(uint64_t value, int scale) {
  return PlaceAt(value, static_cast<uint32_t>(kMaxScale - scale));
}

inline int32_t IndexOf(BucketPlace place, int scale) {
  return (static_cast<int32_t>(place.octave) - 1) * (int32_t{1} << scale) +
         static_cast<int32_t>(place.sub);
}

inline int32_t IndexOf(uint64_t value, int scale) { return IndexOf(PlaceOf(value, scale), scale); }

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_EXPONENTIAL_INDEX_H_
