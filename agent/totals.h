// Sums of what several producers count.
#ifndef RINGSIDE_AGENT_TOTALS_H_
#define RINGSIDE_AGENT_TOTALS_H_

#include "proto/batch.h"

namespace ringside::agent {

inline void AddTotals(const proto::ProducerTotals& totals, proto::ProducerTotals* sum) {
  sum->recorded += totals.recorded;
  sum->detail_written += totals.detail_written;
  sum->detail_sent += totals.detail_sent;
  for (size_t i = 0; i < totals.lost.size(); ++i) sum->lost[i] += totals.lost[i];
  for (size_t i = 0; i < totals.dropped.size(); ++i) sum->dropped[i] += totals.dropped[i];
}

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_TOTALS_H_
