// "What is every worker doing now": samples all producers, tallies what is in flight for the
// agent's own series, and makes the message that the aggregator shows. docs/agent.md.
//
// Owner: the agent's thread, which calls DoWork every round; the clock is passed in.
#ifndef RINGSIDE_AGENT_INFLIGHT_WATCH_H_
#define RINGSIDE_AGENT_INFLIGHT_WATCH_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/evidence_reader.h"
#include "agent/inflight_sample.h"
#include "agent/inflight_tally.h"
#include "agent/operation_cost.h"
#include "agent/operation_gpu.h"
#include "agent/own_time.h"
#include "proto/batch.h"
#include "proto/inflight.h"

namespace ringside::agent {

class Producer;

class InFlightWatch {
 public:
  static constexpr uint64_t kMessageEveryNs = 1000000000;
  // What the aggregator said about an operation is believed for so long without news.
  static constexpr uint64_t kLimitLifeNs = 600ull * 1000000000;

  // Who was in the middle of nothing at so many looks in a row is passed over by most of the next;
  // rounds that pass over all take no time.
  static constexpr uint32_t kIdleAfterLooks = 20;
  static constexpr uint32_t kIdleEvery = 4;

  // `interval_ns` 0: never looks.
  explicit InFlightWatch(uint64_t interval_ns) : interval_ns_(interval_ns) {}

  // A sample when one is due. `wants_message`: somebody would take it. Returns how much it did.
  int DoWork(const std::vector<Producer*>& producers, bool wants_message, uint64_t now_monotonic_ns,
             uint64_t now_unix_ns);
  // The newest message, once; without agent, epoch and host.
  std::optional<proto::InFlight> TakeMessage() { return std::exchange(message_, std::nullopt); }
  void TakeLimits(const proto::InFlightLimits& limits, uint64_t now_monotonic_ns);

  bool IsDue(uint64_t now_monotonic_ns) const {
    return interval_ns_ > 0 && now_monotonic_ns >= next_sample_ns_;
  }
  uint64_t UntilDueNs(uint64_t now_monotonic_ns) const {
    if (interval_ns_ == 0) return UINT64_MAX;
    return next_sample_ns_ > now_monotonic_ns ? next_sample_ns_ - now_monotonic_ns : 0;
  }
  // Somebody came who is looked at in every round.
  void EndRest(uint64_t now_monotonic_ns);
  // The open interval's series; they stay until they are committed. `machine`: its samples of
  // processes and GPUs.
  void AppendSeries(const std::vector<proto::SeriesDelta>& machine, uint64_t now_monotonic_ns,
                    uint64_t now_unix_ns, std::vector<proto::SeriesDelta>* out);
  void Committed();

 private:
  struct Limit {
    uint64_t limit_ns = 0;
    uint64_t until_ns = 0;
  };

  void Look(const std::vector<Producer*>& producers, uint64_t now_monotonic_ns,
            uint64_t now_unix_ns);
  void Rest();
  void Tally(uint64_t now_monotonic_ns);
  uint64_t LooksFor(const ProducerInFlight& sample, uint64_t age_ns) const;
  bool IsStuck(const std::string& path, uint64_t age_ns, uint64_t now_monotonic_ns) const;
  proto::InFlight MakeMessage(uint64_t now_monotonic_ns, uint64_t now_unix_ns);

  const uint64_t interval_ns_;
  uint64_t next_sample_ns_ = 0;
  uint64_t next_message_ns_ = 0;
  uint64_t round_ = 0;
  uint64_t resting_ = 0;   // rounds before the next look that are left out
  bool all_idle_ = false;  // whom the last look was about
  InFlightSampler sampler_;
  EvidenceReader evidence_;
  OwnTime look_time_{"inflight"};
  OwnTime evidence_time_{"evidence"};
  std::vector<ProducerInFlight> samples_;  // of this round, of those that do something
  InFlightTally tally_;
  OperationCost cost_;
  OperationGpu gpu_;
  std::map<std::string, Limit> limits_;  // by path
  std::optional<proto::InFlight> message_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_INFLIGHT_WATCH_H_
