// How long a part of the agent's own work took, each time it was done: agent.sampler.duration, as
// the samplers of the machine have it. Owner: the agent's thread.
#ifndef RINGSIDE_AGENT_OWN_TIME_H_
#define RINGSIDE_AGENT_OWN_TIME_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "agent/sampler.h"
#include "proto/batch.h"

namespace ringside::agent {

class OwnTime {
 public:
  explicit OwnTime(std::string part) : part_(std::move(part)) {}

  void Add(uint64_t took_ns, uint64_t now_unix_ns) {
    if (times_.empty()) {
      times_.push_back(DurationSample(part_, took_ns, now_unix_ns));
    } else {
      times_[0].delta.Record(DurationValue(took_ns), now_unix_ns);
    }
  }
  // What was added since the last commit.
  const std::vector<proto::SeriesDelta>& samples() const { return times_; }
  void Committed() { times_.clear(); }

 private:
  const std::string part_;
  std::vector<proto::SeriesDelta> times_;  // one, or none
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_OWN_TIME_H_
