// What the agent learns between batches of producers - samples of the machine, what is in flight,
// StatsD lines - and what it says of itself, as its own producer.
#include <utility>

#include <unistd.h>

#include "agent/agent.h"
#include "agent/control_file.h"
#include "agent/inflight_watch.h"
#include "agent/machine_samples.h"
#include "agent/note_log.h"
#include "agent/process_list.h"
#include "agent/producer_set.h"
#include "agent/sampler.h"
#include "agent/spool.h"
#include "proto/tick_clock.h"

namespace ringside::agent {

using proto::ProducerDelta;

int Agent::ReceiveStatsd(uint64_t now_monotonic_ns, uint64_t now_unix_ns) {
  if (statsd_ == nullptr) return 0;
  std::string note;
  const uint64_t start_ns = proto::MonotonicNs();
  const int packets = statsd_->DoWork(now_unix_ns, &note);
  if (packets > 0) statsd_time_.Add(proto::MonotonicNs() - start_ns, now_unix_ns);
  if (!note.empty()) log_->Warn("statsd", note, now_monotonic_ns);
  return packets;
}

ProducerDelta Agent::SampleMachine(uint64_t now_monotonic_ns, uint64_t now_unix_ns) {
  ProducerDelta self;
  self.uuid = control_->identity().self;
  self.pid = static_cast<uint64_t>(getpid());
  self.service = "ringside-agent";
  self.instance = InstanceOf(self.pid, self.uuid);
  self.started_unix_ns = control_->identity().self_started_unix_ns;
  self.is_agent = true;
  std::vector<SamplerNote> notes;
  machine_->Collect(ListProcesses(producers_.get()), now_unix_ns, &notes);
  for (const SamplerNote& note : notes) {
    if (note.is_warning) {
      log_->Warn(note.text, note.text, now_monotonic_ns);
    } else {
      log_->Info(note.text);
    }
  }
  self.series = machine_->samples();
  SampleSelf(now_unix_ns, &self.series);
  inflight_->AppendSeries(machine_->samples(), now_monotonic_ns, now_unix_ns, &self.series);
  observing_.Append(machine_->samples(), now_unix_ns, &self.series);
  deaths_.Append(&self.series);
  self.totals.recorded = control_->self().recorded;
  for (const proto::SeriesDelta& series : self.series) {
    self.totals.recorded += series.delta.Count();
  }
  return self;
}

void Agent::SampleSelf(uint64_t now_unix_ns, std::vector<proto::SeriesDelta>* out) const {
  const auto add = [&](const char* path, const char* unit, uint64_t value) {
    out->push_back(GaugeSample(path, unit, {}, static_cast<int64_t>(value), now_unix_ns));
  };
  add("agent.producers", "{producer}", producers_->size());
  add("agent.quarantined", "{producer}", producers_->Quarantined());
  add("agent.spool.bytes", "By", spool_->bytes());
  out->insert(out->end(), statsd_time_.samples().begin(), statsd_time_.samples().end());
}

}  // namespace ringside::agent
