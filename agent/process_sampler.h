// Memory, CPU time and threads of each live producer's process.
#ifndef RINGSIDE_AGENT_PROCESS_SAMPLER_H_
#define RINGSIDE_AGENT_PROCESS_SAMPLER_H_

#include <map>
#include <string>
#include <utility>

#include "agent/sampler.h"

namespace ringside::agent {

class ProcessSampler : public Sampler {
 public:
  explicit ProcessSampler(std::string proc = "/proc") : proc_(std::move(proc)) {}
  void Sample(const SampleContext& context, std::vector<proto::SeriesDelta>* out) override;

 private:
  struct Seen {
    uint64_t start_ticks = 0;  // tells a reused pid
    uint64_t cpu_ticks = 0;
  };

  std::string proc_;
  std::map<uint64_t, Seen> seen_;  // by pid
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_PROCESS_SAMPLER_H_
