#include "agent/cgroup_sampler.h"

#include <unistd.h>

#include "agent/proc_file.h"
#include "agent/process_files.h"
#include "agent/text.h"

namespace ringside::agent {
namespace {

constexpr uint64_t kMicro = 1000000;

}  // namespace

std::string CgroupLabel(const std::string& path) {
  const bool fits = path.size() <= proto::kMaxLabelValueBytes;
  return CleanText(fits ? path : path.substr(path.size() - proto::kMaxLabelValueBytes),
                   proto::kMaxLabelValueBytes);
}

CgroupSampler::CgroupSampler(const std::string& sys) : root_(sys + "/fs/cgroup") {
  if (access((root_ + "/cgroup.controllers").c_str(), F_OK) != 0) root_ += "/unified";
}

void CgroupSampler::Sample(const std::string& path, uint64_t now_unix_ns,
                           std::vector<proto::SeriesDelta>* out) {
  const std::string directory = root_ + path;
  proto::LabelList labels = {{"cgroup", CgroupLabel(path)}};
  if (std::string container = ContainerOf(path); !container.empty()) {
    labels.emplace_back("container", std::move(container));
  }
  const auto gauge = [&](const char* name, const char* unit, int64_t value, int8_t resolution = 0) {
    out->push_back(GaugeSample(name, unit, labels, value, now_unix_ns, resolution));
  };
  if (const auto used = ReadNumber(directory + "/memory.current")) {
    gauge("cgroup.memory.usage", "By", static_cast<int64_t>(*used));
  }
  if (const auto limit = ReadNumber(directory + "/memory.max")) {  // "max": there is none
    gauge("cgroup.memory.limit", "By", static_cast<int64_t>(*limit));
  }
  const std::string quota = ReadProcFile(directory + "/cpu.max");
  const auto words = Split(quota, " \n");  // "max 100000", or "50000 100000": of a period
  if (words.size() == 2) {
    const auto part = LeadingNumber(words[0]);
    const auto period = LeadingNumber(words[1]);
    if (part && period && *period > 0) {
      const double processors = static_cast<double>(*part) / static_cast<double>(*period);
      gauge("cgroup.cpu.limit", "{cpu}", Fixed(processors, kFineResolution), kFineResolution);
    }
  }
  const std::string stat = ReadProcFile(directory + "/cpu.stat");
  const auto seconds = [&](const char* name, std::string_view word) {
    const auto total = WordNumber(stat, word);
    if (!total) return;
    counters_.Append(name, "s", labels, FineSeconds(*total, kMicro), kFineResolution, out);
  };
  seconds("cgroup.cpu.time", "usage_usec");
  seconds("cgroup.cpu.throttled.time", "throttled_usec");
  const auto count = [&](const char* name, const char* unit, std::optional<uint64_t> total) {
    if (total) counters_.Append(name, unit, labels, static_cast<int64_t>(*total), 0, out);
  };
  count("cgroup.cpu.periods", "{period}", WordNumber(stat, "nr_periods"));
  count("cgroup.cpu.throttled.periods", "{period}", WordNumber(stat, "nr_throttled"));
  const std::string events = ReadProcFile(directory + "/memory.events");
  count("cgroup.memory.oom_kills", "{kill}", WordNumber(events, "oom_kill"));
}

}  // namespace ringside::agent
