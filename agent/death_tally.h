// Producers that ended in the interval that is being closed, by service and by how: the counters
// `producer.crashes` and `producer.ends` of the agent's own producer. They are committed together
// with the producers' last deltas, so that none is counted twice.
#ifndef RINGSIDE_AGENT_DEATH_TALLY_H_
#define RINGSIDE_AGENT_DEATH_TALLY_H_

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "proto/batch.h"

namespace ringside::agent {

struct Death {
  std::string service;
  std::string exit;       // ExitLabel
  bool is_crash = false;  // by how it ended, or with a request or a timer open
};

class DeathTally {
 public:
  void Clear() { counts_.clear(); }
  void Add(const Death& death) { ++counts_[{death.is_crash, death.service, death.exit}]; }
  void Append(std::vector<proto::SeriesDelta>* out) const;

 private:
  std::map<std::tuple<bool, std::string, std::string>, int64_t> counts_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_DEATH_TALLY_H_
