#include "aggregator/stuck_limits.h"

#include <algorithm>
#include <vector>

#include "aggregator/query_select.h"
#include "aggregator/store.h"

namespace ringside::aggregator {

std::optional<proto::StuckLimit> StuckLimits::Find(const std::string& path, uint64_t now_unix_ns) {
  const auto known = known_.find(path);
  const bool is_known = known != known_.end();
  const bool is_fresh = is_known && now_unix_ns - known->second.computed_unix_ns < kLifeNs;
  if (is_fresh || look_ups_ == kLookUpsPerTurn) {
    return is_known ? known->second.limit : std::nullopt;
  }
  ++look_ups_;
  if (!is_known && known_.size() >= kMostPaths) known_.clear();
  Known& entry = known_[path];
  entry = {Compute(path, now_unix_ns), now_unix_ns};
  return entry.limit;
}

std::optional<proto::StuckLimit> StuckLimits::Compute(const std::string& path,
                                                      uint64_t now_unix_ns) const {
  Window window;
  window.to_unix_ns = WindowEnd(*store_, now_unix_ns);
  window.from_unix_ns = window.to_unix_ns - std::min(window.to_unix_ns, kWindowNs);
  window.is_recent = true;
  // The name also finds paths that end in it.
  const auto rows = Select(*store_, {path, {}}, std::vector<std::string>(), window);
  for (const Row& row : rows) {
    if (row.operation != path || row.kind != proto::Kind::kDuration ||
        row.timed.Count() < kFewestSamples) {
      continue;
    }
    const double p99_ns = row.timed.Quantile(0.99).value_or(0);
    const double limit_ns = std::max(p99_ns * factor_, static_cast<double>(kYoungestNs));
    return proto::StuckLimit{path, static_cast<uint64_t>(p99_ns), static_cast<uint64_t>(limit_ns)};
  }
  return std::nullopt;
}

}  // namespace ringside::aggregator
