#include "agent/inflight_tally.h"

#include <algorithm>

#include "agent/sampler.h"

namespace ringside::agent {
namespace {

int64_t FixedSeconds(uint64_t ns) {
  __extension__ using Uint128 = unsigned __int128;
  return static_cast<int64_t>((static_cast<Uint128>(ns) << -kFineResolution) / 1000000000u);
}

}  // namespace

void InFlightTally::BeginSample() {
  for (auto& [key, entry] : entries_) {
    entry.open = 0;
    entry.stuck = 0;
    entry.oldest_ns = 0;
  }
}

void InFlightTally::Add(const std::string& service, const std::string& operation, uint64_t age_ns,
                        bool is_stuck, uint64_t looks) {
  auto entry = entries_.find(OperationNameView{service, operation});
  if (entry == entries_.end()) {
    const bool is_full = entries_.size() >= kMostOperations;
    entry = is_full ? entries_.try_emplace({"", std::string(proto::kGlobalOverflowPath)}).first
                    : entries_.try_emplace({service, operation}).first;
  }
  entry->second.samples += looks;
  ++entry->second.open;
  entry->second.stuck += is_stuck ? 1 : 0;
  entry->second.oldest_ns = std::max(entry->second.oldest_ns, age_ns);
}

void InFlightTally::Append(uint64_t now_unix_ns, std::vector<proto::SeriesDelta>* out) const {
  for (const auto& [key, entry] : entries_) {
    proto::LabelList labels = {{"operation", key.second}};
    if (!key.first.empty()) labels.emplace_back("service", key.first);
    const auto gauge = [&](const char* path, const char* unit, int64_t value, int8_t resolution) {
      out->push_back(GaugeSample(path, unit, labels, value, now_unix_ns, resolution));
    };
    gauge("operation.inflight", "{operation}", static_cast<int64_t>(entry.open), 0);
    gauge("operation.inflight.stuck", "{operation}", static_cast<int64_t>(entry.stuck), 0);
    if (entry.open > 0) {
      gauge("operation.inflight.age", "s", FixedSeconds(entry.oldest_ns), kFineResolution);
    }
    if (entry.samples > 0) {
      out->push_back(CounterSample("operation.inflight.samples", "{sample}", labels,
                                   static_cast<int64_t>(entry.samples)));
    }
  }
}

// What was not met at all in this interval has been said to be 0, once.
void InFlightTally::Clear() {
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (it->second.samples == 0) {
      it = entries_.erase(it);
    } else {
      it->second.samples = 0;
      ++it;
    }
  }
}

}  // namespace ringside::agent
