// What StatsD lines of one interval add up to: series of the producer `statsd`.
//
// Owner: the agent's thread. Bounded: series beyond the limit share one a kind, `(overflow)`.
#ifndef RINGSIDE_AGENT_STATSD_SERIES_H_
#define RINGSIDE_AGENT_STATSD_SERIES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "agent/statsd_line.h"
#include "proto/batch.h"

namespace ringside::agent {

class StatsdSeries {
 public:
  static constexpr size_t kMostSeries = 2000;
  static constexpr size_t kMostSetElements = 10000;  // of one set and interval; more count as one
  // An hour without news: its place is free again.
  static constexpr int kIdleIntervals = 3600;

  void Add(const StatsdLine& line, uint64_t now_unix_ns);
  // The interval's deltas, without forgetting them.
  void Append(uint64_t now_unix_ns, std::vector<proto::SeriesDelta>* out) const;
  // They are committed: a new interval. Gauges keep their values, for "+1".
  void Clear();
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    proto::SeriesDelta series;
    double gauge = 0;
    std::unordered_set<size_t> elements;  // of a set: hashes
    bool is_set = false;
    int idle = 0;
  };

  Entry* Find(const StatsdLine& line);
  Entry* Overflow(StatsdType type);
  static Entry NewEntry(StatsdType type, std::string path, proto::LabelList labels);
  static void Record(const StatsdLine& line, double value, Entry* entry);
  static void SetGauge(std::string_view text, double value, uint64_t now_unix_ns, Entry* entry);

  std::unordered_map<std::string, Entry> entries_;  // by type, name and tags, as they came
  std::map<StatsdType, Entry> overflow_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_STATSD_SERIES_H_
