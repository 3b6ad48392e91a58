// One sampler in a thread of its own, so that a driver or a file of /proc that does not answer
// delays nobody: not an interval, not another sampler, not the agent's end.
//
// Owner: the agent's thread. All calls but the destructor return at once. What thread and owner
// share lives in State, which both hold: a thread that hangs at the end is left behind with it.
#ifndef RINGSIDE_AGENT_SAMPLER_THREAD_H_
#define RINGSIDE_AGENT_SAMPLER_THREAD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "agent/sample_box.h"
#include "agent/sampler.h"
#include "agent/sampler_config.h"

namespace ringside::agent {

class SamplerThread {
 public:
  // `name`: at most 12 characters.
  SamplerThread(std::string name, std::unique_ptr<Sampler> sampler, SamplerSetting setting);
  // Waits 250 ms for a sampler that is at work; one that hangs is left behind.
  ~SamplerThread();
  SamplerThread(const SamplerThread&) = delete;
  SamplerThread& operator=(const SamplerThread&) = delete;

  const std::string& name() const { return name_; }
  void Configure(SamplerSetting setting);
  // A new process is sampled soon, not only when the next sample is due.
  void Follow(std::shared_ptr<const ProcessList> processes);
  void RequestStop();

  struct Taken {
    SampleBox samples;
    std::vector<SamplerNote> notes;
    uint64_t busy_since_ns = 0;  // monotonic; 0: not at work
  };
  Taken Take();

 private:
  struct State;
  static void Loop(const std::shared_ptr<State>& state);
  static void Work(State* state);

  std::string name_;
  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_SAMPLER_THREAD_H_
