#include "agent/host_sampler.h"

#include <array>
#include <cstdlib>

#include <sys/stat.h>
#include <unistd.h>

#include "agent/proc_file.h"
#include "agent/text.h"

namespace ringside::agent {
namespace {

constexpr size_t kMostDevices = 64;  // disks, interfaces: each
constexpr uint64_t kSectorBytes = 512;
constexpr size_t kMostNameBytes = 64;

bool Exists(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0;
}

uint64_t NumberAt(const std::vector<std::string_view>& fields, size_t index) {
  return LeadingNumber(fields[index]).value_or(0);
}

std::string DeviceName(std::string_view name) { return CleanText(name, kMostNameBytes); }

}  // namespace

void HostSampler::Sample(const SampleContext& context, std::vector<proto::SeriesDelta>* out) {
  SampleMemory(context.now_unix_ns, out);
  SampleLoad(context.now_unix_ns, out);
  SamplePressure(context.now_unix_ns, out);
  SampleProcessors(context.now_unix_ns, out);
  SampleDisks(out);
  SampleNetwork(out);
}

void HostSampler::SampleMemory(uint64_t now, Samples* out) const {
  const std::string memory = ReadProcFile(proc_ + "/meminfo");
  const auto field = [&](std::string_view name) { return NumberField(memory, name); };
  const auto add = [&](const char* path, uint64_t kib) {
    out->push_back(GaugeSample(path, "By", {}, static_cast<int64_t>(kib * 1024), now));
  };
  const auto total = field("MemTotal");
  const auto available = field("MemAvailable");
  const auto cached = field("Cached");
  if (total) add("host.memory.total", *total);
  if (available) add("host.memory.available", *available);
  if (total && available && *total >= *available) add("host.memory.used", *total - *available);
  if (cached) add("host.memory.cached", *cached);
  const auto swap_total = field("SwapTotal");
  const auto swap_free = field("SwapFree");
  if (swap_total) add("host.swap.total", *swap_total);
  if (swap_total && swap_free && *swap_total >= *swap_free) {
    add("host.swap.used", *swap_total - *swap_free);
  }
}

void HostSampler::SampleLoad(uint64_t now, Samples* out) const {
  const auto add = [&](const char* path, const char* unit, std::string_view text) {
    if (!LeadingNumber(text)) return;
    const double value = std::strtod(std::string(text).c_str(), nullptr);
    out->push_back(
        GaugeSample(path, unit, {}, Fixed(value, kFineResolution), now, kFineResolution));
  };
  const std::string load = ReadProcFile(proc_ + "/loadavg");
  const auto fields = Split(load, " \n");
  if (fields.size() >= 3) {
    add("host.load.1m", "1", fields[0]);
    add("host.load.5m", "1", fields[1]);
    add("host.load.15m", "1", fields[2]);
  }
  const std::string uptime = ReadProcFile(proc_ + "/uptime");
  add("host.uptime", "s", uptime);
}

// "some avg10=1.53 avg60=0.87 avg300=0.21 total=1234567", microseconds.
void HostSampler::SamplePressure(uint64_t now, Samples* out) {
  for (const char* const resource : {"cpu", "memory", "io"}) {
    const std::string text = ReadProcFile(proc_ + "/pressure/" + resource);
    for (const std::string_view line : Split(text, "\n")) {
      const auto words = Split(line, " ");
      if (words.size() < 5 || (words[0] != "some" && words[0] != "full")) continue;
      if (!words[1].starts_with("avg10=") || !words[4].starts_with("total=")) continue;
      const proto::LabelList labels = {{"resource", resource}, {"stall", std::string(words[0])}};
      const double percent = std::strtod(std::string(words[1].substr(6)).c_str(), nullptr);
      out->push_back(GaugeSample("host.pressure.10s", "1", labels,
                                 Fixed(percent / 100, kFineResolution), now, kFineResolution));
      if (const auto total = LeadingNumber(words[4].substr(6))) {
        counters_.Append("host.pressure.time", "s", labels, FineSeconds(*total, 1000000),
                         kFineResolution, out);
      }
    }
  }
}

// "cpu  user nice system idle iowait irq softirq steal guest guest_nice" in ticks. Guests' time is
// part of user and nice.
void HostSampler::SampleProcessors(uint64_t now, Samples* out) {
  static const auto kTicksPerSecond = static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  static constexpr std::array<const char*, 8> kModes = {"user",   "nice", "system",  "idle",
                                                        "iowait", "irq",  "softirq", "steal"};
  constexpr size_t kIdle = 3;
  constexpr size_t kIoWait = 4;
  const std::string text = ReadProcFile(proc_ + "/stat");
  int64_t processors = 0;
  int64_t all = 0;
  int64_t idle = 0;
  for (const std::string_view line : Split(text, "\n")) {
    if (!line.starts_with("cpu")) break;
    const auto fields = Split(line, " ");
    if (fields[0] != "cpu") {
      ++processors;
      continue;
    }
    if (fields.size() < kModes.size() + 1) return;
    for (size_t i = 0; i < kModes.size(); ++i) {
      const int64_t total = FineSeconds(NumberAt(fields, i + 1), kTicksPerSecond);
      const int64_t increase = counters_.Increase("host.cpu.time", kModes[i], total);
      all += increase;
      if (i == kIdle || i == kIoWait) idle += increase;
      if (increase == 0) continue;
      out->push_back(
          CounterSample("host.cpu.time", "s", {{"mode", kModes[i]}}, increase, kFineResolution));
    }
  }
  if (processors > 0) out->push_back(GaugeSample("host.cpu.count", "{cpu}", {}, processors, now));
  if (all > 0) {
    const double busy = static_cast<double>(all - idle) / static_cast<double>(all);
    out->push_back(GaugeSample("host.cpu.utilization", "1", {}, Fixed(busy, kFineResolution), now,
                               kFineResolution));
  }
}

// Whole devices with hardware behind them: partitions, loops and stacked devices would count the
// same bytes again.
void HostSampler::SampleDisks(Samples* out) {
  const std::string text = ReadProcFile(proc_ + "/diskstats");
  size_t devices = 0;
  for (const std::string_view line : Split(text, "\n")) {
    const auto fields = Split(line, " ");
    if (fields.size() < 14) continue;
    const std::string name = DeviceName(fields[2]);
    if (!Exists(sys_ + "/block/" + name + "/device") || ++devices > kMostDevices) continue;
    const auto add = [&](const char* path, const char* unit, const char* direction,
                         uint64_t total) {
      counters_.Append(path, unit, {{"device", name}, {"direction", direction}},
                       static_cast<int64_t>(total), 0, out);
    };
    add("host.disk.operations", "{operation}", "read", NumberAt(fields, 3));
    add("host.disk.operations", "{operation}", "write", NumberAt(fields, 7));
    add("host.disk.io", "By", "read", NumberAt(fields, 5) * kSectorBytes);
    add("host.disk.io", "By", "write", NumberAt(fields, 9) * kSectorBytes);
    counters_.Append("host.disk.busy.time", "s", {{"device", name}},
                     FineSeconds(NumberAt(fields, 12), 1000), kFineResolution, out);
  }
}

// Interfaces with hardware behind them; where there are none, as in a container, all but loopback.
// Bridges and pairs would count the same bytes again.
void HostSampler::SampleNetwork(Samples* out) {
  // Of a host's /proc that is mounted into a container, /proc/net is still the container's.
  std::string text = proc_ == "/proc" ? "" : ReadProcFile(proc_ + "/1/net/dev");
  if (text.empty()) text = ReadProcFile(proc_ + "/net/dev");
  struct Interface {
    std::string_view name;
    std::vector<std::string_view> fields;
    bool is_hardware;
  };
  std::vector<Interface> interfaces;
  bool any_hardware = false;
  for (const std::string_view line : Split(text, "\n")) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto names = Split(line.substr(0, colon), " ");
    auto fields = Split(line.substr(colon + 1), " ");
    if (names.size() != 1 || names[0] == "lo" || fields.size() < 16) continue;
    const bool is_hardware = Exists(sys_ + "/class/net/" + DeviceName(names[0]) + "/device");
    any_hardware = any_hardware || is_hardware;
    interfaces.push_back({names[0], std::move(fields), is_hardware});
  }
  size_t devices = 0;
  for (const Interface& interface : interfaces) {
    if (interface.is_hardware != any_hardware || ++devices > kMostDevices) continue;
    SampleInterface(interface.name, interface.fields, out);
  }
}

void HostSampler::SampleInterface(std::string_view name,
                                  const std::vector<std::string_view>& fields, Samples* out) {
  struct Column {
    const char* path;
    const char* unit;
    size_t index;  // of what was received; what was sent is eight further
  };
  static constexpr std::array<Column, 4> kColumns = {{{"host.network.io", "By", 0},
                                                      {"host.network.packets", "{packet}", 1},
                                                      {"host.network.errors", "{error}", 2},
                                                      {"host.network.dropped", "{packet}", 3}}};
  constexpr size_t kTransmit = 8;
  for (const Column& column : kColumns) {
    const auto add = [&](const char* direction, size_t index) {
      counters_.Append(column.path, column.unit,
                       {{"device", DeviceName(name)}, {"direction", direction}},
                       static_cast<int64_t>(NumberAt(fields, index)), 0, out);
    };
    add("receive", column.index);
    add("transmit", column.index + kTransmit);
  }
}

}  // namespace ringside::agent
