// Numbers with units, as people write and read them: "12.3 ms", "20GiB", "5%", "10m".
#ifndef RINGSIDE_AGGREGATOR_UNITS_H_
#define RINGSIDE_AGGREGATOR_UNITS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/status.h"

namespace ringside::aggregator {

enum class Dimension { kPlain, kSeconds, kBytes, kRatio };

struct Quantity {
  double value = 0;  // in seconds, bytes, as a ratio, or plain
  Dimension dimension = Dimension::kPlain;
};

// "2s", "150ms", "5%", "20GiB", "1.5e3"; units ns us ms s m h d, B kB MB GB TB KiB MiB GiB TiB, %.
proto::Result<Quantity> ParseQuantity(std::string_view text);

// "10m", "1h30m", "500ms" in nanoseconds. A bare number is refused: which unit?
proto::Result<uint64_t> ParseDuration(std::string_view text);
// The shortest form that ParseDuration reads back: "10m", "1h30m".
std::string FormatDuration(uint64_t nanoseconds);

// For people, three digits: "12.3 ms" (unit "s"), "1.2 GiB" ("By"), "4.3 %" ("%": value is a
// ratio), "45.2 °C" ("Cel"), "1.25 k{token}"...: any other unit is put behind the number. "" for
// counts.
std::string FormatValue(double value, std::string_view unit);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_UNITS_H_
