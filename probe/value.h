// From a user's number to the fixed-point integer of a series.
#ifndef RINGSIDE_PROBE_VALUE_H_
#define RINGSIDE_PROBE_VALUE_H_

#include <cmath>
#include <cstdint>

#include "probe/sample.h"
#include "probe/series.h"

namespace ringside::probe {

// NaN, infinite and undeclared negative values: counted as lost, false. Too large: clamped,
// counted.
bool ConvertRare(const Series& series, double number, int64_t* integer) noexcept;

// Rounded to the nearest integer of the series' resolution. False: there is nothing to record.
inline bool Convert(const Series& series, double number, int64_t* integer) noexcept {
  const double scaled = number * series.factor;
  // False for NaN too. 2^63 is the first double that int64 cannot hold.
  if (__builtin_expect(scaled < 0x1p63 && (scaled >= 0 || (series.is_signed && scaled > -0x1p63)),
                       1)) {
    *integer = std::llrint(scaled);
    return true;
  }
  return ConvertRare(series, number, integer);
}

// Whether a number is its own integer.
inline bool IsPlain(const Series& series, int64_t number) noexcept {
  return __builtin_expect(series.resolution == 0 && (number >= 0 || series.is_signed), 1) != 0;
}

// Not plain: a finer resolution is exact as long as it fits.
bool ConvertInt(const Series& series, int64_t number, int64_t* integer) noexcept;

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_VALUE_H_
