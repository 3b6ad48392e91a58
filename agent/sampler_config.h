// Which samplers run, how often, and where they look. docs/configuration.md names every value.
#ifndef RINGSIDE_AGENT_SAMPLER_CONFIG_H_
#define RINGSIDE_AGENT_SAMPLER_CONFIG_H_

#include <chrono>
#include <string>

namespace ringside::agent {

struct SamplerSetting {
  bool enabled = true;
  std::chrono::milliseconds interval{1000};

  friend bool operator==(const SamplerSetting& a, const SamplerSetting& b) {
    return a.enabled == b.enabled && a.interval == b.interval;
  }
};

struct SamplersConfig {
  SamplerSetting host;
  SamplerSetting process{true, std::chrono::milliseconds(2000)};
  // What costs more per process: its status, open files, command line and control group.
  SamplerSetting process_detail{true, std::chrono::milliseconds(10000)};
  // Proportional memory: reading it holds the process's mmap lock.
  SamplerSetting process_pss{true, std::chrono::milliseconds(60000)};
  bool command_line = true;  // show the processes' command lines
  SamplerSetting nvidia;
  // What processes use is found by looking at their open files.
  SamplerSetting amd{true, std::chrono::milliseconds(5000)};
  SamplerSetting intel{true, std::chrono::milliseconds(5000)};

  // Changed at a start only.
  // A sampler that has been at work for so long is said to hang.
  std::chrono::milliseconds hangs_after{5000};
  std::string nvml_library = "libnvidia-ml.so.1";
  std::string proc = "/proc";
  std::string sys = "/sys";

  void EnableAll(bool enabled) {
    for (SamplerSetting* setting :
         {&host, &process, &process_detail, &process_pss, &nvidia, &amd, &intel}) {
      setting->enabled = enabled;
    }
  }
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_SAMPLER_CONFIG_H_
