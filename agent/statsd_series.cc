#include "agent/statsd_series.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "agent/sampler.h"
#include "agent/text.h"

namespace ringside::agent {
namespace {

constexpr double kNsPerMs = 1e6;
// A line that was sent for one event of ten counts for ten, one of a million for this many at most.
constexpr double kMostWeight = 1e6;

proto::Kind KindOf(StatsdType type) {
  switch (type) {
    case StatsdType::kTiming:
      return proto::Kind::kDuration;
    case StatsdType::kValue:
      return proto::Kind::kValue;
    case StatsdType::kCounter:
      return proto::Kind::kCounter;
    case StatsdType::kGauge:
    case StatsdType::kSet:
      break;
  }
  return proto::Kind::kGauge;
}

int64_t Fixed(double value) { return std::llround(std::ldexp(value, -kFineResolution)); }

std::string KeyOf(const StatsdLine& line) {
  std::string key(1, static_cast<char>('0' + static_cast<int>(line.type)));
  key.append(line.name).append(1, '|').append(line.tags);
  return key;
}

}  // namespace

StatsdSeries::Entry StatsdSeries::NewEntry(StatsdType type, std::string path,
                                           proto::LabelList labels) {
  Entry entry;
  proto::SeriesKey& key = entry.series.key.Edit();
  key.path = std::move(path);
  key.kind = KindOf(type);
  key.labels = std::move(labels);
  if (type == StatsdType::kTiming) {
    key.unit = "s";
  } else if (type == StatsdType::kSet) {
    key.unit = "{element}";
    entry.is_set = true;
  } else {
    key.resolution = kFineResolution;
    key.is_signed = type != StatsdType::kCounter;
  }
  entry.series.delta.resolution = key.resolution;
  return entry;
}

StatsdSeries::Entry* StatsdSeries::Overflow(StatsdType type) {
  const auto found = overflow_.find(type);
  if (found != overflow_.end()) return &found->second;
  proto::LabelList labels = {{std::string(proto::kOverflowLabel), "true"}};
  Entry entry = NewEntry(type, std::string(proto::kGlobalOverflowPath), std::move(labels));
  return &overflow_.emplace(type, std::move(entry)).first->second;
}

StatsdSeries::Entry* StatsdSeries::Find(const StatsdLine& line) {
  std::string key = KeyOf(line);
  const auto found = entries_.find(key);
  if (found != entries_.end()) return &found->second;
  if (entries_.size() >= kMostSeries) return Overflow(line.type);
  Entry entry =
      NewEntry(line.type, CleanText(line.name, proto::kMaxPathBytes), ParseStatsdTags(line.tags));
  return &entries_.emplace(std::move(key), std::move(entry)).first->second;
}

// Timings and values count as often as their rate says, counters as much.
void StatsdSeries::Record(const StatsdLine& line, double value, Entry* entry) {
  proto::Distribution& delta = entry->series.delta;
  if (line.type == StatsdType::kCounter) {
    delta.sum += Fixed(value / line.rate);
    return;
  }
  const auto weight = static_cast<uint64_t>(std::llround(std::min(1 / line.rate, kMostWeight)));
  const bool is_timing = line.type == StatsdType::kTiming;
  const int64_t integer = is_timing ? std::llround(std::max(value, 0.0) * kNsPerMs) : Fixed(value);
  proto::Distribution sample;
  sample.resolution = delta.resolution;
  sample.histogram.Record(integer, weight);
  sample.sum = static_cast<proto::Int128>(integer) * static_cast<proto::Int128>(weight);
  sample.min = integer;
  sample.max = integer;
  sample.has_extremes = true;
  delta.Merge(sample);
}

// "5" sets, "+5" and "-5" change; so a negative value can only be reached from 0.
void StatsdSeries::SetGauge(std::string_view text, double value, uint64_t now_unix_ns,
                            Entry* entry) {
  const bool is_change = text.front() == '+' || text.front() == '-';
  entry->gauge = is_change ? entry->gauge + value : value;
  entry->series.delta.Record(Fixed(std::clamp(entry->gauge, -1e12, 1e12)), now_unix_ns);
}

void StatsdSeries::Add(const StatsdLine& line, uint64_t now_unix_ns) {
  Entry* const entry = Find(line);
  entry->idle = 0;
  for (const std::string_view text : line.values) {
    if (entry->is_set) {
      if (entry->elements.size() < kMostSetElements) {
        entry->elements.insert(std::hash<std::string_view>()(text));
      }
      continue;
    }
    double value = 0;
    if (!ParseStatsdNumber(text, &value)) continue;
    if (line.type == StatsdType::kGauge) {
      SetGauge(text, value, now_unix_ns, entry);
    } else {
      Record(line, value, entry);
    }
  }
}

void StatsdSeries::Append(uint64_t now_unix_ns, std::vector<proto::SeriesDelta>* out) const {
  // Tags may come in any order: the same series twice is one.
  std::map<proto::SeriesKey, proto::Distribution> merged;
  const auto add = [&](const Entry& entry) {
    proto::Distribution delta = entry.series.delta;
    if (entry.is_set && !entry.elements.empty()) {
      delta.Record(static_cast<int64_t>(entry.elements.size()), now_unix_ns);
    }
    if (!delta.empty()) merged[entry.series.key].Merge(delta);
  };
  for (const auto& [key, entry] : entries_) add(entry);
  for (const auto& [type, entry] : overflow_) add(entry);
  for (auto& [key, delta] : merged) {
    proto::SeriesDelta series;
    series.key = key;
    series.delta = std::move(delta);
    out->push_back(std::move(series));
  }
}

void StatsdSeries::Clear() {
  const auto clear = [](Entry* entry) {
    const int8_t resolution = entry->series.delta.resolution;
    entry->series.delta = proto::Distribution();
    entry->series.delta.resolution = resolution;
    entry->elements.clear();
  };
  for (auto it = entries_.begin(); it != entries_.end();) {
    clear(&it->second);
    it = ++it->second.idle > kIdleIntervals ? entries_.erase(it) : std::next(it);
  }
  for (auto& [type, entry] : overflow_) clear(&entry);
}

}  // namespace ringside::agent
