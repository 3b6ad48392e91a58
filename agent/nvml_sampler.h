// NVIDIA GPUs through NVML, loaded at run time: no build-time dependency, absent is normal.
#ifndef RINGSIDE_AGENT_NVML_SAMPLER_H_
#define RINGSIDE_AGENT_NVML_SAMPLER_H_

#include <memory>
#include <string>
#include <vector>

#include "agent/sampler.h"

namespace ringside::agent {

struct NvmlFunctions;

class NvmlSampler : public Sampler {
 public:
  // Null when the library is absent or finds no GPU; `reason` says why.
  static std::unique_ptr<NvmlSampler> Open(const std::string& library, std::string* reason);
  ~NvmlSampler() override;
  NvmlSampler(const NvmlSampler&) = delete;
  NvmlSampler& operator=(const NvmlSampler&) = delete;

  void Sample(const SampleContext& context, std::vector<proto::SeriesDelta>* out) override;
  size_t gpus() const { return devices_.size(); }

 private:
  explicit NvmlSampler(std::unique_ptr<NvmlFunctions> functions);

  std::unique_ptr<NvmlFunctions> functions_;
  std::vector<void*> devices_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_NVML_SAMPLER_H_
