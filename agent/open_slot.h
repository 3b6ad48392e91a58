// One request slot of a live producer: copied as one request had it, and decoded.
#ifndef RINGSIDE_AGENT_OPEN_SLOT_H_
#define RINGSIDE_AGENT_OPEN_SLOT_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "agent/request_decoder.h"
#include "agent/segment_file.h"
#include "agent/series_table.h"
#include "agent/tick_mapper.h"
#include "proto/batch.h"
#include "proto/status.h"

namespace ringside::agent {

// By a slot's lifecycle word.
inline bool IsOpen(uint64_t lifecycle) {
  return (lifecycle & (proto::kSlotOpen | proto::kSlotEnded)) == proto::kSlotOpen;
}

// Copies the slot, `slot_bytes` of the geometry, aligned to 8. False: no request is open there.
proto::Result<bool> CopyOpenSlot(const SegmentFile& file, uint32_t slot, std::byte* out);

// `slot`: such a copy. The row's duration is its age. False: no request that a probe writes.
bool DecodeOpenSlot(const SegmentFile& file, const std::byte* slot, const SeriesTable& table,
                    const TickMapper& clock, proto::RequestRow* row, std::vector<OpenStep>* open);

// The stage that the slot names, else the one that began last of those still open; null: none.
const OpenStep* CurrentStage(const std::byte* slot, const std::vector<OpenStep>& open);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_OPEN_SLOT_H_
