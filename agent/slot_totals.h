// What a baseline's slot says of its producer, as batches carry it.
#ifndef RINGSIDE_AGENT_SLOT_TOTALS_H_
#define RINGSIDE_AGENT_SLOT_TOTALS_H_

#include "agent/baseline_format.h"
#include "proto/batch.h"

namespace ringside::agent {

proto::ProducerTotals TotalsOf(const BaselineSlot& head);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_SLOT_TOTALS_H_
