// The options of the long-running commands, and where things lie when nothing was said.
#ifndef RINGSIDE_CLI_DAEMON_OPTIONS_H_
#define RINGSIDE_CLI_DAEMON_OPTIONS_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "agent/sampler_config.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace ringside::cli {

inline constexpr const char* kDefaultListen = "tcp://127.0.0.1:7750";
inline constexpr const char* kDefaultHttp = "127.0.0.1:7751";
inline constexpr const char* kDefaultMetrics = "127.0.0.1:7752";

inline constexpr uint64_t kDefaultMemoryLimit = uint64_t{512} << 20;
inline constexpr uint64_t kLeastMemoryLimit = uint64_t{64} << 20;

inline constexpr uint64_t kDefaultParentQueue = uint64_t{8} << 30;
inline constexpr uint64_t kLeastParentQueue = uint64_t{16} << 20;

inline constexpr double kLeastStuckFactor = 1;
inline constexpr double kMostStuckFactor = 1e6;
inline constexpr double kMostInflightHz = 100;

inline constexpr const char* kRetainHelp =
    "How long the archive keeps what: \"1s=2d requests=30d,8GiB\"; kinds: 1s 10s 1m 1h requests "
    "timings";

struct AggregatorOptions {
  std::string listen = kDefaultListen;
  std::string http = kDefaultHttp;
  std::string token_file;  // of HTTP's bearer token; empty: one in the data directory
  std::string http_hosts;  // names that HTTP answers to, beside those of loopback
  std::string data;        // empty: DefaultDataDirectory()
  std::string key;         // file of its secret key; empty: none, then only this machine gets in
  std::string allow;       // file of the agents' public keys; with `key`
  std::string rules;       // empty: none
  double stuck_factor = 10;
  // An agent that is not heard of for so long is missing.
  std::chrono::milliseconds missing_after = std::chrono::seconds(30);
  uint64_t memory_limit_bytes = kDefaultMemoryLimit;
  std::string parent;      // endpoint of the aggregator to hand on to; empty: none
  std::string parent_key;  // file of its public key; with `key`
  uint64_t parent_queue_bytes = kDefaultParentQueue;
  std::string retain;  // what differs from ArchivePolicy's defaults, as its Set reads it
};

struct AgentOptions {
  std::string aggregator = kDefaultListen;
  std::string key;             // file of its secret key; empty: none, for this machine's aggregator
  std::string aggregator_key;  // file of the aggregator's public key; with `key`
  std::string host;            // empty: this machine's name
  std::string directory;       // of the segments; empty: as the probe chooses it
  std::string state;           // empty: <data>/agent
  uint64_t spool_limit_bytes = uint64_t{1} << 30;
  std::string detail = "default";  // off, default, all, REQUESTS:SAMPLES
  std::string group;    // whose segments are read beside one's own: name or number; empty: none
  std::string metrics;  // HOST:PORT of /metrics, or off; empty: the command's default
  agent::SamplersConfig samplers;
  // A worker that cannot be seen counts as dead after this long without change.
  std::chrono::milliseconds hidden_grace = std::chrono::minutes(10);
  std::string statsd;         // HOST:PORT of UDP; empty: none
  std::string statsd_socket;  // path of a UNIX datagram socket; empty: none
  double inflight_hz = 20;    // looks a second at what workers are doing; 0: none
  // Nobody but this process's children uses the directory: who cannot be seen is not there.
  bool is_private = false;
};

// What a command line said: it overrides the configuration file.
struct DaemonFlags {
  std::string config;  // the file; empty: none
  bool check = false;
  std::vector<std::pair<const CLI::Option*, std::string>> overrides;  // by the key in the file
};

// --config.
void AddConfigFile(CLI::App* command, DaemonFlags* flags);
// --config and --check.
void AddConfigOptions(CLI::App* command, DaemonFlags* flags);
// --listen, --http, --token-file, --http-hosts, --data, --key, --allow, --rules, --memory-limit,
// --retain.
void AddAggregatorOptions(CLI::App* command, AggregatorOptions* options, DaemonFlags* flags);
// --dir, --host, --group, --detail, --spool-limit, --metrics: what `agent` and `up` share.
void AddSegmentOptions(CLI::App* command, AgentOptions* options, DaemonFlags* flags);
// --aggregator, --key, --aggregator-key and --state of `agent`.
void AddAgentOptions(CLI::App* command, AgentOptions* options, DaemonFlags* flags);

// $XDG_STATE_HOME/ringside, else ~/.local/state/ringside.
std::string DefaultDataDirectory();

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_DAEMON_OPTIONS_H_
