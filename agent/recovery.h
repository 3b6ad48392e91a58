// What an agent finds when it starts, and what it makes of it: the epoch rules.
//
// The spool's tail decides. An entry that begins right after the committed sequence is a commit
// whose flip did not come to pass: the flip is completed. If spool and baseline do not prove each
// other whole, a new epoch begins; docs/spool.md has the table of cases.
#ifndef RINGSIDE_AGENT_RECOVERY_H_
#define RINGSIDE_AGENT_RECOVERY_H_

#include <cstdint>
#include <memory>
#include <string>

#include "agent/control_file.h"
#include "agent/spool.h"
#include "proto/status.h"

namespace ringside::agent {

struct Recovered {
  std::unique_ptr<ControlFile> control;
  bool new_epoch = false;
  std::string reason;  // of the new epoch
};

// Leaves control file, baselines and spool in agreement. `directory_fd` is the segments' directory.
proto::Result<Recovered> Recover(int directory_fd, int agent_directory_fd, Spool* spool,
                                 uint64_t now_unix_ns);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_RECOVERY_H_
