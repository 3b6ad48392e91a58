// What was in flight over one interval, by service and operation: how many samples met it, how many
// were open at the last one, the oldest age, and how many of them count as stuck. Series of the
// agent's own producer, so that rules and archives know them.
#ifndef RINGSIDE_AGENT_INFLIGHT_TALLY_H_
#define RINGSIDE_AGENT_INFLIGHT_TALLY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/operation_name.h"
#include "proto/batch.h"

namespace ringside::agent {

class InFlightTally {
 public:
  // Operations beyond so many share one series, `(overflow)`.
  static constexpr size_t kMostOperations = 512;

  // A new sample: what was open in the one before is not any more, unless it is added again.
  void BeginSample();
  // `operation`: a path. `is_stuck`: older than its limit. `looks`: that this one stands for.
  void Add(const std::string& service, const std::string& operation, uint64_t age_ns, bool is_stuck,
           uint64_t looks = 1);

  // The interval's series, without forgetting them.
  void Append(uint64_t now_unix_ns, std::vector<proto::SeriesDelta>* out) const;
  // They are committed: a new interval.
  void Clear();

 private:
  struct Entry {
    uint64_t samples = 0;  // of this interval
    // Of the last sample:
    uint64_t open = 0;
    uint64_t stuck = 0;
    uint64_t oldest_ns = 0;
  };
  std::map<OperationName, Entry, OperationNameLess> entries_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_INFLIGHT_TALLY_H_
