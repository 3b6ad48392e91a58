// How much raw detail the agent takes out of the rings.
#ifndef RINGSIDE_AGENT_DETAIL_BUDGET_H_
#define RINGSIDE_AGENT_DETAIL_BUDGET_H_

#include <cstdint>
#include <string_view>

#include "proto/status.h"

namespace ringside::agent {

// Records per lane and interval; what is beyond is counted as not_sampled.
struct DetailBudget {
  uint32_t requests = 4096;
  uint32_t timings = 64;  // of bare operations: half of them evenly spread, half the slowest
};

// "off", "default", "all", or REQUESTS:SAMPLES such as "1000:0".
proto::Result<DetailBudget> ParseDetailBudget(std::string_view text);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_DETAIL_BUDGET_H_
