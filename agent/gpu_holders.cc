#include "agent/gpu_holders.h"

#include <algorithm>
#include <array>
#include <climits>
#include <string_view>

#include <unistd.h>

#include "agent/proc_file.h"

namespace ringside::agent {
namespace {

// The inode number that the kernel gives the initial pid namespace (PROC_PID_INIT_INO).
constexpr std::string_view kInitialPidNamespace = "pid:[4026531836]";
constexpr size_t kMostOpenFiles = 4096;

std::string LinkTarget(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t size = readlink(path.c_str(), target, sizeof target);
  return size > 0 ? std::string(target, static_cast<size_t>(size)) : std::string();
}

}  // namespace

proto::LabelList WithLabel(proto::LabelList labels, std::string key, std::string value) {
  std::pair<std::string, std::string> label(std::move(key), std::move(value));
  labels.insert(std::upper_bound(labels.begin(), labels.end(), label), std::move(label));
  return labels;
}

GpuHolders::GpuHolders(std::string proc, std::string device_prefix)
    : proc_(std::move(proc)),
      device_prefix_(std::move(device_prefix)),
      sees_initial_namespace_(false),
      finder_(proc_) {}

void GpuHolders::Update(const SampleContext& context) {
  const char* const someone = proc_ == "/proc" ? "/self" : "/1";
  sees_initial_namespace_ = LinkTarget(proc_ + someone + "/ns/pid") == kInitialPidNamespace;
  producers_.clear();
  const std::vector<uint64_t> pids = finder_.Find(*context.processes, context.now_monotonic_ns);
  for (size_t i = 0; i < pids.size(); ++i) {
    if (pids[i] != 0) producers_.emplace(pids[i], (*context.processes)[i].service);
  }
}

bool GpuHolders::HasDeviceOpen(uint64_t pid) const {
  const std::string directory = proc_ + "/" + std::to_string(pid) + "/fd";
  const std::vector<std::string> names = ListDirectory(directory, kMostOpenFiles);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return LinkTarget(directory + "/" + name).starts_with(device_prefix_);
  });
}

GpuHolders::Who GpuHolders::WhoIs(uint64_t pid) const {
  if (pid == 0) return Who::kUnknown;
  const bool is_producer = producers_.count(pid) != 0;
  if (!sees_initial_namespace_) {
    return is_producer && HasDeviceOpen(pid) ? Who::kProducer : Who::kUnknown;
  }
  if (is_producer) return Who::kProducer;
  const bool visible = access((proc_ + "/" + std::to_string(pid)).c_str(), F_OK) == 0;
  return visible ? Who::kOther : Who::kUnknown;
}

void GpuHolders::Append(const std::vector<Held>& all, const proto::LabelList& gpu_labels,
                        uint64_t now_unix_ns, std::vector<proto::SeriesDelta>* out) const {
  static constexpr std::array<const char*, 3> kNames = {"producer", "other", "unknown"};
  std::array<int64_t, 3> processes{};
  std::array<int64_t, 3> bytes{};
  int64_t untold = 0;
  for (const Held& held : all) {
    const Who who = WhoIs(held.pid);
    const auto index = static_cast<size_t>(who);
    ++processes[index];
    if (!held.bytes) {
      ++untold;
      continue;
    }
    const auto held_bytes = static_cast<int64_t>(*held.bytes);
    bytes[index] += held_bytes;
    if (who != Who::kProducer) continue;
    proto::LabelList labels = WithLabel(gpu_labels, "pid", std::to_string(held.pid));
    labels = WithLabel(std::move(labels), "service", producers_.at(held.pid));
    out->push_back(
        GaugeSample("process.gpu.memory", "By", std::move(labels), held_bytes, now_unix_ns));
  }
  for (size_t i = 0; i < kNames.size(); ++i) {
    const proto::LabelList labels = WithLabel(gpu_labels, "who", kNames[i]);
    out->push_back(GaugeSample("gpu.processes", "{process}", labels, processes[i], now_unix_ns));
    out->push_back(GaugeSample("gpu.memory.held", "By", labels, bytes[i], now_unix_ns));
  }
  // Their memory is in none of the sums above.
  out->push_back(GaugeSample("gpu.processes.untold", "{process}", gpu_labels, untold, now_unix_ns));
}

}  // namespace ringside::agent
