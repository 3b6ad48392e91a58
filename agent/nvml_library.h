// The part of NVML's ABI (nvml.h) that is used, loaded at run time. Functions came one by one over
// the years: each may be missing but those that start it and find the GPUs.
//
// Owner: the sampler's thread. A call may hang as long as the driver does.
#ifndef RINGSIDE_AGENT_NVML_LIBRARY_H_
#define RINGSIDE_AGENT_NVML_LIBRARY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proto/status.h"

namespace ringside::agent {

using NvmlDevice = void*;

inline constexpr int kNvmlSuccess = 0;
inline constexpr int kNvmlInsufficientSize = 7;
inline constexpr int kNvmlGpuIsLost = 15;
inline constexpr uint64_t kNvmlNotAvailable = ~uint64_t{0};

struct NvmlUtilization {
  unsigned gpu;     // percent
  unsigned memory;  // percent of the time the memory was busy, not its fill
};
struct NvmlMemory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;  // with what the driver reserved
};
struct NvmlMemoryV2 {
  unsigned version;
  unsigned long long total;
  unsigned long long reserved;
  unsigned long long free;
  unsigned long long used;  // without, as nvidia-smi shows it
};
static_assert(sizeof(NvmlMemoryV2) == 40);

// A process that holds memory of a GPU.
struct NvmlProcess {
  uint64_t pid = 0;
  std::optional<uint64_t> bytes;  // nothing: the driver does not tell
};

struct NvmlFunctions {
  int (*init)() = nullptr;
  int (*device_count)(unsigned*) = nullptr;
  int (*device_by_index)(unsigned, NvmlDevice*) = nullptr;
  // From here on: null where the library has none.
  int (*shutdown)() = nullptr;
  const char* (*error_string)(int) = nullptr;
  int (*driver_version)(char*, unsigned) = nullptr;
  int (*name)(NvmlDevice, char*, unsigned) = nullptr;
  int (*uuid)(NvmlDevice, char*, unsigned) = nullptr;
  int (*utilization)(NvmlDevice, NvmlUtilization*) = nullptr;
  int (*memory)(NvmlDevice, NvmlMemory*) = nullptr;
  int (*memory_v2)(NvmlDevice, NvmlMemoryV2*) = nullptr;
  int (*temperature)(NvmlDevice, int sensor, unsigned* degrees) = nullptr;
  int (*power)(NvmlDevice, unsigned* milliwatts) = nullptr;
  int (*power_limit)(NvmlDevice, unsigned* milliwatts) = nullptr;
  int (*energy)(NvmlDevice, unsigned long long* millijoules) = nullptr;
  int (*clock)(NvmlDevice, int type, unsigned* megahertz) = nullptr;
  int (*throttle_reasons)(NvmlDevice, unsigned long long* bits) = nullptr;
  int (*ecc_errors)(NvmlDevice, int type, int counter, unsigned long long*) = nullptr;
  int (*mig_mode)(NvmlDevice, unsigned* current, unsigned* pending) = nullptr;
  int (*mig_count)(NvmlDevice, unsigned* most) = nullptr;
  int (*mig_by_index)(NvmlDevice, unsigned, NvmlDevice*) = nullptr;
  using Processes = int (*)(NvmlDevice, unsigned* count, void* infos);
  Processes compute_processes = nullptr;
  Processes graphics_processes = nullptr;
  size_t process_stride = 0;  // as nvml.h says for that version
};

class NvmlLibrary {
 public:
  // Loads and starts it.
  static proto::Result<std::unique_ptr<NvmlLibrary>> Open(const std::string& path);
  ~NvmlLibrary();
  NvmlLibrary(const NvmlLibrary&) = delete;
  NvmlLibrary& operator=(const NvmlLibrary&) = delete;

  const NvmlFunctions& call() const { return functions_; }
  // "GPU is lost (NVML error 15)".
  std::string ErrorText(int code) const;
  // Compute and graphics processes of a GPU or a slice, each once; `code` of the last call.
  // Nothing: the driver does not tell.
  std::optional<std::vector<NvmlProcess>> Processes(NvmlDevice device, int* code) const;

 private:
  explicit NvmlLibrary(void* library) : library_(library) {}
  proto::Status Load(const std::string& path);
  bool AddProcesses(NvmlFunctions::Processes function, NvmlDevice device, int* code,
                    std::vector<NvmlProcess>* out) const;

  void* library_;
  bool started_ = false;
  NvmlFunctions functions_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_NVML_LIBRARY_H_
