// Each live producer's process: memory, processor time, faults; less often what costs more
// to read, and the control groups they live in; rarely the proportional memory.
#ifndef RINGSIDE_AGENT_PROCESS_SAMPLER_H_
#define RINGSIDE_AGENT_PROCESS_SAMPLER_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/cgroup_sampler.h"
#include "agent/kept_file.h"
#include "agent/process_files.h"
#include "agent/process_finder.h"
#include "agent/sampler.h"
#include "agent/sampler_config.h"
#include "agent/thread_switches.h"

namespace ringside::agent {

// What may change while the sampler runs. Each word stands for itself.
struct ProcessTuning {
  std::atomic<uint64_t> detail_ns{0};  // 0: never
  std::atomic<uint64_t> pss_ns{0};
  std::atomic<bool> command_line{true};

  void Set(const SamplersConfig& config);
};

class ProcessSampler : public Sampler {
 public:
  // So long the detail of a process that did nothing is said again, before it is read again.
  static constexpr uint64_t kRepeatNs = 60'000'000'000;

  ProcessSampler(std::string proc, const std::string& sys,
                 std::shared_ptr<const ProcessTuning> tuning);
  void Sample(const SampleContext& context, std::vector<proto::SeriesDelta>* out) override;

 private:
  using Samples = std::vector<proto::SeriesDelta>;

  // Totals of counters, as samples express them.
  struct Totals {
    int64_t user = 0;
    int64_t system = 0;
    int64_t minor_faults = 0;
    int64_t major_faults = 0;
  };
  struct Seen {
    KeptFile stat;
    uint64_t start_ticks = 0;  // tells a reused pid
    Totals totals;
    ThreadSwitches switches;
    uint64_t next_detail_ns = 0;
    Samples detail;  // its gauges, and what they hold for
    uint64_t detail_read_ns = 0;
    ProcessStat detail_stat;
    SampledProcess detail_process;
    bool detail_has_command = true;
    uint64_t next_pss_ns = 0;
    std::string cgroup;
  };
  // One process in one call.
  struct Visit {
    const SampleContext& context;
    const SampledProcess& process;
    std::string directory;
    proto::LabelList labels;
    Samples* out;

    void Gauge(std::string_view path, std::string_view unit, uint64_t value) const;
    void Counter(std::string_view path, std::string_view unit, std::string_view key,
                 std::string_view value, int64_t increase, int8_t resolution = 0) const;
  };

  void SampleStat(const Visit& visit, const ProcessStat& stat, bool is_known, Seen* seen) const;
  // Reads it, or says again what it was: for a process whose stat is the same.
  void Detail(const Visit& visit, const ProcessStat& stat, Seen* seen) const;
  void SampleDetail(const Visit& visit, bool with_command, Seen* seen) const;
  void SampleInfo(const Visit& visit, const ProcessStatus& status, bool with_command,
                  Seen* seen) const;
  // False: there is none.
  bool SampleCgroups(const SampleContext& context, Samples* out);

  std::string proc_;
  std::shared_ptr<const ProcessTuning> tuning_;
  ProcessFinder finder_;
  CgroupSampler cgroups_;
  std::map<uint64_t, Seen> seen_;  // by pid
  uint64_t next_cgroups_ns_ = 0;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_PROCESS_SAMPLER_H_
