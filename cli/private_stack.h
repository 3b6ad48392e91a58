// Agent and aggregator for one command: in this process, on directories and a port of their own,
// gone with the object.
#ifndef RINGSIDE_CLI_PRIVATE_STACK_H_
#define RINGSIDE_CLI_PRIVATE_STACK_H_

#include <string>

#include "cli/running_file.h"
#include "cli/services.h"
#include "proto/status.h"

namespace ringside::cli {

// A directory that is removed with all it holds. What a killed process could not remove, the next
// one does: a locked file in it says whether its maker lives.
class TemporaryDirectory {
 public:
  TemporaryDirectory() = default;
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  // <parent>/ringside-run-XXXXXX, mode 0700. Removes abandoned ones in the same parent.
  proto::Status Make(const std::string& parent);
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  RunningFile alive_;
};

class PrivateStack {
 public:
  // `keep`: where the archive goes and stays, a new or empty directory; empty: nowhere.
  proto::Status Start(const std::string& keep);
  const std::string& segments() const { return segments_.path(); }
  const std::string& http_url() const { return aggregator_.http_url(); }

  // From here on all that was recorded is merged; queries are still answered.
  void StopAgent() { agent_.Stop(); }
  // Of processes that run; those of ended ones are gone when the agent has stopped.
  bool HasSegments() const;

 private:
  TemporaryDirectory segments_;
  TemporaryDirectory work_;
  AggregatorService aggregator_;
  AgentService agent_;  // after the aggregator: stopped before it
};

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_PRIVATE_STACK_H_
