// The agent's /metrics: what its thread publishes after each interval.
#include "agent/agent.h"
#include "agent/control_file.h"
#include "agent/metrics_server.h"
#include "agent/note_log.h"
#include "agent/producer_set.h"
#include "agent/totals.h"

namespace ringside::agent {

// An address that is taken is no reason not to drain.
proto::Status Agent::ServeMetrics() {
  if (config_.metrics.empty()) return proto::Status();
  if (proto::Status s = MetricsServer::Check(config_.metrics); !s) return s;
  proto::Result<std::unique_ptr<MetricsServer>> server = MetricsServer::Start(config_.metrics);
  if (server) {
    metrics_ = std::move(*server);
  } else {
    log_->Info(server.message() + "; going on without");
  }
  return proto::Status();
}

std::string Agent::metrics_url() const { return metrics_ != nullptr ? metrics_->url() : ""; }

void Agent::PublishMetrics() const {
  if (metrics_ == nullptr) return;
  MetricsSnapshot snapshot;
  snapshot.host = config_.host;
  snapshot.counters = counters();
  snapshot.spool_limit_bytes = config_.spool_limit_bytes;
  snapshot.interval_end_unix_ns = interval_start_unix_ns_;
  if (producers_ != nullptr) {
    snapshot.total = producers_->removed_totals();
    for (const Producer* producer : producers_->All()) {
      const proto::ProducerTotals totals = producer->totals();
      AddTotals(totals, &snapshot.total);
      if (snapshot.producers.size() == MetricsSnapshot::kMostProducers) {
        ++snapshot.producers_left_out;
        continue;
      }
      const SegmentIdentity& identity = producer->segment().identity();
      snapshot.producers.push_back({identity.uuid, identity.service,
                                    InstanceOf(identity.pid, identity.uuid),
                                    producer->state() == Producer::State::kQuarantined, totals});
    }
    snapshot.total.recorded += control_->self().recorded;
  }
  metrics_->Publish(std::move(snapshot));
}

}  // namespace ringside::agent
