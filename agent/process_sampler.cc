#include "agent/process_sampler.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include <unistd.h>

#include "agent/proc_file.h"

namespace ringside::agent {
namespace {

constexpr uint64_t kPssSlots = 16;  // processes that started together are not read together

uint64_t IntervalNs(const SamplerSetting& setting) {
  if (!setting.enabled) return 0;
  return static_cast<uint64_t>(std::chrono::nanoseconds(setting.interval).count());
}

uint64_t PageBytes() {
  static const auto kBytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return kBytes;
}

int64_t TickSeconds(uint64_t ticks) {
  static const auto kTicksPerSecond = static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  return FineSeconds(ticks, kTicksPerSecond);
}

}  // namespace

void ProcessTuning::Set(const SamplersConfig& config) {
  detail_ns.store(IntervalNs(config.process_detail), std::memory_order_relaxed);
  pss_ns.store(IntervalNs(config.process_pss), std::memory_order_relaxed);
  command_line.store(config.command_line, std::memory_order_relaxed);
}

ProcessSampler::ProcessSampler(std::string proc, const std::string& sys,
                               std::shared_ptr<const ProcessTuning> tuning)
    : proc_(std::move(proc)), tuning_(std::move(tuning)), finder_(proc_), cgroups_(sys) {}

void ProcessSampler::Visit::Gauge(std::string_view path, std::string_view unit,
                                  uint64_t value) const {
  out->push_back(GaugeSample(path, unit, labels, static_cast<int64_t>(value), context.now_unix_ns));
}

// Labels are sorted: `key` lies before or behind pid and service.
void ProcessSampler::Visit::Counter(std::string_view path, std::string_view unit,
                                    std::string_view key, std::string_view value, int64_t increase,
                                    int8_t resolution) const {
  if (increase <= 0) return;  // one that stands still says nothing
  proto::LabelList with = labels;
  const auto at = key < "pid" ? with.begin() : with.end();
  with.emplace(at, key, value);
  out->push_back(CounterSample(path, unit, std::move(with), increase, resolution));
}

void ProcessSampler::Sample(const SampleContext& context, std::vector<proto::SeriesDelta>* out) {
  const uint64_t now = context.now_monotonic_ns;
  const uint64_t detail_ns = tuning_->detail_ns.load(std::memory_order_relaxed);
  const uint64_t pss_ns = tuning_->pss_ns.load(std::memory_order_relaxed);
  const std::vector<uint64_t> pids = finder_.Find(*context.processes, now);
  std::map<uint64_t, Seen> all_seen;
  for (size_t i = 0; i < pids.size(); ++i) {
    const SampledProcess& process = (*context.processes)[i];
    if (pids[i] == 0 || all_seen.count(pids[i]) != 0) continue;
    const std::string pid = std::to_string(pids[i]);
    Visit visit{
        context, process, proc_ + "/" + pid, {{"pid", pid}, {"service", process.service}}, out};
    const auto before = seen_.find(pids[i]);
    KeptFile file = before != seen_.end() ? std::move(before->second.stat)
                                          : KeptFile(visit.directory + "/stat");
    char text[4096];
    const auto stat = ParseProcessStat(file.Read(text, sizeof text));
    if (!stat) continue;
    Seen& seen = all_seen[pids[i]];
    const bool is_known = before != seen_.end() && before->second.start_ticks == stat->start_ticks;
    if (is_known) {
      seen = std::move(before->second);
    } else {
      seen.next_pss_ns = now + pss_ns / kPssSlots * (pids[i] % kPssSlots);
    }
    seen.stat = std::move(file);
    SampleStat(visit, *stat, is_known, &seen);
    if (detail_ns != 0 && now >= seen.next_detail_ns) {
      seen.next_detail_ns = now + detail_ns;
      Detail(visit, *stat, &seen);
    }
    if (pss_ns != 0 && now >= seen.next_pss_ns) {
      seen.next_pss_ns = now + pss_ns;
      const std::string rollup = ReadProcFile(visit.directory + "/smaps_rollup");
      if (const auto kib = NumberField(rollup, "Pss"))
        visit.Gauge("process.pss", "By", *kib * 1024);
    }
  }
  seen_ = std::move(all_seen);
  if (detail_ns != 0 && now >= next_cgroups_ns_ && SampleCgroups(context, out)) {
    next_cgroups_ns_ = now + detail_ns;
  }
}

void ProcessSampler::SampleStat(const Visit& visit, const ProcessStat& stat, bool is_known,
                                Seen* seen) const {
  visit.Gauge("process.rss", "By", stat.rss_pages * PageBytes());
  const Totals totals = {TickSeconds(stat.user_ticks), TickSeconds(stat.system_ticks),
                         static_cast<int64_t>(stat.minor_faults),
                         static_cast<int64_t>(stat.major_faults)};
  if (is_known) {
    const Totals& before = seen->totals;
    visit.Counter("process.cpu.time", "s", "mode", "user", totals.user - before.user,
                  kFineResolution);
    visit.Counter("process.cpu.time", "s", "mode", "system", totals.system - before.system,
                  kFineResolution);
    visit.Counter("process.faults", "{fault}", "type", "minor",
                  totals.minor_faults - before.minor_faults);
    visit.Counter("process.faults", "{fault}", "type", "major",
                  totals.major_faults - before.major_faults);
  }
  seen->totals = totals;
  seen->start_ticks = stat.start_ticks;
}

// Half a dozen files of each process and one of each of its threads are most of what this sampler
// costs, and most of a host's workers sleep.
void ProcessSampler::Detail(const Visit& visit, const ProcessStat& stat, Seen* seen) const {
  const bool with_command = tuning_->command_line.load(std::memory_order_relaxed);
  const uint64_t now = visit.context.now_monotonic_ns;
  if (!seen->detail.empty() && now - seen->detail_read_ns < kRepeatNs &&
      stat == seen->detail_stat && visit.process == seen->detail_process &&
      with_command == seen->detail_has_command) {
    for (proto::SeriesDelta& gauge : seen->detail) {
      gauge.delta.last_unix_ns = visit.context.now_unix_ns;
      visit.out->push_back(gauge);
    }
    return;
  }
  const auto begin = static_cast<std::ptrdiff_t>(visit.out->size());
  visit.Gauge("process.threads", "{thread}", stat.threads);
  SampleDetail(visit, with_command, seen);
  seen->detail_read_ns = now;
  seen->detail_stat = stat;
  seen->detail_process = visit.process;
  seen->detail_has_command = with_command;
  seen->detail.clear();
  std::copy_if(visit.out->begin() + begin, visit.out->end(), std::back_inserter(seen->detail),
               [](const proto::SeriesDelta& s) { return s.key->kind == proto::Kind::kGauge; });
}

void ProcessSampler::SampleDetail(const Visit& visit, bool with_command, Seen* seen) const {
  const ProcessStatus status =
      ParseProcessStatus(ReadProcFile(visit.directory + "/status", size_t{16} << 10));
  const auto gauge = [&](std::string_view path, std::string_view unit,
                         std::optional<uint64_t> value) {
    if (value) visit.Gauge(path, unit, *value);
  };
  gauge("process.memory.private", "By", status.private_bytes);
  gauge("process.memory.shared", "By", status.shared_bytes);
  gauge("process.rss.peak", "By", status.peak_bytes);
  gauge("process.open_files", "{file}", CountOpenFiles(visit.directory));
  if (const auto switches = seen->switches.Take(visit.directory)) {
    visit.Counter("process.context_switches", "{switch}", "type", "voluntary", switches->voluntary);
    visit.Counter("process.context_switches", "{switch}", "type", "involuntary",
                  switches->involuntary);
  }
  SampleInfo(visit, status, with_command, seen);
}

// A gauge of 1, whose labels say who the process is.
void ProcessSampler::SampleInfo(const Visit& visit, const ProcessStatus& status, bool with_command,
                                Seen* seen) const {
  seen->cgroup = ParseCgroupPath(ReadProcFile(visit.directory + "/cgroup", 4096));
  proto::LabelList labels;
  const auto add = [&](const char* key, std::string value) {
    if (!value.empty()) labels.emplace_back(key, std::move(value));
  };
  if (!seen->cgroup.empty()) add("cgroup", CgroupLabel(seen->cgroup));
  if (with_command) {
    add("command", ParseCommandLine(ReadProcFile(visit.directory + "/cmdline", 4096),
                                    proto::kMaxLabelValueBytes));
  }
  add("container", ContainerOf(seen->cgroup));
  if (status.namespace_pids.size() > 1) {
    add("container_pid", std::to_string(status.namespace_pids.back()));
  }
  labels.push_back(visit.labels[0]);
  add("process", visit.process.instance);
  labels.push_back(visit.labels[1]);
  visit.out->push_back(
      GaugeSample("process.info", "1", std::move(labels), 1, visit.context.now_unix_ns));
}

bool ProcessSampler::SampleCgroups(const SampleContext& context, Samples* out) {
  std::set<std::string> paths;
  for (const auto& [pid, seen] : seen_) {
    if (!seen.cgroup.empty()) paths.insert(seen.cgroup);
  }
  for (const std::string& path : paths) cgroups_.Sample(path, context.now_unix_ns, out);
  return !paths.empty();
}

}  // namespace ringside::agent
