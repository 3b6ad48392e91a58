#include "agent/host_sampler.h"

#include <cmath>
#include <cstdlib>
#include <optional>

#include "agent/proc_file.h"

namespace ringside::agent {
namespace {

// "MemTotal:   24629168 kB" in bytes.
std::optional<int64_t> MemoryField(const std::string& text, const std::string& name) {
  const size_t at = text.find(name + ":");
  if (at == std::string::npos || (at != 0 && text[at - 1] != '\n')) return std::nullopt;
  return std::strtoll(text.c_str() + at + name.size() + 1, nullptr, 10) * 1024;
}

}  // namespace

void HostSampler::Sample(const SampleContext& context, std::vector<proto::SeriesDelta>* out) {
  const std::string memory = ReadProcFile(proc_ + "/meminfo");
  const auto add = [&](const char* path, int64_t bytes) {
    out->push_back(GaugeSample(path, "By", {}, bytes, context.now_unix_ns));
  };
  const auto total = MemoryField(memory, "MemTotal");
  const auto available = MemoryField(memory, "MemAvailable");
  if (total) add("host.memory.total", *total);
  if (total && available) add("host.memory.used", *total - *available);
  const auto swap_total = MemoryField(memory, "SwapTotal");
  const auto swap_free = MemoryField(memory, "SwapFree");
  if (swap_total && swap_free) add("host.swap.used", *swap_total - *swap_free);

  const std::string load = ReadProcFile(proc_ + "/loadavg");
  if (!load.empty()) {
    const double value = std::strtod(load.c_str(), nullptr);
    const auto fixed = static_cast<int64_t>(std::llround(std::ldexp(value, -kFineResolution)));
    out->push_back(
        GaugeSample("host.load.1m", "1", {}, fixed, context.now_unix_ns, kFineResolution));
  }
}

}  // namespace ringside::agent
