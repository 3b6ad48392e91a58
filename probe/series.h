// A series as this process knows it: interned once, never freed, the same before and after a fork.
// What the C ABI calls an operation, value, counter or gauge is a pointer to one of these.
//
// Immutable after it was published, save for the atomic links. A segment has its own table entry
// for it (segment_series.h), made when the series is first recorded there.
#ifndef RINGSIDE_PROBE_SERIES_H_
#define RINGSIDE_PROBE_SERIES_H_

#include <atomic>
#include <cstdint>
#include <string_view>

#include "proto/series.h"

namespace ringside::probe {

// Series of one process; a segment holds fewer. The last eighth is kept for overflow series.
inline constexpr uint32_t kMaxSeries = 4096;
inline constexpr uint32_t kMaxOrdinarySeries = kMaxSeries - kMaxSeries / 8;

// Error types of one operation; further ones become "(other)".
inline constexpr uint32_t kMaxErrorTypes = 32;
inline constexpr std::string_view kOtherErrorType = "(other)";

struct StageTable;

struct Series {
  // -- what every record reads --
  uint32_t id = 0;  // 1 .. kMaxSeries - 1, in order of registration
  proto::Kind kind = proto::Kind::kDuration;
  proto::Outcome outcome = proto::Outcome::kOk;
  uint8_t scale = 0;
  int8_t resolution = 0;
  bool is_signed = false;
  bool is_overflow = false;
  double factor = 1;  // integer = real * factor

  // -- identity; the strings lie in the registry's arena --
  uint64_t hash = 0;
  std::string_view path;
  std::string_view labels;  // encoded, see LabelSet
  std::string_view error_type;
  std::string_view unit;

  // -- links: SYNC series-link: stored with release once what they point to is complete, read with
  // acquire. Only caches: a link that is missing is found or made again.
  std::atomic<const Series*> overflow{nullptr};  // takes the samples when there is no room
  std::atomic<const Series*> aborted{nullptr};   // of an ok series
  std::atomic<Series*> first_error{nullptr};     // of an ok series: a list by next_error
  std::atomic<uint32_t> error_types{0};          // its length
  std::atomic<uint32_t> listed{0};               // of an error series: someone put it in the list
  std::atomic<StageTable*> stages{nullptr};      // of a request's series
  Series* next_error = nullptr;                  // written before it is published in a list
};

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_SERIES_H_
