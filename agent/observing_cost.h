// What being observed costs each worker: its samples times the measured cost of one, as a part of
// the CPU time that its process used. An estimate, and rather too high: see docs/agent.md.
//
// Owner: the agent's thread, at the close of an interval.
#ifndef RINGSIDE_AGENT_OBSERVING_COST_H_
#define RINGSIDE_AGENT_OBSERVING_COST_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "proto/batch.h"

namespace ringside::agent {

// Of one timer on this machine: measured once, from what two readings of its clock take.
double MeasureNsPerSample();

class ObservingCost {
 public:
  static constexpr size_t kMostProcesses = 4096;

  explicit ObservingCost(double ns_per_sample) : ns_per_sample_(ns_per_sample) {}

  // A close begins; one that was not committed never was.
  void Begin();
  // Samples that a process recorded since the last commit.
  void Add(uint64_t pid, uint64_t samples);
  // For each process whose CPU time `machine` has: gauges of the agent's own producer.
  void Append(const std::vector<proto::SeriesDelta>& machine, uint64_t now_unix_ns,
              std::vector<proto::SeriesDelta>* out);
  void Committed();

 private:
  using Counts = std::map<std::string, uint64_t>;  // by pid

  const double ns_per_sample_;
  Counts samples_;               // committed, since the process's CPU time was last known
  Counts open_;                  // of the close at hand
  std::set<std::string> known_;  // whose CPU time is known with it
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_OBSERVING_COST_H_
