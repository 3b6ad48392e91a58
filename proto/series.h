// A series: what is measured, under which labels, with which outcome.
//
// `transcribe` is a request, `transcribe/decode` its stage, `decode` a bare operation. Every
// machine sample (`process.rss`, `gpu.memory.used`) is a series too, of kind gauge or counter.
#ifndef RINGSIDE_PROTO_SERIES_H_
#define RINGSIDE_PROTO_SERIES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace ringside::proto {

// Stored in segments, on the wire and in archives: numbers are never reused.
enum class Kind : uint8_t {
  kDuration = 1,  // integers are nanoseconds; shown in seconds
  kValue = 2,     // integers are fixed-point: real = integer * 2^resolution
  kCounter = 3,   // only the sum of what was added
  kGauge = 4,     // as kValue, and the last value set
};

enum class Outcome : uint8_t {
  kOk = 0,
  kError = 1,
  kAborted = 2,  // never ended: the worker died or forgot
};

inline constexpr int kOutcomeCount = 3;

const char* ToString(Kind kind);        // "duration", "value", "counter", "gauge"
const char* ToString(Outcome outcome);  // "ok", "error", "aborted"
bool ParseKind(std::string_view text, Kind* kind);
bool ParseOutcome(std::string_view text, Outcome* outcome);

// Sorted by key, keys unique.
using LabelList = std::vector<std::pair<std::string, std::string>>;

// What may not be exceeded by a producer; longer names are cut by the probe, and refused by the
// agent as corrupt.
inline constexpr size_t kMaxPathBytes = 200;
inline constexpr size_t kMaxLabels = 16;
inline constexpr size_t kMaxLabelKeyBytes = 64;
inline constexpr size_t kMaxLabelValueBytes = 200;
inline constexpr size_t kMaxErrorTypeBytes = 64;
inline constexpr size_t kMaxUnitBytes = 32;

struct SeriesKey {
  std::string path;
  Kind kind = Kind::kDuration;
  Outcome outcome = Outcome::kOk;
  std::string error_type;  // only with kError; may be empty
  std::string unit;        // UCUM, as OpenTelemetry: "s", "By", "{token}", "1"
  int8_t resolution =
      0;  // real value = integer * 2^resolution; for kDuration 0 and the integer is ns
  bool is_signed = false;  // negative values allowed (kValue, kGauge)
  LabelList labels;

  auto Tie() const {
    return std::tie(path, kind, outcome, error_type, unit, resolution, is_signed, labels);
  }
  friend bool operator==(const SeriesKey& a, const SeriesKey& b) { return a.Tie() == b.Tie(); }
  friend bool operator<(const SeriesKey& a, const SeriesKey& b) { return a.Tie() < b.Tie(); }
};

// Factor from the integers of this series to the unit that users see (ns -> s, fixed-point ->
// real).
double RealFactor(const SeriesKey& key);

// The label of a series that took in what went beyond a bound.
inline constexpr std::string_view kOverflowLabel = "overflow";
// The path of the series that takes what even an operation's overflow series could not.
inline constexpr std::string_view kGlobalOverflowPath = "(overflow)";

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_SERIES_H_
