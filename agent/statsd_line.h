// A line of StatsD or DogStatsD: "name:value|type|@rate|#tag:value,tag". Every byte is untrusted.
// docs/agent.md says which types become what.
#ifndef RINGSIDE_AGENT_STATSD_LINE_H_
#define RINGSIDE_AGENT_STATSD_LINE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/series.h"

namespace ringside::agent {

enum class StatsdType {
  kTiming,   // ms: milliseconds
  kValue,    // h, d: histogram, distribution
  kCounter,  // c
  kGauge,    // g
  kSet,      // s
};

struct StatsdLine {
  std::string_view name;
  StatsdType type = StatsdType::kCounter;
  std::vector<std::string_view> values;  // at least one
  double rate = 1;                       // above 0, at most 1
  std::string_view tags;                 // "k:v,k2", without the '#'
};

enum class StatsdVerdict {
  kGood,
  kIgnored,  // an event or a service check: well-formed, and not for us
  kMalformed,
};

// Views into `line`, which ends without newline.
StatsdVerdict ParseStatsdLine(std::string_view line, StatsdLine* parsed);

// A value of a timing, value, counter or gauge: finite, and small enough for what it is kept in.
bool ParseStatsdNumber(std::string_view text, double* value);

// Bounded, cleaned, sorted; a tag without value gets "true". Of two with one key the first counts.
proto::LabelList ParseStatsdTags(std::string_view tags);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_STATSD_LINE_H_
