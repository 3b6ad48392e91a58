// A lane's in-flight word (segment_format.h): which series its thread is in the middle of, and
// since when.
#ifndef RINGSIDE_PROTO_INFLIGHT_WORD_H_
#define RINGSIDE_PROTO_INFLIGHT_WORD_H_

#include <cstdint>

namespace ringside::proto {

inline constexpr int kInFlightSeriesShift = 40;
inline constexpr uint64_t kInFlightTicksMask = (uint64_t{1} << kInFlightSeriesShift) - 1;
inline constexpr int kInFlightTicksShift = 8;

inline constexpr uint64_t InFlightWord(uint32_t series, uint64_t ticks) {
  return uint64_t{series} << kInFlightSeriesShift |
         ((ticks >> kInFlightTicksShift) & kInFlightTicksMask);
}

inline constexpr uint32_t SeriesOfInFlight(uint64_t word) {
  return static_cast<uint32_t>(word >> kInFlightSeriesShift);
}

// Only the low bits of its start are there: it began at the last moment before now that has them.
inline constexpr uint64_t StartOfInFlight(uint64_t word, uint64_t now_ticks) {
  const uint64_t age_units = ((now_ticks >> kInFlightTicksShift) - word) & kInFlightTicksMask;
  const uint64_t age_ticks = age_units << kInFlightTicksShift;
  return now_ticks > age_ticks ? now_ticks - age_ticks : 0;
}

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_INFLIGHT_WORD_H_
