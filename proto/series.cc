#include "proto/series.h"

#include <cmath>

namespace ringside::proto {

const char* ToString(Kind kind) {
  switch (kind) {
    case Kind::kDuration:
      return "duration";
    case Kind::kValue:
      return "value";
    case Kind::kCounter:
      return "counter";
    case Kind::kGauge:
      return "gauge";
  }
  return "unknown";
}

const char* ToString(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk:
      return "ok";
    case Outcome::kError:
      return "error";
    case Outcome::kAborted:
      return "aborted";
  }
  return "unknown";
}

bool ParseKind(std::string_view text, Kind* kind) {
  for (Kind candidate : {Kind::kDuration, Kind::kValue, Kind::kCounter, Kind::kGauge}) {
    if (text == ToString(candidate)) {
      *kind = candidate;
      return true;
    }
  }
  return false;
}

bool ParseOutcome(std::string_view text, Outcome* outcome) {
  for (Outcome candidate : {Outcome::kOk, Outcome::kError, Outcome::kAborted}) {
    if (text == ToString(candidate)) {
      *outcome = candidate;
      return true;
    }
  }
  return false;
}

double RealFactor(const SeriesKey& key) {
  return key.kind == Kind::kDuration ? 1e-9 : std::ldexp(1.0, key.resolution);
}

}  // namespace ringside::proto
