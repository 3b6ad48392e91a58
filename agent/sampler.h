// A source of machine samples. Every sample is a series of the agent's own producer.
#ifndef RINGSIDE_AGENT_SAMPLER_H_
#define RINGSIDE_AGENT_SAMPLER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "proto/batch.h"

namespace ringside::agent {

struct SampledProcess {
  uint64_t pid = 0;
  std::string service;
};

struct SampleContext {
  uint64_t now_unix_ns = 0;
  std::vector<SampledProcess> processes;  // the live producers'
};

class Sampler {
 public:
  virtual ~Sampler() = default;
  // Appends what is known. What is not known is left out, never 0.
  virtual void Sample(const SampleContext& context, std::vector<proto::SeriesDelta>* out) = 0;
};

// Resolution of fixed-point samples: ratios, loads and CPU seconds in steps of 2^-20.
inline constexpr int8_t kFineResolution = -20;

proto::SeriesDelta GaugeSample(std::string path, std::string unit, proto::LabelList labels,
                               int64_t value, uint64_t unix_ns, int8_t resolution = 0);
proto::SeriesDelta CounterSample(std::string path, std::string unit, proto::LabelList labels,
                                 int64_t increase, int8_t resolution = 0);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_SAMPLER_H_
