// A libnvidia-ml of two GPUs, the second without a thermometer.
#include <cstdint>

extern "C" {

int nvmlInit_v2() { return 0; }
int nvmlShutdown() { return 0; }
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 2;
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  *device = reinterpret_cast<void*>(static_cast<uintptr_t>(index) + 1);
  return 0;
}
int nvmlDeviceGetUtilizationRates(void* device, unsigned* rates) {
  rates[0] = device == reinterpret_cast<void*>(1) ? 25 : 100;
  rates[1] = 0;
  return 0;
}
int nvmlDeviceGetMemoryInfo(void* device, unsigned long long* memory) {
  const auto index = reinterpret_cast<uintptr_t>(device);
  memory[0] = 80ull << 30;
  memory[2] = index << 30;
  memory[1] = memory[0] - memory[2];
  return 0;
}
int nvmlDeviceGetTemperature(void* device, int, unsigned* degrees) {
  *degrees = 61;
  return device == reinterpret_cast<void*>(1) ? 0 : 3;  // 3: not supported
}

}  // extern "C"
