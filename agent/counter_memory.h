// What the kernel's counters were when last read, to know by how much they rose.
#ifndef RINGSIDE_AGENT_COUNTER_MEMORY_H_
#define RINGSIDE_AGENT_COUNTER_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "agent/sampler.h"

namespace ringside::agent {

class CounterMemory {
 public:
  static constexpr size_t kMostCounters = 4096;

  // By how much the counter rose since the last call; 0 the first time, and after it went back (a
  // device that was pulled and put in again).
  int64_t Increase(std::string_view name, std::string_view detail, int64_t total);

  // Appends a counter sample if it rose: one that stands still says nothing.
  void Append(std::string_view path, std::string_view unit, proto::LabelList labels, int64_t total,
              int8_t resolution, std::vector<proto::SeriesDelta>* out);

 private:
  std::map<std::string, int64_t, std::less<>> totals_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_COUNTER_MEMORY_H_
