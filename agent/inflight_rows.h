// From samples to what people see: the oldest operations and requests in flight, with their names.
#ifndef RINGSIDE_AGENT_INFLIGHT_ROWS_H_
#define RINGSIDE_AGENT_INFLIGHT_ROWS_H_

#include <cstddef>
#include <vector>

#include "agent/evidence_reader.h"
#include "agent/inflight_sample.h"
#include "proto/inflight.h"

namespace ringside::agent {

// At most `most`, the oldest first. A request that ended meanwhile is left out. Those that are old
// come with evidence of what they wait for, as it was found after an earlier call.
std::vector<proto::InFlightRow> OldestRows(const std::vector<ProducerInFlight>& samples,
                                           size_t most, uint64_t now_monotonic_ns,
                                           EvidenceReader* evidence);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_INFLIGHT_ROWS_H_
