// All series of this process: found or made by what they are.
//
// Lock-free and append-only, without malloc: safe in signal handlers, and whatever state a fork or
// a raw clone finds it in is a valid one (a half-made series is simply not there). Never fails:
// what finds no room becomes the overflow series of its path, and beyond that the global one of its
// kind.
#ifndef RINGSIDE_PROBE_SERIES_REGISTRY_H_
#define RINGSIDE_PROBE_SERIES_REGISTRY_H_

#include <cstdint>
#include <string_view>

#include "probe/label_set.h"
#include "probe/series.h"
#include "proto/exponential_index.h"

namespace ringside::probe {

struct SeriesSpec {
  proto::Kind kind = proto::Kind::kDuration;
  proto::Outcome outcome = proto::Outcome::kOk;
  uint8_t scale = proto::kDefaultScale;
  int8_t resolution = 0;
  bool is_signed = false;
  bool is_overflow = false;
  std::string_view path;
  std::string_view labels;  // encoded
  std::string_view error_type;
  std::string_view unit;
};

class SeriesRegistry {
 public:
  // Names are cut to their limits. Registers the overflow series of the same path first, so that it
  // is there whenever the others are.
  static const Series* Find(SeriesSpec spec) noexcept;

  // The same series under other labels.
  static const Series* WithLabels(const Series& series, LabelSet& labels) noexcept;
  // The same series with another outcome. `series` is an ok series.
  static const Series* WithOutcome(const Series& series, proto::Outcome outcome,
                                   std::string_view error_type) noexcept;
  // The series `<parent's path>/<name>`: a stage of a request.
  static const Series* Stage(const Series& request, std::string_view name,
                             LabelSet& labels) noexcept;
  static const Series* Stage(const Series& request, std::string_view name) noexcept;
  // The value `<parent's path>/<name>` with the parent's labels.
  static const Series* ValueOf(const Series& parent, std::string_view name,
                               std::string_view unit) noexcept;
  // What takes the samples of `series` where it finds no room itself.
  static const Series* OverflowOf(const Series& series) noexcept;
  // The last resort of a kind; in every segment from the start.
  static const Series* Global(proto::Kind kind) noexcept;
};

// Whole numbers for what is counted ("By", "{token}"), else 2^-20.
int8_t DefaultResolution(std::string_view unit) noexcept;

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_SERIES_REGISTRY_H_
