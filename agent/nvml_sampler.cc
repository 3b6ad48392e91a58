#include "agent/nvml_sampler.h"

#include <utility>

#include <dlfcn.h>

namespace ringside::agent {
namespace {

// The parts of NVML's ABI (nvml.h) that are used; stable since 2012.
constexpr int kNvmlSuccess = 0;
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

NvmlSampler::NvmlSampler(std::unique_ptr<NvmlFunctions> functions)
    : functions_(std::move(functions)) {}

NvmlSampler::~NvmlSampler() = default;

std::unique_ptr<NvmlSampler> NvmlSampler::Open(const std::string& library, std::string* reason) {
  auto functions = std::make_unique<NvmlFunctions>();
  functions->library = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (functions->library == nullptr) {
    *reason = dlerror();
    return nullptr;
  }
  if (!functions->LoadAll()) {
    *reason = library + " lacks a function";
    return nullptr;
  }
  if (functions->init() != kNvmlSuccess) {
    *reason = library + " does not start (no driver?)";
    return nullptr;
  }
  functions->initialized = true;
  unsigned count = 0;
  if (functions->device_count(&count) != kNvmlSuccess) count = 0;
  std::unique_ptr<NvmlSampler> sampler(new NvmlSampler(std::move(functions)));
  for (unsigned i = 0; i < count; ++i) {
    void* device = nullptr;
    // One that cannot be had keeps its number: labels stay what nvidia-smi shows.
    if (sampler->functions_->device_by_index(i, &device) != kNvmlSuccess) device = nullptr;
    sampler->devices_.push_back(device);
  }
  if (sampler->devices_.empty()) {
    *reason = library + " finds no GPU";
    return nullptr;
  }
  return sampler;
}

void NvmlSampler::Sample(const SampleContext& context, std::vector<proto::SeriesDelta>* out) {
  const uint64_t now = context.now_unix_ns;
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
