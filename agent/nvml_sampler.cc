#include "agent/nvml_sampler.h"

#include <utility>

#include <dlfcn.h>

namespace ringside::agent {
namespace {

// The parts of NVML's ABI (nvml.h) that are used; stable since 2012.
constexpr int kNvmlSuccess = 0;
constexpr uint64_t kRetryNs = 60000000000;
constexpr int kNvmlTemperatureGpu = 0;

struct NvmlUtilization {
  unsigned gpu;     // percent
  unsigned memory;  // percent of the time the memory was busy, not its fill
};

struct NvmlMemory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

}  // namespace

struct NvmlFunctions {
  void* library = nullptr;
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  int (*device_count)(unsigned*) = nullptr;
  int (*device_by_index)(unsigned, void**) = nullptr;
  int (*utilization)(void*, NvmlUtilization*) = nullptr;
  int (*memory)(void*, NvmlMemory*) = nullptr;
  int (*temperature)(void*, int, unsigned*) = nullptr;
  bool initialized = false;

  ~NvmlFunctions() {
    if (initialized) shutdown();
    if (library != nullptr) dlclose(library);
  }

  template <typename Function>
  bool Load(const char* name, Function* function) const {
    *function = reinterpret_cast<Function>(dlsym(library, name));
    return *function != nullptr;
  }
  bool LoadAll() {
    return Load("nvmlInit_v2", &init) && Load("nvmlShutdown", &shutdown) &&
           Load("nvmlDeviceGetCount_v2", &device_count) &&
           Load("nvmlDeviceGetHandleByIndex_v2", &device_by_index) &&
           Load("nvmlDeviceGetUtilizationRates", &utilization) &&
           Load("nvmlDeviceGetMemoryInfo", &memory) &&
           Load("nvmlDeviceGetTemperature", &temperature);
  }
};

NvmlSampler::NvmlSampler(std::string library) : library_(std::move(library)) {}

NvmlSampler::~NvmlSampler() = default;

proto::Status NvmlSampler::Open() {
  auto functions = std::make_unique<NvmlFunctions>();
  functions->library = dlopen(library_.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (functions->library == nullptr) return proto::Status::Error(dlerror());
  if (!functions->LoadAll()) return proto::Status::Error(library_ + " lacks a function");
  if (functions->init() != kNvmlSuccess) {
    return proto::Status::Error(library_ + " does not start (no driver?)");
  }
  functions->initialized = true;
  unsigned count = 0;
  if (functions->device_count(&count) != kNvmlSuccess || count == 0) {
    return proto::Status::Error(library_ + " finds no GPU");
  }
  for (unsigned i = 0; i < count; ++i) {
    void* device = nullptr;
    // One that cannot be had keeps its number: labels stay what nvidia-smi shows.
    if (functions->device_by_index(i, &device) != kNvmlSuccess) device = nullptr;
    devices_.push_back(device);
  }
  functions_ = std::move(functions);
  return {};
}

void NvmlSampler::Sample(const SampleContext& context, std::vector<proto::SeriesDelta>* out) {
  const uint64_t now = context.now_unix_ns;
  if (functions_ == nullptr) {
    if (context.now_monotonic_ns < next_open_ns_) return;
    next_open_ns_ = context.now_monotonic_ns + kRetryNs;
    const proto::Status opened = Open();
    const std::string reason = opened ? std::to_string(devices_.size()) + " NVIDIA GPUs"
                                      : "no NVIDIA GPU: " + opened.message();
    if (reason != last_reason_) context.Note(reason);
    last_reason_ = reason;
    if (!opened) return;
  }
  for (size_t i = 0; i < devices_.size(); ++i) {
    void* const device = devices_[i];
    if (device == nullptr) continue;
    const proto::LabelList labels = {{"gpu", std::to_string(i)}};
    NvmlUtilization utilization{};
    if (functions_->utilization(device, &utilization) == kNvmlSuccess) {
      const int64_t ratio = (int64_t{utilization.gpu} << -kFineResolution) / 100;
      out->push_back(GaugeSample("gpu.utilization", "1", labels, ratio, now, kFineResolution));
    }
    NvmlMemory memory{};
    if (functions_->memory(device, &memory) == kNvmlSuccess) {
      const auto used = static_cast<int64_t>(memory.used);
      const auto total = static_cast<int64_t>(memory.total);
      out->push_back(GaugeSample("gpu.memory.used", "By", labels, used, now));
      out->push_back(GaugeSample("gpu.memory.total", "By", labels, total, now));
    }
    unsigned degrees = 0;
    if (functions_->temperature(device, kNvmlTemperatureGpu, &degrees) == kNvmlSuccess) {
      out->push_back(GaugeSample("gpu.temperature", "Cel", labels, degrees, now));
    }
  }
}

}  // namespace ringside::agent
