// Whose memory it is: joins the pids that a GPU's driver names to producers.
//
// The driver names pids of the initial pid namespace. Where this agent sees another one, a pid of
// the same number may be anybody's: it counts as a producer's only if that process has a device
// file of the driver open. What cannot be told is said to be unknown.
#ifndef RINGSIDE_AGENT_GPU_HOLDERS_H_
#define RINGSIDE_AGENT_GPU_HOLDERS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/process_finder.h"
#include "agent/sampler.h"

namespace ringside::agent {

class GpuHolders {
 public:
  // `device_prefix`: of the driver's device files, "/dev/nvidia".
  GpuHolders(std::string proc, std::string device_prefix);

  // Once per sample, before the GPUs.
  void Update(const SampleContext& context);

  // One GPU (or slice, or client) and what its driver says about one process.
  struct Held {
    uint64_t pid = 0;
    std::optional<uint64_t> bytes;
  };
  void Append(const std::vector<Held>& all, const proto::LabelList& gpu_labels,
              uint64_t now_unix_ns, std::vector<proto::SeriesDelta>* out) const;

  // Processes of producers as found: pid in this /proc and the service. Once each.
  const std::map<uint64_t, std::string>& producers() const { return producers_; }

 private:
  enum class Who { kProducer, kOther, kUnknown };
  Who WhoIs(uint64_t pid) const;
  bool HasDeviceOpen(uint64_t pid) const;

  std::string proc_;
  std::string device_prefix_;
  bool sees_initial_namespace_;
  ProcessFinder finder_;
  std::map<uint64_t, std::string> producers_;
};

// Labels of a GPU with one more, sorted.
proto::LabelList WithLabel(proto::LabelList labels, std::string key, std::string value);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_GPU_HOLDERS_H_
