#include "agent/agent.h"

#include <algorithm>
#include <utility>

#include "agent/commit.h"
#include "agent/control_file.h"
#include "agent/default_directory.h"
#include "agent/directory_lock.h"
#include "agent/directory_watch.h"
#include "agent/fail_points.h"
#include "agent/frame_builder.h"
#include "agent/inflight_watch.h"
#include "agent/machine_samples.h"
#include "agent/metrics_server.h"
#include "agent/note_log.h"
#include "agent/process_list.h"
#include "agent/producer_set.h"
#include "agent/recovery.h"
#include "agent/sampler.h"
#include "agent/spool.h"
#include "agent/spool_room.h"
#include "proto/descriptor_limit.h"
#include "proto/tick_clock.h"
#include "proto/version.h"

namespace ringside::agent {
namespace {

using proto::ProducerDelta;
using proto::ProducerTotals;
using proto::Result;
using proto::Status;

constexpr uint64_t kSecondNs = 1000000000;
constexpr uint64_t kRescanNs = 5 * kSecondNs;
constexpr uint64_t kTakeOverNs = kSecondNs;

}  // namespace

Agent::Agent(AgentConfig config)
    : config_(std::move(config)), log_(new NoteLog), processes_(new ProcessMaps), pace_(PollNs()) {}

Agent::~Agent() = default;

Result<std::unique_ptr<Agent>> Agent::Start(AgentConfig config) {
  if (config.directory.empty()) config.directory = DefaultDirectory();
  if (config.host.empty()) config.host = DefaultHost();
  if (config.state_dir.empty()) return Status::Error("agent: no state directory given");
  if (config.interval.count() <= 0) return Status::Error("agent: the interval must be above 0");
  proto::RaiseDescriptorLimit();  // four a producer; a host may have thousands
  std::unique_ptr<Agent> agent(new Agent(std::move(config)));
  if (Status s = agent->ServeMetrics(); !s) return s;
  Result<std::unique_ptr<DirectoryWatch>> watch = DirectoryWatch::Open(agent->config_.directory);
  if (!watch) return watch.status();
  agent->watch_ = std::move(*watch);
  Result<std::unique_ptr<DirectoryLock>> lock = DirectoryLock::Open(agent->watch_->fd());
  if (!lock) return Status::Error(agent->config_.directory + ": " + lock.message());
  agent->lock_ = std::move(*lock);
  if (agent->lock_->TryHold()) {
    if (Status s = agent->Activate(proto::UnixNs()); !s) return s;
  } else {
    agent->log_->Info("standing by: the agent with " + agent->lock_->Holder() + " drains " +
                      agent->config_.directory);
    agent->DeliverLeftovers();
  }
  return agent;
}

// Another agent's death frees the lock.
bool Agent::TryActivate(uint64_t now_monotonic_ns, uint64_t now_unix_ns) {
  if (now_monotonic_ns < next_activation_ns_) return false;
  next_activation_ns_ = now_monotonic_ns + kTakeOverNs;
  PublishMetrics();
  if (!lock_->TryHold()) return false;
  const Status status = Activate(now_unix_ns);
  if (!status) log_->Warn("activate", status.message(), now_monotonic_ns);
  return status.ok();
}

// What an agent of this state directory had committed is delivered also while another one drains
// the segments. One that another agent uses is that agent's to deliver.
void Agent::DeliverLeftovers() {
  Result<std::unique_ptr<Spool>> spool = Spool::Open(config_.state_dir, config_.spool_limit_bytes);
  if (!spool || (*spool)->pending().empty()) return;
  log_->Info("sending " + std::to_string((*spool)->pending().size()) + " batches that " +
             config_.state_dir + " still holds");
  spool_ = std::move(*spool);
  if (Status s = Connect(spool_->tail().epoch); !s) log_->Info(s.message());
}

Status Agent::Connect(uint64_t epoch) {
  if (config_.aggregator.empty()) return Status();
  proto::Hello hello;
  hello.agent = spool_->agent();
  hello.epoch = epoch;
  hello.host = config_.host;
  hello.software_version = proto::kVersion;
  hello.boot_id = ReadBootId();
  Result<std::unique_ptr<Uplinks>> uplink =
      Uplinks::Open(config_.aggregator, config_.keys, hello, spool_.get());
  if (uplink) uplink_ = std::move(*uplink);
  return uplink.status();
}

Status Agent::Activate(uint64_t now_unix_ns) {
  if (config_.statsd.enabled()) {
    Result<std::unique_ptr<Statsd>> statsd = Statsd::Open(config_.statsd, now_unix_ns);
    if (!statsd) return statsd.status();
    statsd_ = std::move(*statsd);
  }
  if (spool_ == nullptr) {
    Result<std::unique_ptr<Spool>> spool =
        Spool::Open(config_.state_dir, config_.spool_limit_bytes);
    if (!spool) return spool.status();
    spool_ = std::move(*spool);
  }
  Result<Recovered> recovered =
      Recover(watch_->fd(), lock_->agent_directory_fd(), spool_.get(), now_unix_ns);
  if (!recovered) return recovered.status();
  if (spool_->damaged_files() > 0) {
    log_->Info("spool " + config_.state_dir + ": " + std::to_string(spool_->damaged_files()) +
               " damaged files; what they held is lost");
  }
  if (recovered->new_epoch) log_->Info("new epoch: " + recovered->reason);
  if (Status s = Connect(recovered->control->identity().epoch); !s) return s;
  control_ = std::move(recovered->control);
  producers_ =
      std::make_unique<ProducerSet>(watch_->fd(), lock_->agent_directory_fd(), config_.owners);
  machine_ = std::make_unique<MachineSamples>(config_.samplers);
  inflight_ = std::make_unique<InFlightWatch>(
      static_cast<uint64_t>(std::chrono::nanoseconds(config_.inflight_interval).count()));
  // After an outage the interval goes on from the last committed one's end.
  interval_start_unix_ns_ = control_->self().interval_end_unix_ns;
  if (interval_start_unix_ns_ == 0) interval_start_unix_ns_ = now_unix_ns;
  return Status();
}

void Agent::ConfigureSamplers(const SamplersConfig& samplers) {
  const std::lock_guard<std::mutex> lock(configuration_mutex_);
  next_samplers_ = samplers;
}

void Agent::ReloadKeys() {
  const std::lock_guard<std::mutex> lock(configuration_mutex_);
  reload_keys_ = true;
}

void Agent::TakeKeys() {
  reload_keys_ = false;
  if (uplink_ == nullptr || config_.keys.secret.empty()) return;
  const Status status =
      Connect(control_ != nullptr ? control_->identity().epoch : spool_->tail().epoch);
  log_->Info(status ? "keys read again, connecting anew" : "keys not changed: " + status.message());
}

void Agent::TakeConfiguration() {
  const std::lock_guard<std::mutex> lock(configuration_mutex_);
  if (reload_keys_) TakeKeys();
  if (!next_samplers_) return;
  config_.samplers = std::move(*next_samplers_);
  next_samplers_.reset();
  if (machine_ != nullptr) machine_->Configure(config_.samplers);
}

int Agent::DoWork(uint64_t now_monotonic_ns, uint64_t now_unix_ns) {
  TakeConfiguration();
  if (producers_ == nullptr && !TryActivate(now_monotonic_ns, now_unix_ns)) {
    return Communicate(now_monotonic_ns, now_unix_ns);
  }
  int work = Discover(now_monotonic_ns);
  DrainEarly(now_monotonic_ns, now_unix_ns);
  work += WatchInFlight(now_monotonic_ns, now_unix_ns);
  work += ReceiveStatsd(now_monotonic_ns, now_unix_ns);
  work += CloseWhenDue(now_monotonic_ns, now_unix_ns);
  work += Communicate(now_monotonic_ns, now_unix_ns);
  return work;
}

int Agent::Discover(uint64_t now_monotonic_ns) {
  if (!watch_->Changed() && now_monotonic_ns < next_rescan_ns_) return 0;
  next_rescan_ns_ = now_monotonic_ns + kRescanNs;
  std::vector<std::string> notes;
  const int found = producers_->Rescan(control_->committed(), &notes);
  log_->WarnAll(notes, now_monotonic_ns);
  if (found > 0) inflight_->EndRest(now_monotonic_ns);
  // Those whose last commit an earlier agent did not live to clean up after.
  return found + producers_->RemoveDone();
}

uint64_t Agent::PollNs() const {
  return static_cast<uint64_t>(std::chrono::nanoseconds(config_.poll).count());
}

int Agent::Communicate(uint64_t now_monotonic_ns, uint64_t now_unix_ns) {
  if (uplink_ == nullptr) return 0;
  std::vector<std::string> notes;
  const int work = uplink_->Poll(now_monotonic_ns, now_unix_ns, &notes);
  log_->WarnAll(notes, now_monotonic_ns);
  if (producers_ == nullptr && spool_->pending().empty()) {
    uplink_.reset();  // all leftovers are delivered
    spool_.reset();
  }
  return work;
}

uint64_t Agent::IntervalNs() const {
  return static_cast<uint64_t>(std::chrono::nanoseconds(config_.interval).count());
}

// At whole multiples of the interval on the wall clock: all hosts close together.
void Agent::ScheduleClose(uint64_t now_monotonic_ns, uint64_t now_unix_ns) {
  joined_intervals_ = RoomOf(spool_->bytes(), config_.spool_limit_bytes).joined_intervals;
  const uint64_t span_ns = IntervalNs() * joined_intervals_;
  next_close_ns_ = now_monotonic_ns + span_ns - now_unix_ns % span_ns;
}

int Agent::CloseWhenDue(uint64_t now_monotonic_ns, uint64_t now_unix_ns) {
  // The aggregator is back: no need to wait for the end of what was joined.
  const bool has_room = joined_intervals_ > 1 &&
                        RoomOf(spool_->bytes(), config_.spool_limit_bytes).joined_intervals == 1;
  if (next_close_ns_ == 0 || has_room) ScheduleClose(now_monotonic_ns, now_unix_ns);
  if (now_monotonic_ns < next_close_ns_) return 0;
  ScheduleClose(now_monotonic_ns, now_unix_ns);
  const auto retire_after = std::chrono::nanoseconds(config_.retire_after).count();
  const uint64_t retire_after_ns =
      retire_after > 0 ? static_cast<uint64_t>(retire_after) : IntervalNs();
  const bool committed = CloseInterval(now_monotonic_ns, now_unix_ns, retire_after_ns);
  PublishMetrics();
  return committed ? 1 : 0;
}

// One aggregator that is away for long may neither block the others nor cost them time resolution.
void Agent::GiveUpForTheAbsent(uint64_t now_monotonic_ns) {
  const size_t frames = spool_->GiveUp(config_.spool_limit_bytes / 2);
  if (frames == 0) return;
  std::string who;
  for (const UplinkState& state : uplink_->states()) {
    if (state.given_up == 0) continue;
    who += (who.empty() ? "" : ", ") + state.endpoint + " (" + std::to_string(state.given_up) + ")";
  }
  log_->Warn(
      "given up",
      "spool " + config_.state_dir + ": half of its limit is used by what one aggregator " +
          "has and another lacks; the oldest batches are given up, these will not get them: " + who,
      now_monotonic_ns);
}

bool Agent::CloseInterval(uint64_t now_monotonic_ns, uint64_t now_unix_ns,
                          uint64_t retire_after_ns) {
  GiveUpForTheAbsent(now_monotonic_ns);
  const SpoolRoom room = RoomOf(spool_->bytes(), config_.spool_limit_bytes);
  if (room.drop_detail) {
    log_->Warn("spool",
               "spool " + config_.state_dir + " holds " + std::to_string(spool_->bytes()) + " of " +
                   std::to_string(config_.spool_limit_bytes) +
                   " bytes: no raw detail, fewer intervals until the aggregator acknowledges",
               now_monotonic_ns);
  }
  // The segments keep everything: with the spool full the interval just goes on.
  if (room.full) {
    ++postponed_;
    return false;
  }
  // The wall clock may have been set back.
  const uint64_t start = std::min(interval_start_unix_ns_, now_unix_ns - 1);
  processes_->BeginRound();
  CloseContext context;
  context.now_monotonic_ns = now_monotonic_ns;
  context.now_unix_ns = now_unix_ns;
  context.interval_start_unix_ns = start;
  context.retire_after_ns = retire_after_ns;
  context.hidden_grace_ns =
      static_cast<uint64_t>(std::chrono::nanoseconds(config_.hidden_grace).count());
  context.budget = room.drop_detail ? DetailBudget{0, 0} : config_.detail;
  context.drop_detail = room.drop_detail;
  context.processes = processes_.get();

  proto::Batch head;
  head.id = {spool_->agent(), control_->identity().epoch, control_->committed_sequence() + 1};
  head.host = config_.host;
  head.interval_start_unix_ns = start;
  head.interval_end_unix_ns = now_unix_ns;
  FrameBuilder frames(std::move(head));
  CommitInput input;
  deaths_.Clear();
  observing_.Begin();
  input.interval_end_unix_ns = now_unix_ns;
  for (Producer* producer : producers_->All()) {
    const bool was_quarantined = producer->state() == Producer::State::kQuarantined;
    ProducerDelta delta;
    const bool changed = producer->Collect(context, &delta);
    const auto name = [&] { return proto::ToString(producer->segment().identity().uuid); };
    if (!was_quarantined && producer->state() == Producer::State::kQuarantined) {
      log_->Warn(name(), "producer " + name() + " is quarantined: " + producer->quarantine(),
                 now_monotonic_ns);
    } else if (!producer->postponed().empty()) {
      log_->Warn("postponed", "producer " + name() + ": " + producer->postponed(),
                 now_monotonic_ns);
    }
    if (!changed) continue;
    const ProducerTotals before = producer->totals();  // as committed
    observing_.Add(producer->process(), delta.totals.recorded - before.recorded);
    if (delta.is_final && producer->quarantine().empty()) deaths_.Add(producer->death());
    frames.Add(std::move(delta), before);
    input.producers.push_back(producer);
  }
  for (ProducerDelta& refused : producers_->Refused()) frames.Add(std::move(refused), {});
  ProducerDelta statsd;
  const bool has_statsd =
      statsd_ != nullptr && statsd_->Collect(now_unix_ns, is_stopping_, &statsd);
  const ProducerTotals statsd_totals = statsd.totals;
  if (has_statsd) frames.Add(std::move(statsd), statsd_->totals());
  ProducerDelta self = SampleMachine(now_monotonic_ns, now_unix_ns);
  input.self_recorded = self.totals.recorded;
  ProducerTotals self_before;
  self_before.recorded = control_->self().recorded;
  frames.Add(std::move(self), self_before);
  input.frames = frames.Finish();
  FailPoint("close.collected");

  if (Status status = Commit(input, control_.get(), spool_.get()); !status) {
    ++postponed_;
    log_->Warn("commit", status.message(), now_monotonic_ns);
    return false;
  }
  ++intervals_;
  machine_->Committed();
  observing_.Committed();
  interval_start_unix_ns_ = now_unix_ns;
  inflight_->Committed();
  if (has_statsd) statsd_->Committed(statsd_totals);
  statsd_time_.Committed();
  producers_->MarkRefusedReported();
  producers_->RemoveDone();
  return true;
}

bool Agent::FlushAndStop(std::chrono::milliseconds max_wait) {
  if (producers_ == nullptr) return spool_ == nullptr || spool_->pending().empty();
  const uint64_t deadline =
      proto::MonotonicNs() + static_cast<uint64_t>(std::chrono::nanoseconds(max_wait).count());
  next_rescan_ns_ = 0;
  is_stopping_ = true;
  Discover(proto::MonotonicNs());
  ReceiveStatsd(proto::MonotonicNs(), proto::UnixNs());
  // A process that is proven dead writes nothing more: no need to wait another interval.
  CloseInterval(proto::MonotonicNs(), proto::UnixNs(), 0);
  while (uplink_ != nullptr && !spool_->pending().empty() && proto::MonotonicNs() < deadline) {
    Communicate(proto::MonotonicNs(), proto::UnixNs());
    uplink_->Wait(-1, 10000000);
  }
  const bool acknowledged = spool_->pending().empty();
  if (!acknowledged) {
    log_->Info(std::to_string(spool_->pending().size()) + " batches are not acknowledged; they " +
               "stay in " + config_.state_dir + " and are sent when an agent starts again");
  }
  return acknowledged;
}

AgentCounters Agent::counters() const {
  AgentCounters counters;
  counters.is_active = producers_ != nullptr;
  counters.intervals = intervals_;
  counters.postponed = postponed_;
  counters.joined_intervals = joined_intervals_;
  if (!counters.is_active) return counters;
  counters.epoch = control_->identity().epoch;
  counters.committed_sequence = control_->committed_sequence();
  counters.producers = producers_->size();
  counters.quarantined = producers_->Quarantined();
  counters.wrong_version = producers_->wrong_version();
  counters.removed = producers_->removed();
  counters.spool_bytes = spool_->bytes();
  counters.unacknowledged = spool_->pending().size();
  if (statsd_ != nullptr) counters.statsd_port = statsd_->udp_port();
  if (uplink_ != nullptr) {
    counters.uplink = uplink_->counters();
    counters.aggregators = uplink_->states();
  }
  return counters;
}

}  // namespace ringside::agent
