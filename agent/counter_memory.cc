#include "agent/counter_memory.h"

#include <utility>

namespace ringside::agent {

int64_t CounterMemory::Increase(std::string_view name, std::string_view detail, int64_t total) {
  std::string key(name);
  key.append(1, '\0').append(detail);
  if (totals_.size() >= kMostCounters && totals_.count(key) == 0) totals_.clear();
  const auto [entry, is_new] = totals_.try_emplace(std::move(key), total);
  const int64_t before = std::exchange(entry->second, total);
  return is_new || total < before ? 0 : total - before;
}

void CounterMemory::Append(std::string_view path, std::string_view unit, proto::LabelList labels,
                           int64_t total, int8_t resolution, std::vector<proto::SeriesDelta>* out) {
  std::string detail;
  for (const auto& [key, value] : labels) detail.append(value).append(1, '\0');
  const int64_t increase = Increase(path, detail, total);
  if (increase == 0) return;
  out->push_back(CounterSample(path, unit, std::move(labels), increase, resolution));
}

}  // namespace ringside::agent
