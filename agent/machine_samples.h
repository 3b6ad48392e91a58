// All samplers of the machine, each in its own thread, and what they have found that no interval
// has taken yet.
//
// Owner: the agent's thread. Nothing here waits for a sampler.
#ifndef RINGSIDE_AGENT_MACHINE_SAMPLES_H_
#define RINGSIDE_AGENT_MACHINE_SAMPLES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/process_sampler.h"
#include "agent/sample_box.h"
#include "agent/sampler_config.h"
#include "agent/sampler_thread.h"

namespace ringside::agent {

class MachineSamples {
 public:
  explicit MachineSamples(const SamplersConfig& config);
  ~MachineSamples();
  MachineSamples(const MachineSamples&) = delete;
  MachineSamples& operator=(const MachineSamples&) = delete;

  // Which samplers run and how often; where they look stays as it was.
  void Configure(const SamplersConfig& config);

  // Takes what the samplers found since the last call. `notes`: lines for the log.
  void Collect(ProcessList processes, uint64_t now_unix_ns, std::vector<SamplerNote>* notes);
  // What was collected and not committed: an interval whose commit fails hands it to the next.
  const std::vector<proto::SeriesDelta>& samples() const { return waiting_.samples(); }
  void Committed() { waiting_.Clear(); }

 private:
  struct Entry {
    std::unique_ptr<SamplerThread> thread;
    SamplerSetting SamplersConfig::*setting;
    uint64_t hangs_since_ns = 0;  // as was said; 0: it does not
  };

  void Add(std::string name, std::unique_ptr<Sampler> sampler,
           SamplerSetting SamplersConfig::*setting, const SamplersConfig& config);
  void Watch(Entry* entry, const SamplerThread::Taken& taken, uint64_t now_unix_ns,
             std::vector<proto::SeriesDelta>* out, std::vector<SamplerNote>* notes) const;

  std::shared_ptr<ProcessTuning> tuning_ = std::make_shared<ProcessTuning>();
  uint64_t hangs_after_ns_;
  std::vector<Entry> entries_;
  std::shared_ptr<const ProcessList> processes_ = std::make_shared<ProcessList>();
  SampleBox waiting_;
  uint64_t reported_dropped_ = 0;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_MACHINE_SAMPLES_H_
