// The configuration file of agent and aggregator: YAML, every key in one table.
// docs/configuration.md.
//
// A file is taken whole or not at all: an error names the line, and for an unknown key the nearest
// known one.
#ifndef RINGSIDE_CLI_CONFIG_FILE_H_
#define RINGSIDE_CLI_CONFIG_FILE_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/daemon_options.h"
#include "proto/status.h"

namespace ringside::cli {

// All that the file can say.
struct DaemonConfig {
  AgentOptions agent;
  AggregatorOptions aggregator;
};

struct ConfigKey {
  std::string path;      // "samplers.host.interval"
  bool reloads = false;  // SIGHUP changes it; else a restart does
  bool is_list = false;  // a YAML list is its values with commas
  // As the file would say it.
  std::function<std::string(const DaemonConfig&)> show;
  // `text` as written in the file.
  std::function<proto::Status(const std::string& text, DaemonConfig*)> set;
};

// In the order of the docs.
const std::vector<ConfigKey>& ConfigKeys();

// What the file says, over the defaults.
proto::Result<DaemonConfig> LoadConfigFile(const std::string& file);
// `file` is used in messages only.
proto::Result<DaemonConfig> ParseConfig(const std::string& text, const std::string& file);

// The keys that differ: those that SIGHUP changes, or the others.
std::vector<std::string> ChangedKeys(const DaemonConfig& before, const DaemonConfig& after,
                                     bool reloads);

// Of `known`, the one with the fewest letters to change; empty when none is near.
std::string NearestName(std::string_view name, const std::vector<std::string>& known);

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_CONFIG_FILE_H_
