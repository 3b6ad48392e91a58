// The host: memory, swap, load, pressure, processor time, disks, network.
#ifndef RINGSIDE_AGENT_HOST_SAMPLER_H_
#define RINGSIDE_AGENT_HOST_SAMPLER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "agent/counter_memory.h"
#include "agent/sampler.h"

namespace ringside::agent {

class HostSampler : public Sampler {
 public:
  // Where the kernel's files are.
  explicit HostSampler(std::string proc = "/proc", std::string sys = "/sys")
      : proc_(std::move(proc)), sys_(std::move(sys)) {}
  void Sample(const SampleContext& context, std::vector<proto::SeriesDelta>* out) override;

 private:
  using Samples = std::vector<proto::SeriesDelta>;

  void SampleMemory(uint64_t now, Samples* out) const;
  void SampleLoad(uint64_t now, Samples* out) const;
  void SamplePressure(uint64_t now, Samples* out);
  void SampleProcessors(uint64_t now, Samples* out);
  void SampleDisks(Samples* out);
  void SampleNetwork(Samples* out);
  void SampleInterface(std::string_view name, const std::vector<std::string_view>& fields,
                       Samples* out);

  std::string proc_;
  std::string sys_;
  CounterMemory counters_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_HOST_SAMPLER_H_
