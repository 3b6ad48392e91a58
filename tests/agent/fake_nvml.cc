// Stands in for libnvidia-ml: two GPUs, the first with one MIG slice when that is switched on, the
// second without a thermometer. Tests turn its knobs by FakeNvmlSet. With RINGSIDE_FAKE_NVML_OLD it
// is a driver of 2013: most functions are not there, processes are of the first format.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>

namespace {

constexpr int kNotSupported = 3;
constexpr int kNotFound = 6;
constexpr int kInsufficientSize = 7;
constexpr int kGpuIsLost = 15;
constexpr unsigned kProcesses = 40;  // more than anybody makes room for at first

std::atomic<int> lost{0};    // number of the GPU that fell off, from 1
std::atomic<int> hang{0};    // calls do not return while it is set
std::atomic<int> stride{0};  // bytes of a process's entry; 0: as documented
std::atomic<int> mig{0};     // the first GPU is divided
std::atomic<int> init{0};    // what starting answers
std::atomic<int> pid{0};     // of the first process

uintptr_t Number(void* device) { return reinterpret_cast<uintptr_t>(device); }

int Enter(void* device) {
  while (hang.load() != 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return static_cast<int>(Number(device) % 10) == lost.load() ? kGpuIsLost : 0;
}

[[maybe_unused]] int Text(const char* text, char* out, unsigned size) {
  std::strncpy(out, text, size);
  return 0;
}

// The first process is the one that the test named, with 3 GiB; the second one's memory is not
// told; the others hold 1 MiB each, under pids that nobody has.
int Processes(void* device, unsigned* count, void* infos, size_t documented) {
  if (const int code = Enter(device)) return code;
  if (Number(device) != 1 && Number(device) != 11) {
    *count = 0;
    return 0;
  }
  if (*count < kProcesses) {
    *count = kProcesses;
    return kInsufficientSize;
  }
  *count = kProcesses;
  const size_t entry = stride.load() != 0 ? static_cast<size_t>(stride.load()) : documented;
  auto* bytes = static_cast<unsigned char*>(infos);
  for (unsigned i = 0; i < kProcesses; ++i) {
    const uint32_t process = i == 0 ? static_cast<uint32_t>(pid.load()) : 4000000 + i;
    const uint64_t used = i == 0 ? uint64_t{3} << 30 : (i == 1 ? ~uint64_t{0} : uint64_t{1} << 20);
    const uint32_t instance = 0xffffffff;
    const uint64_t protected_bytes = 0;
    std::memcpy(bytes + i * entry, &process, 4);
    std::memcpy(bytes + i * entry + 8, &used, 8);
    if (entry >= 24) std::memcpy(bytes + i * entry + 16, &instance, 4);
    if (entry >= 24) std::memcpy(bytes + i * entry + 20, &instance, 4);
    if (entry >= 32) std::memcpy(bytes + i * entry + 24, &protected_bytes, 8);
  }
  return 0;
}

}  // namespace

extern "C" {

void FakeNvmlSet(const char* knob, int value) {
  const std::string name = knob;
  if (name == "lost") lost = value;
  if (name == "hang") hang = value;
  if (name == "stride") stride = value;
  if (name == "mig") mig = value;
  if (name == "init") init = value;
  if (name == "pid") pid = value;
}

int nvmlInit_v2() { return init.load(); }
int nvmlShutdown() { return 0; }
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 2;
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  if (static_cast<int>(index) + 1 == lost.load()) return kGpuIsLost;
  *device = reinterpret_cast<void*>(static_cast<uintptr_t>(index) + 1);
  return 0;
}
int nvmlDeviceGetUtilizationRates(void* device, unsigned* rates) {
  if (const int code = Enter(device)) return code;
  if (mig.load() != 0 && Number(device) == 1) return kNotSupported;
  rates[0] = Number(device) == 1 ? 25 : 100;
  rates[1] = 50;
  return 0;
}
int nvmlDeviceGetMemoryInfo(void* device, unsigned long long* memory) {
  if (const int code = Enter(device)) return code;
  memory[0] = 80ull << 30;
  memory[2] = Number(device) << 30;
  memory[1] = memory[0] - memory[2];
  return 0;
}
int nvmlDeviceGetTemperature(void* device, int, unsigned* degrees) {
  *degrees = 61;
  return Number(device) == 1 ? Enter(device) : kNotSupported;
}
#ifdef RINGSIDE_FAKE_NVML_OLD
int nvmlDeviceGetComputeRunningProcesses(void* device, unsigned* count, void* infos) {
  return Processes(device, count, infos, 16);
}
#else
const char* nvmlErrorString(int code) { return code == kGpuIsLost ? "GPU is lost" : "Error"; }
int nvmlSystemGetDriverVersion(char* text, unsigned size) { return Text("570.1", text, size); }
int nvmlDeviceGetName(void*, char* text, unsigned size) { return Text("Fake H1", text, size); }
int nvmlDeviceGetUUID(void* device, char* text, unsigned size) {
  return Text(Number(device) == 1 ? "GPU-aa" : "GPU-bb", text, size);
}
struct MemoryV2 {
  unsigned version;
  unsigned long long total;
  unsigned long long reserved;
  unsigned long long free;
  unsigned long long used;
};
int nvmlDeviceGetMemoryInfo_v2(void* device, MemoryV2* memory) {
  if (const int code = Enter(device)) return code;
  if (memory->version != (sizeof(MemoryV2) | 2u << 24)) return 25;  // of another version
  const bool is_slice = Number(device) == 11;
  memory->total = (is_slice ? 10ull : 80ull) << 30;
  memory->reserved = 1ull << 20;
  memory->used = is_slice ? 3ull << 30 : Number(device) << 30;
  return 0;
}
int nvmlDeviceGetPowerUsage(void* device, unsigned* milliwatts) {
  *milliwatts = 250500;
  return Enter(device);
}
int nvmlDeviceGetEnforcedPowerLimit(void* device, unsigned* milliwatts) {
  *milliwatts = 700000;
  return Enter(device);
}
int nvmlDeviceGetTotalEnergyConsumption(void* device, unsigned long long* millijoules) {
  static std::atomic<unsigned long long> total{1000000};
  *millijoules = Number(device) == 1 ? (total += 500) : 7;
  return Enter(device);
}
int nvmlDeviceGetClockInfo(void* device, int type, unsigned* megahertz) {
  *megahertz = type == 1 ? 1980 : 2619;
  return Enter(device);
}
int nvmlDeviceGetCurrentClocksThrottleReasons(void* device, unsigned long long* bits) {
  *bits = Number(device) == 1 ? 0x04 | 0x40 : 0x01;
  return Enter(device);
}
int nvmlDeviceGetTotalEccErrors(void* device, int type, int, unsigned long long* total) {
  static std::atomic<unsigned long long> corrected{7};
  if (Number(device) != 1) return kNotSupported;
  *total = type == 0 ? corrected++ : 2;
  return Enter(device);
}
int nvmlDeviceGetMigMode(void* device, unsigned* current, unsigned* pending) {
  *current = *pending = Number(device) == 1 ? static_cast<unsigned>(mig.load()) : 0;
  return Number(device) == 1 ? Enter(device) : kNotSupported;
}
int nvmlDeviceGetMaxMigDeviceCount(void*, unsigned* count) {
  *count = 7;
  return 0;
}
int nvmlDeviceGetMigDeviceHandleByIndex(void*, unsigned index, void** device) {
  if (index != 2) return kNotFound;
  *device = reinterpret_cast<void*>(uintptr_t{11});
  return 0;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void* device, unsigned* count, void* infos) {
  return Processes(device, count, infos, 24);
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(void* device, unsigned* count, void* infos) {
  return Processes(device, count, infos, 24);  // the same ones: a process may draw and compute
}
#endif

}  // extern "C"
