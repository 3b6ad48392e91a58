// CPU time and memory of workers, joined to what they had in flight. docs/agent.md.
//
// Looks are many, readings of /proc few: the time that a thread or process used since the last
// reading is shared among the operations that the looks in between met there. Read four times a
// second where something changes; where every look meets the same operation the answer would be the
// same, and once a second is enough.
// Owner: the agent's thread. Bounded; a worker that does nothing costs nothing.
#ifndef RINGSIDE_AGENT_OPERATION_COST_H_
#define RINGSIDE_AGENT_OPERATION_COST_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/inflight_sample.h"
#include "agent/kept_file.h"
#include "agent/operation_name.h"
#include "proto/batch.h"

namespace ringside::agent {

class OperationCost {
 public:
  static constexpr uint64_t kReadEveryNs = 250'000'000;
  static constexpr uint64_t kSteadyReadEveryNs = 1'000'000'000;
  // Read on for so long after something was in flight there: so the first window is known, too.
  static constexpr uint64_t kFollowNs = 10'000'000'000;
  static constexpr size_t kMostThreads = 256;
  static constexpr size_t kMostProcesses = 256;
  static constexpr size_t kMostOperations = 512;

  explicit OperationCost(std::string proc = "/proc");

  // After each look; reads /proc when it is time to.
  void AddLook(const std::vector<ProducerInFlight>& looks, uint64_t now_monotonic_ns);
  // Before Append: what has been read more rarely than the interval closes is read now.
  void Settle(uint64_t now_monotonic_ns);

  // The open interval's series; they stay until they are committed.
  void Append(uint64_t now_unix_ns, std::vector<proto::SeriesDelta>* out) const;
  void Clear() { costs_.clear(); }

 private:
  // How many looks met each. Requests, stages and bare operations are three views of a process:
  // within each one its cost is shared, never among them.
  using Weights = std::map<OperationName, uint64_t, OperationNameLess>;

  struct Followed {
    KeptFile file;
    std::optional<uint64_t> cpu_ns;  // as of the last reading
    uint64_t start_ticks = 0;        // of a process: tells a reused pid
    uint64_t rss_bytes = 0;
    uint64_t read_ns = 0;     // when it was read last
    uint64_t read_round = 0;  // after how many looks
    uint64_t last_met_ns = 0;
    std::array<Weights, 3> met;  // since then
  };
  struct Cost {
    uint64_t cpu_ns = 0;
    uint64_t growth_bytes = 0;
    uint64_t peak_bytes = 0;
  };
  using Read = void (OperationCost::*)(Followed* followed);
  using Threads = std::map<std::pair<uint64_t, uint64_t>, Followed>;  // pid, tid
  using Processes = std::map<uint64_t, Followed>;

  void Meet(const ProducerInFlight& look, uint64_t now_monotonic_ns);
  // One look met `name` there, in one view of it.
  void Count(Followed* followed, size_t view, const OperationNameView& name, Read read,
             uint64_t now_monotonic_ns);
  void ReadNow(Followed* followed, Read read, uint64_t now_monotonic_ns);
  void ReadThread(Followed* thread);
  void ReadProcess(Followed* process);
  bool IsSteady(const Followed& followed) const;
  template <typename Map>
  void ReadDue(Map* map, Read read, uint64_t now_monotonic_ns);
  template <typename Map>
  void SettleSteady(Map* map, Read read, uint64_t now_monotonic_ns);
  void Share(const Weights& met, uint64_t amount, uint64_t Cost::*part);
  Cost* CostOf(const OperationName& operation);

  const std::string proc_;
  const uint32_t own_namespace_;
  uint64_t next_read_ns_ = 0;
  uint64_t rounds_ = 0;  // looks, ever
  Threads threads_;
  Processes processes_;
  std::map<OperationName, Cost, OperationNameLess> costs_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_OPERATION_COST_H_
