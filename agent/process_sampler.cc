#include "agent/process_sampler.h"

#include <cstdlib>
#include <iterator>
#include <sstream>
#include <vector>

#include <unistd.h>

#include "agent/proc_file.h"

namespace ringside::agent {
namespace {

struct ProcessStat {
  uint64_t cpu_ticks = 0;
  uint64_t threads = 0;
  uint64_t start_ticks = 0;
  uint64_t rss_pages = 0;
};

// The command, in parentheses, may hold anything: what counts comes after the last ')'.
bool ParseStat(const std::string& text, ProcessStat* stat) {
  const size_t paren = text.rfind(')');
  if (paren == std::string::npos) return false;
  std::istringstream rest(text.substr(paren + 1));
  std::vector<std::string> fields{std::istream_iterator<std::string>(rest), {}};
  constexpr size_t kFirst = 3;  // the field after the command is the third
  const auto field = [&](size_t number) {
    return std::strtoull(fields[number - kFirst].c_str(), nullptr, 10);
  };
  if (fields.size() < 24 - kFirst + 1) return false;
  stat->cpu_ticks = field(14) + field(15);
  stat->threads = field(20);
  stat->start_ticks = field(22);
  stat->rss_pages = field(24);
  return true;
}

int64_t CpuFixed(uint64_t ticks) {
  static const auto kTicksPerSecond = static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  return static_cast<int64_t>((ticks << -kFineResolution) / kTicksPerSecond);
}

}  // namespace

void ProcessSampler::Sample(const SampleContext& context, std::vector<proto::SeriesDelta>* out) {
  static const auto kPageBytes = static_cast<int64_t>(sysconf(_SC_PAGESIZE));
  std::map<uint64_t, Seen> seen;
  for (const SampledProcess& process : context.processes) {
    if (seen.count(process.pid) != 0) continue;
    const std::string pid = std::to_string(process.pid);
    ProcessStat stat;
    if (!ParseStat(ReadProcFile(proc_ + "/" + pid + "/stat"), &stat)) continue;
    const proto::LabelList labels = {{"pid", pid}, {"service", process.service}};
    const auto add = [&](const char* path, const char* unit, int64_t value) {
      out->push_back(GaugeSample(path, unit, labels, value, context.now_unix_ns));
    };
    add("process.rss", "By", static_cast<int64_t>(stat.rss_pages) * kPageBytes);
    add("process.threads", "{thread}", static_cast<int64_t>(stat.threads));
    const auto before = seen_.find(process.pid);
    if (before != seen_.end() && before->second.start_ticks == stat.start_ticks) {
      // Of the totals, not of their difference: what rounding takes now comes back later.
      const int64_t increase = CpuFixed(stat.cpu_ticks) - CpuFixed(before->second.cpu_ticks);
      out->push_back(CounterSample("process.cpu.time", "s", labels, increase, kFineResolution));
    }
    seen[process.pid] = {stat.start_ticks, stat.cpu_ticks};
  }
  seen_ = std::move(seen);
}

}  // namespace ringside::agent
