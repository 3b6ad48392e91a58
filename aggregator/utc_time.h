// Moments as ISO 8601 UTC: "2025-03-01T12:34:56.789Z".
#ifndef RINGSIDE_AGGREGATOR_UTC_TIME_H_
#define RINGSIDE_AGGREGATOR_UTC_TIME_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/status.h"

namespace ringside::aggregator {

// With milliseconds; with up to nanoseconds where they are not zero.
std::string FormatUtc(uint64_t unix_ns);
// "2025-03-01T12:34:56.789Z", also without fraction, seconds or time ("2025-03-01" is its
// midnight), with an offset (+02:00), or seconds since 1970 as a number.
proto::Result<uint64_t> ParseUtc(std::string_view text);
uint64_t SystemUnixNs();

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_UTC_TIME_H_
