// The commit: what makes an interval's frames and the baselines change together, once.
#ifndef RINGSIDE_AGENT_COMMIT_H_
#define RINGSIDE_AGENT_COMMIT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "agent/control_file.h"
#include "agent/producer.h"
#include "agent/spool.h"
#include "proto/status.h"

namespace ringside::agent {

struct CommitInput {
  std::vector<Producer*> producers;  // whose idle copies belong to it
  std::vector<std::string> frames;
  uint64_t self_recorded = 0;
  uint64_t interval_end_unix_ns = 0;
};

// In exactly this order: tag the idle copies, announce the position, append to the spool (the
// commit point), flip, publish ring tails. On error nothing is committed and everything is as
// before: the next interval takes it all in.
proto::Status Commit(const CommitInput& input, ControlFile* control, Spool* spool);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_COMMIT_H_
