// The configuration of a running daemon: defaults, then the file, then the command line.
//
// Owner: the command's main thread.
#ifndef RINGSIDE_CLI_CONFIGURATION_H_
#define RINGSIDE_CLI_CONFIGURATION_H_

#include <string>
#include <vector>

#include "cli/config_file.h"
#include "cli/daemon_options.h"
#include "proto/status.h"

namespace ringside::cli {

class AgentService;
class AggregatorService;

class Configuration {
 public:
  // The command line writes into both while it is parsed.
  DaemonConfig* values() { return &values_; }
  DaemonFlags* flags() { return &flags_; }

  // After Load: those that stop a daemon; with a file or keys also SIGHUP, which reads them again.
  std::vector<int> Signals() const;
  // Reads the file; what the command line said stays.
  proto::Status Load();
  // For --check of these two: loads, and looks at the files that it names. Prints; an exit code.
  int Check(bool for_agent, bool for_aggregator);
  // For SIGHUP: a file that is wrong changes nothing. Says in the log what changed, and what waits
  // for a restart. Either may be null.
  void Reload(AgentService* agent, AggregatorService* aggregator);

 private:
  proto::Result<DaemonConfig> ReadFile() const;
  proto::Status CheckFiles(bool for_agent, bool for_aggregator) const;
  void ReloadFile(AgentService* agent);

  DaemonConfig values_;  // in force; the command fills in what nobody said
  DaemonConfig said_;    // by file and command line
  DaemonFlags flags_;
};

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_CONFIGURATION_H_
