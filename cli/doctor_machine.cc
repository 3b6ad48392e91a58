// The machine: clock, GPUs, pressure, processes, control groups, limits.
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include <sys/resource.h>
#include <unistd.h>

#include "agent/nvml_library.h"
#include "agent/proc_file.h"
#include "cli/doctor.h"

namespace ringside::cli {
namespace {

using State = Finding::State;

constexpr std::chrono::seconds kDriverPatience{5};
constexpr rlim_t kFewFiles = 1024;

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

Finding Clock(const std::string& sys) {
  const std::string source(agent::TrimEnd(agent::ReadProcFile(
      sys + "/devices/system/clocksource/clocksource0/current_clocksource", 64)));
  if (source == "tsc" || source == "arch_sys_counter") {
    return {"clock", State::kOk, source + ": workers read the processor's counter", ""};
  }
  const std::string seen =
      source.empty() ? "the kernel does not say which it uses" : source + " (not tsc)";
  return {"clock", State::kNote, seen + ": each reading asks the kernel, timers cost more",
          "where the processor's counter is invariant, boot with clocksource=tsc"};
}

// The library may hang with its driver: asked in a thread that can be left behind.
Finding Nvidia(const agent::SamplersConfig& samplers) {
  struct Answer {
    bool ok = false;
    std::string text;
  };
  auto promise = std::make_shared<std::promise<Answer>>();
  std::future<Answer> answer = promise->get_future();
  std::thread([promise, path = samplers.nvml_library] {
    auto library = agent::NvmlLibrary::Open(path);
    if (!library) {
      promise->set_value({false, library.message()});
      return;
    }
    unsigned count = 0;
    const int code = (*library)->call().device_count(&count);
    const bool ok = code == agent::kNvmlSuccess && count > 0;
    promise->set_value({ok, ok ? std::to_string(count) + " through " + path
                               : path + " finds no GPU: " + (*library)->ErrorText(code)});
  }).detach();
  if (answer.wait_for(kDriverPatience) != std::future_status::ready) {
    return {"gpu.nvidia", State::kWrong,
            samplers.nvml_library + " has not answered for " +
                std::to_string(kDriverPatience.count()) + " s",
            "the driver hangs: see the kernel's log; the agent goes on without it"};
  }
  const Answer got = answer.get();
  if (got.ok) return {"gpu.nvidia", State::kOk, got.text, ""};
  const bool has_driver =
      Exists(samplers.proc + "/driver/nvidia/version") || Exists("/dev/nvidiactl");
  if (has_driver) {
    return {"gpu.nvidia", State::kWrong, "a driver is loaded, but " + got.text,
            "install libnvidia-ml1 of the driver's version; in a container set "
            "NVIDIA_DRIVER_CAPABILITIES=utility, or name the library in samplers.nvidia.library"};
  }
  return {"gpu.nvidia", State::kNote, "none: " + got.text + "; no driver is loaded",
          "nothing to do without such a GPU; else load the NVIDIA driver"};
}

Finding OtherGpus(const std::string& sys) {
  std::string seen;
  for (const std::string& name : agent::ListDirectory(sys + "/class/drm", 1024)) {
    if (!name.starts_with("card") || name.find('-') != std::string::npos) continue;
    const std::string vendor =
        agent::ReadProcFile(sys + "/class/drm/" + name + "/device/vendor", 64);
    const char* known = nullptr;
    if (vendor.starts_with("0x1002")) known = "AMD";
    if (vendor.starts_with("0x8086")) known = "Intel";
    if (known != nullptr) seen += (seen.empty() ? "" : ", ") + name + " (" + known + ")";
  }
  if (!seen.empty()) return {"gpu.other", State::kOk, seen, ""};
  return {"gpu.other", State::kNote, "no AMD or Intel GPU in " + sys + "/class/drm",
          "nothing to do without such a GPU; in a container mount /sys and /dev/dri"};
}

Finding Pressure(const std::string& proc) {
  if (!agent::ReadProcFile(proc + "/pressure/cpu", 4096).empty()) {
    return {"pressure", State::kOk, proc + "/pressure can be read", ""};
  }
  return {"pressure", State::kNote, proc + "/pressure cannot be read: host.pressure is missing",
          "a kernel of 4.20 or later with CONFIG_PSI; where it is off, boot with psi=1"};
}

Finding Processes(const std::string& proc) {
  std::string hidden;
  const std::string mounts = agent::ReadProcFile("/proc/self/mountinfo");
  for (const std::string_view line : agent::Split(mounts, "\n")) {
    const auto words = agent::Split(line, " ");
    if (words.size() < 5 || words[4] != proc) continue;
    const size_t at = line.find("hidepid=");
    if (at != std::string_view::npos) hidden = std::string(line.substr(at + 8, 1));
  }
  if (geteuid() == 0) {
    // Root of a container lacks the right as anybody does.
    const bool sees = access((proc + "/1/ns/pid").c_str(), F_OK) != 0 ||
                      readlink((proc + "/1/ns/pid").c_str(), std::string(64, 0).data(), 63) > 0;
    if (sees) return {"processes", State::kOk, "root: those of all users", ""};
    return {"processes", State::kNote,
            "root without CAP_SYS_PTRACE: open files and proportional memory of other users' "
            "workers are missing",
            "add the capability SYS_PTRACE"};
  }
  const std::string own = "user " + std::to_string(geteuid());
  if (!hidden.empty() && hidden != "0") {
    return {"processes", State::kNote,
            own + ", and " + proc + " is mounted with hidepid=" + hidden +
                ": other users' workers cannot be seen",
            "run the agent as root, or add its user to the group of the mount option gid="};
  }
  return {"processes", State::kNote,
          own + ": of other users' workers only stat and status can be read",
          "nothing to do where all workers run as this user; else run the agent as root"};
}

Finding Cgroups(const std::string& sys) {
  const std::string root = sys + "/fs/cgroup";
  if (Exists(root + "/cgroup.controllers")) return {"cgroup", State::kOk, "version 2", ""};
  if (Exists(root + "/unified/cgroup.controllers")) {
    return {"cgroup", State::kNote, "version 1 beside 2: memory and processor limits are missing",
            "boot with systemd.unified_cgroup_hierarchy=1"};
  }
  return {"cgroup", State::kNote, "no version 2 in " + root + ": limits and throttling are missing",
          "boot with systemd.unified_cgroup_hierarchy=1; in a container mount /sys/fs/cgroup"};
}

void Limits(Findings* findings) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  const bool unlimited = files.rlim_max == RLIM_INFINITY;
  const std::string text = unlimited ? "any number of" : std::to_string(files.rlim_max);
  Finding finding{"open files", State::kOk,
                  text + " open files are allowed; an agent needs 4 per worker", ""};
  if (!unlimited && files.rlim_max < kFewFiles) {
    finding.state = State::kWrong;
    finding.mend = "raise the hard limit (ulimit -Hn, LimitNOFILE=) to " +
                   std::to_string(kFewFiles) + " at least";
  }
  findings->push_back(std::move(finding));
  rlimit size{};
  getrlimit(RLIMIT_FSIZE, &size);
  if (size.rlim_cur != RLIM_INFINITY) {
    findings->push_back({"file size", State::kNote,
                         "limited to " + std::to_string(size.rlim_cur) +
                             " bytes: workers under this limit make smaller segments, or none",
                         "ulimit -f unlimited"});
  }
}

}  // namespace

void ExamineMachine(const DaemonConfig& config, Findings* findings) {
  const agent::SamplersConfig& samplers = config.agent.samplers;
  findings->push_back(Clock(samplers.sys));
  findings->push_back(Nvidia(samplers));
  findings->push_back(OtherGpus(samplers.sys));
  findings->push_back(Pressure(samplers.proc));
  findings->push_back(Processes(samplers.proc));
  findings->push_back(Cgroups(samplers.sys));
  Limits(findings);
}

}  // namespace ringside::cli
