// The agent's own state as a Prometheus page: the ledger per producer and in total, and its
// counters. docs/http-api.md lists the names.
#ifndef RINGSIDE_AGENT_METRICS_PAGE_H_
#define RINGSIDE_AGENT_METRICS_PAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "agent/agent.h"
#include "proto/batch.h"
#include "proto/series.h"

namespace ringside::agent {

// Taken by the agent's thread after an interval; formatted by whoever is asked for it.
struct MetricsSnapshot {
  static constexpr size_t kMostProducers = 1000;

  struct Producer {
    proto::Uuid uuid;
    std::string service;
    std::string instance;
    bool is_quarantined = false;
    proto::ProducerTotals totals;
  };

  std::string host;
  AgentCounters counters;
  uint64_t spool_limit_bytes = 0;
  uint64_t interval_end_unix_ns = 0;
  std::vector<Producer> producers;  // at most kMostProducers
  uint64_t producers_left_out = 0;
  proto::ProducerTotals total;  // of all producers that this process has followed, also ended ones
};

std::string MetricsPage(const MetricsSnapshot& snapshot);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_METRICS_PAGE_H_
