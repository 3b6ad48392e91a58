// The host's memory, swap and load.
#ifndef RINGSIDE_AGENT_HOST_SAMPLER_H_
#define RINGSIDE_AGENT_HOST_SAMPLER_H_

#include <string>
#include <utility>

#include "agent/sampler.h"

namespace ringside::agent {

class HostSampler : public Sampler {
 public:
  // `proc`: where the kernel's files are.
  explicit HostSampler(std::string proc = "/proc") : proc_(std::move(proc)) {}
  void Sample(const SampleContext& context, std::vector<proto::SeriesDelta>* out) override;

 private:
  std::string proc_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_HOST_SAMPLER_H_
