// The agent: one per host. Follows every producer of a directory, closes an interval per second,
// commits it to the spool and sends it until it is acknowledged. docs/agent.md.
//
// One thread drains, commits and sends: DoWork does a round of the duty cycle and returns how much
// it did; the clock is passed in. Run is the loop around it with the real clock. What may hang has
// threads of its own: samplers, and questions about what processes map.
#ifndef RINGSIDE_AGENT_AGENT_H_
#define RINGSIDE_AGENT_AGENT_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/death_tally.h"
#include "agent/look_pace.h"
#include "agent/observing_cost.h"
#include "agent/own_time.h"
#include "agent/owner_rule.h"
#include "agent/ring_drain.h"
#include "agent/sampler_config.h"
#include "agent/statsd.h"
#include "agent/uplinks.h"
#include "proto/batch.h"
#include "proto/status.h"

namespace ringside::agent {

class ControlFile;
class DirectoryLock;
class DirectoryWatch;
class InFlightWatch;
class MachineSamples;
class MetricsServer;
class NoteLog;
class ProcessMaps;
class ProducerSet;
class Spool;
struct CloseContext;

struct AgentConfig {
  std::string directory;   // of the segments; empty: as the probe chooses it
  std::string state_dir;   // the spool; one per agent
  std::string aggregator;  // endpoints, with commas; empty: nothing is sent, the spool fills
  UplinkKeyFiles keys;     // empty: none, for aggregators on this machine
  std::string host;        // empty: this machine's name
  OwnerRule owners;        // whose segments are read
  std::chrono::milliseconds interval{1000};
  // Between two looks at rings that fill up; ten times as long while none does, twenty times while
  // nothing moves.
  std::chrono::milliseconds poll{10};
  uint64_t spool_limit_bytes = uint64_t{1} << 30;
  // Between two looks at what every worker is in the middle of; 0: none.
  std::chrono::milliseconds inflight_interval{50};
  StatsdConfig statsd;
  DetailBudget detail;
  SamplersConfig samplers;
  std::string metrics;  // HOST:PORT of /metrics, loopback; empty: none
  // Between a dead producer's retired bit and the last copy of its segment; 0: one interval.
  std::chrono::milliseconds retire_after{0};
  // A producer that may live where it cannot be seen counts as dead after this long without change.
  std::chrono::seconds hidden_grace{600};
};

// Our own health, readable at any time from the agent's thread.
struct AgentCounters {
  bool is_active = false;  // false: standing by
  uint64_t epoch = 0;
  uint64_t committed_sequence = 0;
  uint64_t intervals = 0;         // committed
  uint64_t postponed = 0;         // intervals that were not committed: their time joined the next
  uint64_t joined_intervals = 1;  // that the next batch covers
  uint64_t producers = 0;
  uint64_t quarantined = 0;  // producers and files
  uint64_t wrong_version = 0;
  uint64_t removed = 0;  // dead producers' segments
  uint64_t spool_bytes = 0;
  uint64_t unacknowledged = 0;  // frames, by one aggregator or more
  uint16_t statsd_port = 0;     // of UDP; 0: none
  UplinkCounters uplink;        // of all aggregators together
  std::vector<UplinkState> aggregators;
};

class Agent {
 public:
  static proto::Result<std::unique_ptr<Agent>> Start(AgentConfig config);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // A round: take over if standing by, discover, send and receive, close the interval when due.
  int DoWork(uint64_t now_monotonic_ns, uint64_t now_unix_ns);
  // Rounds until `stop`; sleeps until something is due.
  void Run(const std::atomic<bool>& stop);
  // Closes the interval, folds producers that are dead, commits, sends. True: all is acknowledged.
  bool FlushAndStop(std::chrono::milliseconds max_wait = std::chrono::seconds(5));

  // Which samplers run, and how often, from the next round on. From any thread.
  void ConfigureSamplers(const SamplersConfig& samplers);

  // Reads the key files again and connects anew, at the next round. A file that is wrong changes
  // nothing but the log. From any thread.
  void ReloadKeys();

  const std::string& directory() const { return config_.directory; }
  AgentCounters counters() const;
  std::string metrics_url() const;  // empty: none
  // How long nothing has to be done, unless something arrives.
  uint64_t UntilDueNs(uint64_t now_monotonic_ns) const;

 private:
  explicit Agent(AgentConfig config);
  bool TryActivate(uint64_t now_monotonic_ns, uint64_t now_unix_ns);
  proto::Status Activate(uint64_t now_unix_ns);
  void DeliverLeftovers();
  proto::Status Connect(uint64_t epoch);
  proto::Status ServeMetrics();
  void PublishMetrics() const;
  int Discover(uint64_t now_monotonic_ns);
  int Communicate(uint64_t now_monotonic_ns, uint64_t now_unix_ns);
  void GiveUpForTheAbsent(uint64_t now_monotonic_ns);
  void DrainEarly(uint64_t now_monotonic_ns, uint64_t now_unix_ns);
  int ReceiveStatsd(uint64_t now_monotonic_ns, uint64_t now_unix_ns);
  int WatchInFlight(uint64_t now_monotonic_ns, uint64_t now_unix_ns);
  int CloseWhenDue(uint64_t now_monotonic_ns, uint64_t now_unix_ns);
  bool CloseInterval(uint64_t now_monotonic_ns, uint64_t now_unix_ns, uint64_t retire_after_ns);
  void ScheduleClose(uint64_t now_monotonic_ns, uint64_t now_unix_ns);
  void TakeConfiguration();
  void TakeKeys();
  proto::ProducerDelta SampleMachine(uint64_t now_monotonic_ns, uint64_t now_unix_ns);
  void SampleSelf(uint64_t now_unix_ns, std::vector<proto::SeriesDelta>* out) const;
  void Sleep(uint64_t now_monotonic_ns);
  uint64_t IntervalNs() const;
  uint64_t PollNs() const;

  AgentConfig config_;
  std::unique_ptr<NoteLog> log_;
  std::unique_ptr<ProcessMaps> processes_;
  std::unique_ptr<DirectoryWatch> watch_;
  std::unique_ptr<DirectoryLock> lock_;
  std::unique_ptr<MetricsServer> metrics_;  // null: none
  // Standing by, these two only while the state directory holds batches of an earlier agent.
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<Uplinks> uplink_;
  // Only while active:
  std::unique_ptr<ControlFile> control_;
  std::unique_ptr<ProducerSet> producers_;
  std::unique_ptr<MachineSamples> machine_;
  std::unique_ptr<InFlightWatch> inflight_;
  std::unique_ptr<Statsd> statsd_;  // null: not wanted
  bool is_stopping_ = false;        // the interval that is closed now is the last
  ObservingCost observing_{MeasureNsPerSample()};
  OwnTime statsd_time_{"statsd"};
  DeathTally deaths_;  // of the interval that is being closed

  uint64_t next_activation_ns_ = 0;
  uint64_t next_rescan_ns_ = 0;
  LookPace pace_;
  uint64_t next_close_ns_ = 0;
  uint64_t joined_intervals_ = 1;  // that the next close covers
  uint64_t interval_start_unix_ns_ = 0;
  uint64_t intervals_ = 0;
  uint64_t postponed_ = 0;

  std::mutex configuration_mutex_;
  std::optional<SamplersConfig> next_samplers_;  // guarded
  bool reload_keys_ = false;                     // guarded
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_AGENT_H_
