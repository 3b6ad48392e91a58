#include "agent/machine_samples.h"

#include <iterator>
#include <utility>

#include "agent/drm_sampler.h"
#include "agent/host_sampler.h"
#include "agent/nvml_sampler.h"
#include "proto/tick_clock.h"

namespace ringside::agent {
namespace {

constexpr uint64_t kSecondNs = 1000000000;

std::string Seconds(uint64_t ns) { return std::to_string(ns / kSecondNs) + " s"; }

}  // namespace

MachineSamples::MachineSamples(const SamplersConfig& config)
    : hangs_after_ns_(static_cast<uint64_t>(std::chrono::nanoseconds(config.hangs_after).count())) {
  tuning_->Set(config);
  Add("host", std::make_unique<HostSampler>(config.proc, config.sys), &SamplersConfig::host,
      config);
  Add("process", std::make_unique<ProcessSampler>(config.proc, config.sys, tuning_),
      &SamplersConfig::process, config);
  if (!config.nvml_library.empty()) {
    Add("gpu.nvidia", std::make_unique<NvmlSampler>(config.nvml_library, config.proc),
        &SamplersConfig::nvidia, config);
  }
  using Vendor = DrmSampler::Vendor;
  Add("gpu.amd", std::make_unique<DrmSampler>(Vendor::kAmd, config.proc, config.sys),
      &SamplersConfig::amd, config);
  Add("gpu.intel", std::make_unique<DrmSampler>(Vendor::kIntel, config.proc, config.sys),
      &SamplersConfig::intel, config);
}

MachineSamples::~MachineSamples() {
  // All at once: those that hang are waited for together.
  for (Entry& entry : entries_) entry.thread->RequestStop();
}

void MachineSamples::Add(std::string name, std::unique_ptr<Sampler> sampler,
                         SamplerSetting SamplersConfig::*setting, const SamplersConfig& config) {
  entries_.push_back(
      {std::make_unique<SamplerThread>(std::move(name), std::move(sampler), config.*setting),
       setting});
}

void MachineSamples::Configure(const SamplersConfig& config) {
  tuning_->Set(config);
  for (Entry& entry : entries_) entry.thread->Configure(config.*entry.setting);
}

void MachineSamples::Collect(ProcessList processes, uint64_t now_unix_ns,
                             std::vector<SamplerNote>* notes) {
  if (processes != *processes_) {
    processes_ = std::make_shared<const ProcessList>(std::move(processes));
    for (Entry& entry : entries_) entry.thread->Follow(processes_);
  }
  std::vector<proto::SeriesDelta> found;
  std::vector<SampleBox> boxes;
  for (Entry& entry : entries_) {
    SamplerThread::Taken taken = entry.thread->Take();
    std::move(taken.notes.begin(), taken.notes.end(), std::back_inserter(*notes));
    Watch(&entry, taken, now_unix_ns, &found, notes);
    boxes.push_back(std::move(taken.samples));
  }
  if (waiting_.dropped() > reported_dropped_) {
    found.push_back(CounterSample("agent.sampler.dropped", "{sample}", {},
                                  static_cast<int64_t>(waiting_.dropped() - reported_dropped_)));
    reported_dropped_ = waiting_.dropped();
  }
  boxes.emplace_back().Add(std::move(found));
  waiting_.AddDisjoint(std::move(boxes));
}

void MachineSamples::Watch(Entry* entry, const SamplerThread::Taken& taken, uint64_t now_unix_ns,
                           std::vector<proto::SeriesDelta>* out,
                           std::vector<SamplerNote>* notes) const {
  const std::string& name = entry->thread->name();
  const uint64_t now = proto::MonotonicNs();
  const uint64_t age =
      taken.busy_since_ns != 0 && now > taken.busy_since_ns ? now - taken.busy_since_ns : 0;
  if (age >= hangs_after_ns_) {
    out->push_back(GaugeSample("agent.sampler.age", "s", {{"sampler", name}},
                               Fixed(static_cast<double>(age) * 1e-9, kFineResolution), now_unix_ns,
                               kFineResolution));
  }
  if (entry->hangs_since_ns != 0 && taken.busy_since_ns != entry->hangs_since_ns) {
    notes->push_back(
        {"sampler " + name + " answers again, after " + Seconds(now - entry->hangs_since_ns),
         true});
    entry->hangs_since_ns = 0;
  }
  if (age >= hangs_after_ns_ && entry->hangs_since_ns == 0) {
    entry->hangs_since_ns = taken.busy_since_ns;
    notes->push_back(
        {"sampler " + name + " has not answered for " + Seconds(age) +
             " (a driver or a file that hangs): its samples are missing, all else goes on",
         true});
  }
}

}  // namespace ringside::agent
