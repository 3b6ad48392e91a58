// NVIDIA GPUs and their MIG slices through NVML, loaded at run time: no build-time dependency,
// absent is normal.
#ifndef RINGSIDE_AGENT_NVML_SAMPLER_H_
#define RINGSIDE_AGENT_NVML_SAMPLER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/counter_memory.h"
#include "agent/gpu_holders.h"
#include "agent/nvml_library.h"
#include "agent/sampler.h"

namespace ringside::agent {

class NvmlSampler : public Sampler {
 public:
  explicit NvmlSampler(std::string library, std::string proc = "/proc");
  ~NvmlSampler() override;
  NvmlSampler(const NvmlSampler&) = delete;
  NvmlSampler& operator=(const NvmlSampler&) = delete;

  // Loads the library first. Where it is absent or finds no GPU, a note says why, once; it is tried
  // again every minute, and so is a GPU that was lost.
  void Sample(const SampleContext& context, std::vector<proto::SeriesDelta>* out) override;

 private:
  using Samples = std::vector<proto::SeriesDelta>;

  struct Gpu {
    NvmlDevice device = nullptr;  // null: cannot be had now
    bool lost = false;            // and that was said
    uint64_t next_try_ns = 0;
    std::string name;
    std::string uuid;
  };
  // One GPU or slice in one call.
  struct Visit {
    uint64_t now = 0;
    NvmlDevice device = nullptr;
    proto::LabelList labels;
    Samples* out = nullptr;
    bool lost = false;

    bool Ok(int code);
    void Gauge(const char* path, const char* unit, int64_t value, int8_t resolution = 0) const;
  };

  bool Ready(const SampleContext& context);
  proto::Status Open();
  void Find(unsigned index, Gpu* gpu) const;
  void SampleGpu(unsigned index, const SampleContext& context, Samples* out);
  void SampleLoad(Visit* visit) const;
  void SampleMemory(Visit* visit) const;
  void SamplePower(Visit* visit);
  void SampleThrottling(Visit* visit) const;
  void SampleErrors(Visit* visit);
  void SampleProcesses(Visit* visit) const;
  // False: the GPU is not divided.
  bool SampleSlices(Visit* visit) const;

  std::string path_;
  std::unique_ptr<NvmlLibrary> library_;
  std::string driver_;
  std::vector<Gpu> gpus_;
  CounterMemory counters_;
  GpuHolders holders_;
  uint64_t next_open_ns_ = 0;
  std::string said_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_NVML_SAMPLER_H_
