// What the kernel's graphics drivers say of one client: /proc/PID/fdinfo/N of an open /dev/dri file
// (the kernel's Documentation/gpu/drm-usage-stats.rst).
#ifndef RINGSIDE_AGENT_DRM_FDINFO_H_
#define RINGSIDE_AGENT_DRM_FDINFO_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ringside::agent {

struct DrmCycles {
  uint64_t busy = 0;
  uint64_t total = 0;
};

struct DrmClient {
  std::string pci;  // "0000:03:00.0"
  uint64_t id = 0;  // of one client on that device; several descriptors may be one client
  std::optional<uint64_t> device_bytes;            // resident in the GPU's own memory
  std::optional<uint64_t> system_bytes;            // resident in the host's
  std::map<std::string, uint64_t> engine_ns;       // busy time by engine (amdgpu, i915)
  std::map<std::string, DrmCycles> engine_cycles;  // by engine (xe)
};

// Nothing: not a client of a graphics driver, or one that does not say which.
std::optional<DrmClient> ParseDrmFdinfo(std::string_view text);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_DRM_FDINFO_H_
