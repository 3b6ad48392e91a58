// A dead producer's open request slots, folded: each becomes an aborted request with the stage it
// died in, and an aborted sample of the request's and of the open stages' series.
#ifndef RINGSIDE_AGENT_OPEN_REQUESTS_H_
#define RINGSIDE_AGENT_OPEN_REQUESTS_H_

#include <cstdint>
#include <vector>

#include "agent/segment_file.h"
#include "agent/series_table.h"
#include "agent/tick_mapper.h"
#include "proto/batch.h"
#include "proto/status.h"

namespace ringside::agent {

struct OpenRequests {
  std::vector<proto::RequestRow> rows;
  std::vector<proto::SeriesDelta> samples;
  uint64_t corrupt = 0;  // slots that could not be read; their samples are not counted either
};

// `died_unix_ns`: when the producer was last known alive, at most. Only once no writer is left.
proto::Result<OpenRequests> FoldOpenRequests(const SegmentFile& segment, uint32_t slots_used,
                                             const SeriesTable& table, const TickMapper& clock,
                                             uint64_t died_unix_ns);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_OPEN_REQUESTS_H_
