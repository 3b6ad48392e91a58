#include "agent/observing_cost.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "agent/sampler.h"
#include "proto/tick_clock.h"

namespace ringside::agent {
namespace {

// A whole timer by what its two clock readings take (docs/probe-cost.md).
constexpr double kTimerPerClockPair = 1.7;
constexpr int kPairs = 2000;
constexpr int kRounds = 5;

}  // namespace

double MeasureNsPerSample() {
  uint64_t best = UINT64_MAX;
  uint64_t sink = 0;
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t begin = proto::MonotonicNs();
    for (int i = 0; i < kPairs; ++i) {
      const uint64_t start = proto::ReadCounter();
      sink += proto::ReadCounter() - start;
    }
    best = std::min(best, proto::MonotonicNs() - begin);
  }
  // Used, so that no reading is left out.
  const double pair = static_cast<double>(best + (sink == 0 ? 1 : 0)) / kPairs;
  return pair * kTimerPerClockPair;
}

void ObservingCost::Add(uint64_t pid, uint64_t samples) {
  if (pid == 0 || samples == 0) return;
  const std::string name = std::to_string(pid);
  if (open_.size() >= kMostProcesses && open_.count(name) == 0) return;
  open_[name] += samples;
}

void ObservingCost::Begin() {
  open_.clear();
  known_.clear();
}

void ObservingCost::Committed() {
  for (const auto& [name, samples] : open_) samples_[name] += samples;
  for (const std::string& name : known_) samples_.erase(name);
  if (samples_.size() > kMostProcesses) samples_.clear();  // of processes that ended
  Begin();
}

void ObservingCost::Append(const std::vector<proto::SeriesDelta>& machine, uint64_t now_unix_ns,
                           std::vector<proto::SeriesDelta>* out) {
  std::map<std::pair<std::string, std::string>, double> seconds;  // by pid and service
  for (const proto::SeriesDelta& series : machine) {
    if (series.key->path != "process.cpu.time") continue;
    std::pair<std::string, std::string> process;
    for (const auto& [key, value] : series.key->labels) {
      if (key == "pid") process.first = value;
      if (key == "service") process.second = value;
    }
    const auto increase = static_cast<double>(series.delta.sum);
    seconds[process] += std::ldexp(increase, series.delta.resolution);
  }
  for (const auto& [process, cpu] : seconds) {
    const auto of = [name = process.first](const Counts& counts) {
      const auto found = counts.find(name);
      return found == counts.end() ? 0 : found->second;
    };
    const uint64_t samples = of(samples_) + of(open_);
    known_.insert(process.first);
    if (cpu <= 0) continue;  // nothing to take a part of
    const double ratio = std::min(static_cast<double>(samples) * ns_per_sample_ * 1e-9 / cpu, 1.0);
    out->push_back(GaugeSample(
        "process.observing.ratio", "1", {{"pid", process.first}, {"service", process.second}},
        std::llround(std::ldexp(ratio, -kFineResolution)), now_unix_ns, kFineResolution));
  }
}

}  // namespace ringside::agent
