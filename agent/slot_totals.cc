#include "agent/slot_totals.h"

#include <cstddef>

namespace ringside::agent {

proto::ProducerTotals TotalsOf(const BaselineSlot& head) {
  proto::ProducerTotals totals;
  totals.recorded = head.recorded;
  for (size_t i = 0; i < totals.lost.size(); ++i) totals.lost[i] = head.lost[i];
  for (size_t i = 0; i < totals.dropped.size(); ++i) totals.dropped[i] = head.dropped[i];
  const auto lost = [&](proto::LossReason reason) -> uint64_t& {
    return totals.lost[static_cast<size_t>(reason)];
  };
  const auto dropped = [&](proto::DropReason reason) -> uint64_t& {
    return totals.dropped[static_cast<size_t>(reason)];
  };
  lost(proto::LossReason::kBaseline) += head.lost_baseline;
  dropped(proto::DropReason::kRingFull) += head.lane_dropped;
  dropped(proto::DropReason::kNotSampled) += head.not_sampled;
  dropped(proto::DropReason::kSpoolFull) += head.spool_full;
  dropped(proto::DropReason::kCorrupt) += head.corrupt;
  totals.detail_written = head.detail_written;
  totals.detail_sent = head.detail_sent;
  return totals;
}

}  // namespace ringside::agent
