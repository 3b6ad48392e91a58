// GPUs, joined to what workers had in flight: by the samples that say which process holds memory on
// which GPU, and how busy that is. docs/agent.md.
//
// Owner: the agent's thread, at the close of an interval.
#ifndef RINGSIDE_AGENT_OPERATION_GPU_H_
#define RINGSIDE_AGENT_OPERATION_GPU_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "agent/inflight_sample.h"
#include "agent/operation_name.h"
#include "proto/batch.h"

namespace ringside::agent {

class OperationGpu {
 public:
  static constexpr size_t kMostOperations = 512;

  // What a look met, anywhere in the interval.
  void AddLook(const std::vector<ProducerInFlight>& looks);
  // `machine`: the interval's samples of the machine.
  void Append(const std::vector<proto::SeriesDelta>& machine, uint64_t now_unix_ns,
              std::vector<proto::SeriesDelta>* out) const;
  void Clear();

 private:
  using Operations = std::set<OperationName, OperationNameLess>;

  void Meet(const OperationNameView& name, Operations* operations);

  std::map<uint64_t, Operations> met_;  // by pid
  size_t count_ = 0;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_OPERATION_GPU_H_
