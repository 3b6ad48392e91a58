// The operations that are killed after every one of their instructions, and what must be true of
// the segment then.
#ifndef RINGSIDE_TESTS_PROBE_STEP_CASES_H_
#define RINGSIDE_TESTS_PROBE_STEP_CASES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/probe/stepped_worker.h"
#include "tests/support/segment_view.h"

namespace ringside::tests {

// What kind of raw record a sample leaves.
enum class RawDetail { kNone, kTiming, kRequest };

struct StepCase {
  std::string name;
  StepBody body;
  std::string path = "work";  // what the operation counts in
  uint64_t before = 0;        // samples of it before
  uint64_t before_sum = 0;
  std::optional<int64_t> value = 7;  // what it records; none: a duration that nobody knows before
  RawDetail detail = RawDetail::kTiming;
  bool is_counted = true;       // false: only a sum (counters), or nothing yet (a request begins)
  bool is_open_before = false;  // a request is open when the operation begins
  bool is_open_after = false;
  // What the case is named for: larger when the operation has ended than when it began.
  uint64_t (*grows)(const SegmentView&) = nullptr;
  bool agent_follows = false;  // an agent has read the segment up to Begin
  std::map<std::string, std::string> environment = {};
};

// Named for what the instruction may be in the middle of.
std::vector<StepCase> StepCases();

}  // namespace ringside::tests

#endif  // RINGSIDE_TESTS_PROBE_STEP_CASES_H_
