// The options of the long-running commands, and where things lie when nothing was said.
#ifndef RINGSIDE_CLI_DAEMON_OPTIONS_H_
#define RINGSIDE_CLI_DAEMON_OPTIONS_H_

#include <string>

namespace CLI {
class App;
}  // namespace CLI

namespace ringside::cli {

inline constexpr const char* kDefaultListen = "tcp://127.0.0.1:7750";
inline constexpr const char* kDefaultHttp = "127.0.0.1:7751";

struct AggregatorOptions {
  std::string listen = kDefaultListen;
  std::string http = kDefaultHttp;
  std::string data;   // empty: DefaultDataDirectory()
  std::string rules;  // empty: none
};

struct AgentOptions {
  std::string aggregator = kDefaultListen;
  std::string host;       // empty: this machine's name
  std::string directory;  // of the segments; empty: as the probe chooses it
  std::string state;      // empty: <data>/agent
  // Nobody but this process's children uses the directory: who cannot be seen is not there.
  bool is_private = false;
};

// --listen, --http, --data, --rules.
void AddAggregatorOptions(CLI::App* command, AggregatorOptions* options);
// --dir and --host: what `agent` and `up` share.
void AddSegmentOptions(CLI::App* command, AgentOptions* options);

// $XDG_STATE_HOME/ringside, else ~/.local/state/ringside.
std::string DefaultDataDirectory();

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_DAEMON_OPTIONS_H_
