#include "agent/nvml_library.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>

#include <dlfcn.h>

#include "agent/text.h"

namespace ringside::agent {
namespace {

constexpr size_t kMaxTextBytes = 80;
constexpr unsigned kMostProcesses = 4096;
constexpr int kTries = 4;
constexpr unsigned char kUntouched = 0xA5;
// Of nvmlProcessInfo_v1_t, _v2_t, and the one that driver 535 fills under the second one's name.
constexpr size_t kStrideV1 = 16;
constexpr size_t kStrideV2 = 24;
constexpr size_t kStrideMost = 32;

// The first of `names` that the library has.
template <typename Function>
bool Find(void* library, std::initializer_list<const char*> names, Function* function) {
  for (const char* const name : names) {
    *function = reinterpret_cast<Function>(dlsym(library, name));
    if (*function != nullptr) return true;
  }
  return false;
}

void FindOptional(void* library, NvmlFunctions* f) {
  Find(library, {"nvmlShutdown"}, &f->shutdown);
  Find(library, {"nvmlErrorString"}, &f->error_string);
  Find(library, {"nvmlSystemGetDriverVersion"}, &f->driver_version);
  Find(library, {"nvmlDeviceGetName"}, &f->name);
  Find(library, {"nvmlDeviceGetUUID"}, &f->uuid);
  Find(library, {"nvmlDeviceGetUtilizationRates"}, &f->utilization);
  Find(library, {"nvmlDeviceGetMemoryInfo"}, &f->memory);
  Find(library, {"nvmlDeviceGetMemoryInfo_v2"}, &f->memory_v2);
  Find(library, {"nvmlDeviceGetTemperature"}, &f->temperature);
  Find(library, {"nvmlDeviceGetPowerUsage"}, &f->power);
  Find(library, {"nvmlDeviceGetEnforcedPowerLimit"}, &f->power_limit);
  Find(library, {"nvmlDeviceGetTotalEnergyConsumption"}, &f->energy);
  Find(library, {"nvmlDeviceGetClockInfo"}, &f->clock);
  Find(library,
       {"nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"},
       &f->throttle_reasons);
  Find(library, {"nvmlDeviceGetTotalEccErrors"}, &f->ecc_errors);
  Find(library, {"nvmlDeviceGetMigMode"}, &f->mig_mode);
  Find(library, {"nvmlDeviceGetMaxMigDeviceCount"}, &f->mig_count);
  Find(library, {"nvmlDeviceGetMigDeviceHandleByIndex"}, &f->mig_by_index);
  f->process_stride = kStrideV2;
  if (!Find(library,
            {"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"},
            &f->compute_processes)) {
    f->process_stride = kStrideV1;
    Find(library, {"nvmlDeviceGetComputeRunningProcesses"}, &f->compute_processes);
    Find(library, {"nvmlDeviceGetGraphicsRunningProcesses"}, &f->graphics_processes);
    return;
  }
  Find(library,
       {"nvmlDeviceGetGraphicsRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v2"},
       &f->graphics_processes);
}

// How far apart the entries lie: drivers 535.43 to 535.86 fill larger ones than nvml.h says. What
// they left untouched tells.
size_t StrideOf(const std::vector<unsigned char>& bytes, unsigned count, size_t documented) {
  const auto last = std::find_if(bytes.rbegin(), bytes.rend(),
                                 [](unsigned char byte) { return byte != kUntouched; });
  const auto touched = static_cast<size_t>(bytes.rend() - last);
  const size_t stride = (touched + count - 1) / count;
  const bool known = stride == kStrideV1 || stride == kStrideV2 || stride == kStrideMost;
  return known ? stride : documented;
}

}  // namespace

proto::Result<std::unique_ptr<NvmlLibrary>> NvmlLibrary::Open(const std::string& path) {
  void* const handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return proto::Status::Error(dlerror());
  std::unique_ptr<NvmlLibrary> library(new NvmlLibrary(handle));
  if (proto::Status status = library->Load(path); !status) return status;
  return library;
}

proto::Status NvmlLibrary::Load(const std::string& path) {
  if (!Find(library_, {"nvmlInit_v2", "nvmlInit"}, &functions_.init) ||
      !Find(library_, {"nvmlDeviceGetCount_v2", "nvmlDeviceGetCount"}, &functions_.device_count) ||
      !Find(library_, {"nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByIndex"},
            &functions_.device_by_index)) {
    return proto::Status::Error(path + " is no NVML: it lacks functions that every version has");
  }
  FindOptional(library_, &functions_);
  const int code = functions_.init();
  if (code != kNvmlSuccess) {
    return proto::Status::Error(path + " does not start: " + ErrorText(code) +
                                " (is the NVIDIA driver loaded?)");
  }
  started_ = true;
  return {};
}

NvmlLibrary::~NvmlLibrary() {
  if (started_ && functions_.shutdown != nullptr) functions_.shutdown();
  dlclose(library_);
}

std::string NvmlLibrary::ErrorText(int code) const {
  const char* const text =
      functions_.error_string != nullptr ? functions_.error_string(code) : nullptr;
  std::string number = "NVML error " + std::to_string(code);
  if (text == nullptr) return number;
  return CleanText(std::string_view(text, strnlen(text, kMaxTextBytes)), kMaxTextBytes) + " (" +
         number + ")";
}

std::optional<std::vector<NvmlProcess>> NvmlLibrary::Processes(NvmlDevice device, int* code) const {
  std::vector<NvmlProcess> processes;
  const bool compute = AddProcesses(functions_.compute_processes, device, code, &processes);
  const bool graphics = AddProcesses(functions_.graphics_processes, device, code, &processes);
  if (!compute && !graphics) return std::nullopt;
  return processes;
}

bool NvmlLibrary::AddProcesses(NvmlFunctions::Processes function, NvmlDevice device, int* code,
                               std::vector<NvmlProcess>* out) const {
  if (function == nullptr) return false;
  unsigned room = 32;
  unsigned count = 0;
  std::vector<unsigned char> bytes;
  for (int i = 0; i < kTries; ++i) {  // more may come between two calls
    bytes.assign(room * kStrideMost, kUntouched);
    count = room;
    *code = function(device, &count, bytes.data());
    if (*code != kNvmlInsufficientSize) break;
    room = std::min(std::max(count, room) * 2, kMostProcesses);
  }
  if (*code != kNvmlSuccess || count > room) return false;
  if (count == 0) return true;
  const size_t stride = StrideOf(bytes, count, functions_.process_stride);
  for (unsigned i = 0; i < count; ++i) {
    uint32_t pid = 0;
    uint64_t used = 0;
    std::memcpy(&pid, &bytes[i * stride], sizeof pid);
    std::memcpy(&used, &bytes[i * stride + 8], sizeof used);
    const auto known = std::find_if(out->begin(), out->end(),
                                    [&](const NvmlProcess& other) { return other.pid == pid; });
    NvmlProcess process{pid, std::nullopt};
    if (used != kNvmlNotAvailable) process.bytes = used;
    // In both lists: the same memory.
    if (known == out->end()) {
      out->push_back(process);
    } else if (process.bytes) {
      known->bytes = std::max(known->bytes.value_or(0), *process.bytes);
    }
  }
  return true;
}

}  // namespace ringside::agent
