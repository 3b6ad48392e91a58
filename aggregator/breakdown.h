// Where a request's time went: self time of each stage over the request's wall time.
//
// A step that lies within another's time is its child; self time is a step's time without its
// children's. What no step covers is "(untimed)". Stages that overlap without nesting (worked on in
// parallel) each keep their whole time, so that the shares may exceed 100 %.
#ifndef RINGSIDE_AGGREGATOR_BREAKDOWN_H_
#define RINGSIDE_AGGREGATOR_BREAKDOWN_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/batch.h"

namespace ringside::aggregator {

inline constexpr std::string_view kUntimed = "(untimed)";

// All steps of one name.
struct StageShare {
  std::string name;
  uint64_t count = 0;
  uint64_t ok = 0;
  uint64_t errors = 0;  // aborted ones included
  uint64_t total_ns = 0;
  uint64_t self_ns = 0;
  double share = 0;  // self time / wall time, 0..1
};

struct Breakdown {
  std::vector<StageShare> stages;  // in the order in which the stages first began
  uint64_t untimed_ns = 0;
  double untimed_share = 0;
  std::string bottleneck;  // the stage with the largest share; empty without stages
};

Breakdown BreakdownOf(const proto::RequestRow& request);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_BREAKDOWN_H_
