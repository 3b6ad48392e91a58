// NVIDIA GPUs through NVML, loaded at run time: no build-time dependency, absent is normal.
#ifndef RINGSIDE_AGENT_NVML_SAMPLER_H_
#define RINGSIDE_AGENT_NVML_SAMPLER_H_

#include <memory>
#include <string>
#include <vector>

#include "agent/sampler.h"
#include "proto/status.h"

namespace ringside::agent {

struct NvmlFunctions;

class NvmlSampler : public Sampler {
 public:
  explicit NvmlSampler(std::string library);
  ~NvmlSampler() override;
  NvmlSampler(const NvmlSampler&) = delete;
  NvmlSampler& operator=(const NvmlSampler&) = delete;

  // Loads the library first. Where it is absent or finds no GPU, a note says why, once; it is tried
  // again every minute.
  void Sample(const SampleContext& context, std::vector<proto::SeriesDelta>* out) override;

 private:
  proto::Status Open();

  std::string library_;
  std::unique_ptr<NvmlFunctions> functions_;
  std::vector<void*> devices_;
  uint64_t next_open_ns_ = 0;
  std::string last_reason_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_NVML_SAMPLER_H_
