// Samples that wait for an interval to take them. Those of one series become one delta, so an
// interval that closes late costs resolution and nothing else. No lock: its owner has one.
#ifndef RINGSIDE_AGENT_SAMPLE_BOX_H_
#define RINGSIDE_AGENT_SAMPLE_BOX_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "proto/batch.h"

namespace ringside::agent {

class SampleBox {
 public:
  // Series beyond it are dropped, and counted: a bound for an agent that cannot commit for days.
  static constexpr size_t kMostSeries = 20000;

  void Add(std::vector<proto::SeriesDelta> samples);
  void Add(SampleBox other);
  // Boxes that have no series in common: nothing to look up among them.
  void AddDisjoint(std::vector<SampleBox> others);
  const std::vector<proto::SeriesDelta>& samples() const { return samples_; }
  // Series samples that found no room since the box was made.
  uint64_t dropped() const { return dropped_; }
  bool empty() const { return samples_.empty(); }
  void Clear() { samples_.clear(); }

 private:
  std::vector<proto::SeriesDelta> samples_;
  uint64_t dropped_ = 0;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_SAMPLE_BOX_H_
