// What changed between two images of a producer's statistics: per series, summed over its lanes.
//
// Works on private copies only. The newer image is still untrusted in content: units may point
// anywhere, heads may lie. Whatever no probe writes is an error, and the producer is quarantined;
// the work is bounded by the size of the pool.
#ifndef RINGSIDE_AGENT_DIFFER_H_
#define RINGSIDE_AGENT_DIFFER_H_

#include <cstdint>
#include <vector>

#include "agent/baseline_file.h"
#include "agent/series_table.h"
#include "agent/tick_mapper.h"
#include "proto/batch.h"
#include "proto/status.h"

namespace ringside::agent {

// newer - older, cell by cell, modulo 2^64. An `older` without lanes means: since the beginning.
proto::Result<std::vector<proto::SeriesDelta>> Differ(const SlotImage& newer,
                                                      const SlotImage& older,
                                                      const SeriesTable& table,
                                                      const TickMapper& clock);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_DIFFER_H_
