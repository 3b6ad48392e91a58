#include "agent/nvml_sampler.h"

#include <array>
#include <cstring>
#include <utility>

#include "agent/text.h"

namespace ringside::agent {
namespace {

constexpr uint64_t kRetryNs = 60000000000;
constexpr unsigned kMostGpus = 256;
constexpr unsigned kMostSlices = 64;
constexpr size_t kMaxTextBytes = 96;

// Numbers of nvml.h.
constexpr int kTemperatureGpu = 0;
constexpr int kClockSm = 1;
constexpr int kClockMemory = 2;
constexpr int kEccVolatile = 0;  // since the driver was loaded
constexpr unsigned kMemoryV2 = sizeof(NvmlMemoryV2) | 2u << 24;
constexpr unsigned kMigEnabled = 1;

struct Reason {
  uint64_t bit;
  const char* name;
};
// Why clocks are lower than they could be; not those that somebody asked for, nor idleness.
constexpr std::array<Reason, 6> kReasons = {{{0x04, "power_cap"},
                                             {0x08, "hardware_slowdown"},
                                             {0x10, "sync_boost"},
                                             {0x20, "thermal"},
                                             {0x40, "hardware_thermal"},
                                             {0x80, "power_brake"}}};

template <typename Function, typename... Before>
std::string ReadText(Function function, Before... before) {
  char text[kMaxTextBytes] = {};
  if (function == nullptr || function(before..., text, sizeof text) != kNvmlSuccess) return {};
  return CleanText(std::string_view(text, strnlen(text, sizeof text)), kMaxTextBytes);
}

}  // namespace

bool NvmlSampler::Visit::Ok(int code) {
  lost = lost || code == kNvmlGpuIsLost;
  return code == kNvmlSuccess;
}

void NvmlSampler::Visit::Gauge(const char* path, const char* unit, int64_t value,
                               int8_t resolution) const {
  out->push_back(GaugeSample(path, unit, labels, value, now, resolution));
}

NvmlSampler::NvmlSampler(std::string library, std::string proc)
    : path_(std::move(library)), holders_(std::move(proc), "/dev/nvidia") {}

NvmlSampler::~NvmlSampler() = default;

bool NvmlSampler::Ready(const SampleContext& context) {
  if (library_ != nullptr) return true;
  if (context.now_monotonic_ns < next_open_ns_) return false;
  next_open_ns_ = context.now_monotonic_ns + kRetryNs;
  const proto::Status opened = Open();
  std::string text = opened ? std::to_string(gpus_.size()) + " NVIDIA GPUs, driver " +
                                  (driver_.empty() ? "unknown" : driver_)
                            : "no NVIDIA GPU: " + opened.message();
  if (text != said_) context.Note(text);
  said_ = std::move(text);
  return opened.ok();
}

proto::Status NvmlSampler::Open() {
  proto::Result<std::unique_ptr<NvmlLibrary>> library = NvmlLibrary::Open(path_);
  if (!library) return library.status();
  unsigned count = 0;
  const int code = (*library)->call().device_count(&count);
  if (code != kNvmlSuccess) {
    return proto::Status::Error(path_ + " does not count GPUs: " + (*library)->ErrorText(code));
  }
  if (count == 0) return proto::Status::Error(path_ + " finds no GPU");
  library_ = std::move(*library);
  driver_ = ReadText(library_->call().driver_version);
  gpus_.assign(std::min(count, kMostGpus), Gpu());
  return {};
}

// One that cannot be had keeps its number: labels stay what nvidia-smi shows.
void NvmlSampler::Find(unsigned index, Gpu* gpu) const {
  NvmlDevice device = nullptr;
  if (library_->call().device_by_index(index, &device) != kNvmlSuccess) return;
  gpu->device = device;
  gpu->name = ReadText(library_->call().name, device);
  gpu->uuid = ReadText(library_->call().uuid, device);
}

void NvmlSampler::Sample(const SampleContext& context, Samples* out) {
  if (!Ready(context)) return;
  holders_.Update(context);
  for (unsigned i = 0; i < gpus_.size(); ++i) SampleGpu(i, context, out);
}

void NvmlSampler::SampleGpu(unsigned index, const SampleContext& context, Samples* out) {
  Gpu& gpu = gpus_[index];
  if (gpu.device == nullptr) {
    if (context.now_monotonic_ns < gpu.next_try_ns) return;
    gpu.next_try_ns = context.now_monotonic_ns + kRetryNs;
    Find(index, &gpu);
    if (gpu.device == nullptr) return;
  }
  Visit visit;
  visit.now = context.now_unix_ns;
  visit.device = gpu.device;
  visit.labels = {{"gpu", std::to_string(index)}};
  visit.out = out;
  SampleLoad(&visit);
  SampleMemory(&visit);
  SamplePower(&visit);
  SampleThrottling(&visit);
  SampleErrors(&visit);
  if (!SampleSlices(&visit)) SampleProcesses(&visit);
  if (visit.lost) {
    gpu.device = nullptr;
    if (!gpu.lost) {
      context.Note("GPU " + std::to_string(index) + " fell off the bus: " +
                       library_->ErrorText(kNvmlGpuIsLost) + "; the others go on",
                   true);
    }
    gpu.lost = true;
    return;
  }
  if (gpu.lost) context.Note("GPU " + std::to_string(index) + " is back");
  gpu.lost = false;
  proto::LabelList info = {{"driver", driver_},
                           {"gpu", std::to_string(index)},
                           {"name", gpu.name},
                           {"uuid", gpu.uuid},
                           {"vendor", "nvidia"}};
  std::erase_if(info, [](const auto& label) { return label.second.empty(); });
  out->push_back(GaugeSample("gpu.info", "1", std::move(info), 1, visit.now));
}

void NvmlSampler::SampleLoad(Visit* visit) const {
  const NvmlFunctions& call = library_->call();
  NvmlUtilization utilization{};
  if (call.utilization != nullptr && visit->Ok(call.utilization(visit->device, &utilization))) {
    visit->Gauge("gpu.utilization", "1", Fixed(utilization.gpu / 100.0, kFineResolution),
                 kFineResolution);
    visit->Gauge("gpu.memory.utilization", "1", Fixed(utilization.memory / 100.0, kFineResolution),
                 kFineResolution);
  }
  unsigned value = 0;
  if (call.temperature != nullptr &&
      visit->Ok(call.temperature(visit->device, kTemperatureGpu, &value))) {
    visit->Gauge("gpu.temperature", "Cel", value);
  }
  if (call.clock == nullptr) return;
  constexpr int64_t kMega = 1000000;
  if (visit->Ok(call.clock(visit->device, kClockSm, &value))) {
    visit->Gauge("gpu.clock.sm", "Hz", value * kMega);
  }
  if (visit->Ok(call.clock(visit->device, kClockMemory, &value))) {
    visit->Gauge("gpu.clock.memory", "Hz", value * kMega);
  }
}

// What the driver reserves is not used, where it tells the two apart: as nvidia-smi shows it.
void NvmlSampler::SampleMemory(Visit* visit) const {
  const NvmlFunctions& call = library_->call();
  NvmlMemoryV2 fine{};
  fine.version = kMemoryV2;
  NvmlMemory coarse{};
  if (call.memory_v2 != nullptr && visit->Ok(call.memory_v2(visit->device, &fine))) {
    coarse.total = fine.total;
    coarse.used = fine.used;
    visit->Gauge("gpu.memory.reserved", "By", static_cast<int64_t>(fine.reserved));
  } else if (call.memory == nullptr || !visit->Ok(call.memory(visit->device, &coarse))) {
    return;
  }
  visit->Gauge("gpu.memory.total", "By", static_cast<int64_t>(coarse.total));
  visit->Gauge("gpu.memory.used", "By", static_cast<int64_t>(coarse.used));
}

void NvmlSampler::SamplePower(Visit* visit) {
  const NvmlFunctions& call = library_->call();
  const auto watts = [&](const char* path, unsigned milliwatts) {
    visit->Gauge(path, "W", Fixed(milliwatts / 1000.0, kFineResolution), kFineResolution);
  };
  unsigned value = 0;
  if (call.power != nullptr && visit->Ok(call.power(visit->device, &value))) {
    watts("gpu.power", value);
  }
  if (call.power_limit != nullptr && visit->Ok(call.power_limit(visit->device, &value))) {
    watts("gpu.power.limit", value);
  }
  unsigned long long millijoules = 0;
  if (call.energy != nullptr && visit->Ok(call.energy(visit->device, &millijoules))) {
    const auto joules = static_cast<double>(millijoules) / 1000;
    counters_.Append("gpu.energy", "J", visit->labels, Fixed(joules, -10), -10, visit->out);
  }
}

// A gauge of 0 or 1 each: its mean is the share of samples that were throttled.
void NvmlSampler::SampleThrottling(Visit* visit) const {
  const NvmlFunctions& call = library_->call();
  unsigned long long bits = 0;
  if (call.throttle_reasons == nullptr || !visit->Ok(call.throttle_reasons(visit->device, &bits))) {
    return;
  }
  for (const Reason& reason : kReasons) {
    visit->out->push_back(GaugeSample("gpu.throttled", "1",
                                      WithLabel(visit->labels, "reason", reason.name),
                                      (bits & reason.bit) != 0 ? 1 : 0, visit->now));
  }
}

void NvmlSampler::SampleErrors(Visit* visit) {
  const NvmlFunctions& call = library_->call();
  if (call.ecc_errors == nullptr) return;
  static constexpr std::array<const char*, 2> kTypes = {"corrected", "uncorrected"};
  for (int type = 0; type < 2; ++type) {
    unsigned long long total = 0;
    if (!visit->Ok(call.ecc_errors(visit->device, type, kEccVolatile, &total))) continue;
    const char* const name = kTypes[static_cast<size_t>(type)];
    const proto::LabelList labels = WithLabel(visit->labels, "type", name);
    counters_.Append("gpu.ecc.errors", "{error}", labels, static_cast<int64_t>(total), 0,
                     visit->out);
    // How many there were before the agent came is worth knowing.
    visit->out->push_back(GaugeSample("gpu.ecc.errors.total", "{error}", labels,
                                      static_cast<int64_t>(total), visit->now));
  }
}

void NvmlSampler::SampleProcesses(Visit* visit) const {
  int code = kNvmlSuccess;
  const auto processes = library_->Processes(visit->device, &code);
  visit->Ok(code);
  if (!processes) return;
  std::vector<GpuHolders::Held> held;
  for (const NvmlProcess& process : *processes) held.push_back({process.pid, process.bytes});
  holders_.Append(held, visit->labels, visit->now, visit->out);
}

bool NvmlSampler::SampleSlices(Visit* visit) const {
  const NvmlFunctions& call = library_->call();
  if (call.mig_mode == nullptr || call.mig_count == nullptr || call.mig_by_index == nullptr) {
    return false;
  }
  unsigned current = 0;
  unsigned pending = 0;
  if (!visit->Ok(call.mig_mode(visit->device, &current, &pending)) || current != kMigEnabled) {
    return false;
  }
  unsigned most = 0;
  if (!visit->Ok(call.mig_count(visit->device, &most))) return true;
  for (unsigned i = 0; i < std::min(most, kMostSlices); ++i) {
    NvmlDevice slice = nullptr;
    if (!visit->Ok(call.mig_by_index(visit->device, i, &slice)) || slice == nullptr) continue;
    Visit inner = *visit;
    inner.device = slice;
    inner.labels = WithLabel(visit->labels, "mig", std::to_string(i));
    SampleLoad(&inner);
    SampleMemory(&inner);
    SampleProcesses(&inner);
    visit->lost = visit->lost || inner.lost;
  }
  return true;
}

}  // namespace ringside::agent
