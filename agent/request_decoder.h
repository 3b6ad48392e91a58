// Entries of a request - from its ring record or from a dead producer's slot - to a row of the
// archive. The bytes are a private copy; their content is untrusted.
#ifndef RINGSIDE_AGENT_REQUEST_DECODER_H_
#define RINGSIDE_AGENT_REQUEST_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "agent/series_table.h"
#include "agent/tick_mapper.h"
#include "proto/batch.h"
#include "proto/segment_format.h"
#include "proto/uuid.h"

namespace ringside::agent {

struct RequestSource {
  proto::Uuid id;
  uint64_t start_ticks = 0;
  uint64_t duration_ns = 0;
  uint32_t series = 0;
  const std::byte* entries = nullptr;
  size_t entry_bytes = 0;
};

// False: not what a probe writes.
bool DecodeRequest(const RequestSource& source, const SeriesTable& table, const TickMapper& clock,
                   proto::RequestRow* row);

// A step that had not ended when its request was read.
struct OpenStep {
  size_t index = 0;       // in the row's steps
  uint32_t series = 0;    // as it would have ended: ok
  uint32_t entry_id = 0;  // entry offset + 1, as SlotHead::current_step names it
};

// An open request, of a dead producer as a rule: everything that was written, steps that never
// ended are aborted. `open_steps` gets those, in the order they began.
bool DecodeOpenRequest(const RequestSource& source, const SeriesTable& table,
                       const TickMapper& clock, proto::RequestRow* row,
                       std::vector<OpenStep>* open_steps);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_REQUEST_DECODER_H_
