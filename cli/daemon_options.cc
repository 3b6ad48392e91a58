#include "cli/daemon_options.h"

#include <cstdlib>
#include <filesystem>

#include <CLI/CLI.hpp>
#include <pwd.h>
#include <unistd.h>

namespace ringside::cli {
namespace {

std::filesystem::path HomeDirectory() {
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') {
    return home;
  }
  const passwd* entry = getpwuid(getuid());
  return entry != nullptr && entry->pw_dir != nullptr ? entry->pw_dir : "/";
}

// Adds options whose value is a text, and notes which key of the configuration they override.
struct TextOptions {
  CLI::App* command;
  DaemonFlags* flags;

  CLI::Option* operator()(const char* name, const char* key, std::string* value, const char* type,
                          const char* description) const {
    CLI::Option* const option = command->add_option(name, *value, description)->type_name(type);
    flags->overrides.emplace_back(option, key);
    return option;
  }
};

}  // namespace

void AddConfigFile(CLI::App* command, DaemonFlags* flags) {
  command
      ->add_option("--config", flags->config,
                   "Configuration (YAML); options given here override it")
      ->type_name("FILE");
}

void AddConfigOptions(CLI::App* command, DaemonFlags* flags) {
  AddConfigFile(command, flags);
  command->add_flag("--check", flags->check, "Only say whether the configuration is right");
}

void AddAggregatorOptions(CLI::App* command, AggregatorOptions* options, DaemonFlags* flags) {
  const TextOptions add{command, flags};
  add("--listen", "aggregator.listen", &options->listen, "ENDPOINT",
      "Where agents connect: tcp://HOST:PORT or ipc://PATH")
      ->capture_default_str();
  add("--http", "aggregator.http", &options->http, "HOST:PORT",
      "Where queries are answered; port 0: any free one")
      ->capture_default_str();
  add("--token-file", "aggregator.token_file", &options->token_file, "FILE",
      "Bearer token of HTTP, mode 0600: for changes, and beyond loopback for everything (default: "
      "one is made in the data directory, for loopback only)");
  add("--http-hosts", "aggregator.http_hosts", &options->http_hosts, "NAME,...",
      "Names under which HTTP may be asked, beside localhost and addresses");
  add("--data", "aggregator.data", &options->data, "DIR",
      "Data directory, with the archive (default: $XDG_STATE_HOME/ringside, else "
      "~/.local/state/ringside)");
  add("--key", "aggregator.key", &options->key, "FILE",
      "The aggregator's secret key (ringside keygen); needed to listen beyond loopback");
  add("--allow", "aggregator.allow", &options->allow, "FILE",
      "Public keys of the agents that may connect, one \"NAME KEY\" a line");
  add("--rules", "aggregator.rules", &options->rules, "FILE", "Alert rules (YAML)");
  CLI::Option* const factor =
      command
          ->add_option("--stuck-factor", options->stuck_factor,
                       "What is in flight for so many times its p99 is called stuck")
          ->type_name("K")
          ->check(CLI::Range(kLeastStuckFactor, kMostStuckFactor))
          ->capture_default_str();
  flags->overrides.emplace_back(factor, "aggregator.stuck_factor");
  CLI::Option* const memory_limit =
      command
          ->add_option("--memory-limit", options->memory_limit_bytes,
                       "Memory of the aggregator; old seconds are merged early, then history goes")
          ->transform(CLI::AsSizeValue(false))
          ->check(CLI::Range(kLeastMemoryLimit, uint64_t{1} << 50))
          ->type_name("SIZE")
          ->default_str("512MiB");
  flags->overrides.emplace_back(memory_limit, "aggregator.memory_limit");
  add("--parent", "aggregator.parent", &options->parent, "ENDPOINT",
      "Another aggregator, to which everything is handed on");
  add("--parent-key", "aggregator.parent_key", &options->parent_key, "FILE",
      "The parent's public key; with --key");
  CLI::Option* const parent_queue =
      command
          ->add_option("--parent-queue", options->parent_queue_bytes,
                       "Disk space for what the parent has not acknowledged")
          ->transform(CLI::AsSizeValue(false))
          ->check(CLI::Range(kLeastParentQueue, uint64_t{1} << 50))
          ->type_name("SIZE")
          ->default_str("8GiB");
  flags->overrides.emplace_back(parent_queue, "aggregator.parent_queue");
  add("--retain", "aggregator.retain", &options->retain, "KIND=AGE,BYTES ...", kRetainHelp);
}

void AddAgentOptions(CLI::App* command, AgentOptions* options, DaemonFlags* flags) {
  const TextOptions add{command, flags};
  add("--aggregator", "agent.aggregator", &options->aggregator, "ENDPOINT",
      "Where the aggregator listens; given more than once: each gets everything")
      ->join(',')
      ->capture_default_str();
  add("--key", "agent.key", &options->key, "FILE",
      "This agent's secret key (ringside keygen); needed for an aggregator on another machine");
  add("--aggregator-key", "agent.aggregator_key", &options->aggregator_key, "FILE",
      "The aggregator's public key");
  add("--state", "agent.state", &options->state, "DIR",
      "What is not acknowledged yet (default: $XDG_STATE_HOME/ringside/agent, else "
      "~/.local/state/ringside/agent)");
}

void AddSegmentOptions(CLI::App* command, AgentOptions* options, DaemonFlags* flags) {
  const TextOptions add{command, flags};
  add("--dir", "agent.directory", &options->directory, "DIR",
      "Segments of the workers, on tmpfs (default: $RINGSIDE_DIR, else /dev/shm/ringside or "
      "/dev/shm/ringside-UID)");
  add("--host", "agent.host", &options->host, "NAME",
      "Name of this host in answers (default: its own)");
  add("--group", "agent.group", &options->group, "GROUP",
      "Read this group's segments too, not only one's own (root reads all)");
  add("--detail", "agent.detail", &options->detail, "BUDGET",
      "Raw records kept, per thread and second: off, default (4096 requests, 64 bare operations), "
      "all, or REQUESTS:SAMPLES")
      ->capture_default_str();
  add("--metrics", "agent.metrics", &options->metrics, "HOST:PORT",
      "Where the agent's /metrics is served; off: nowhere (default: of `agent` 127.0.0.1:7752, of "
      "`up` off, whose page has it)");
  CLI::Option* const spool_limit =
      command
          ->add_option("--spool-limit", options->spool_limit_bytes,
                       "Disk space for what the aggregator has not acknowledged")
          ->transform(CLI::AsSizeValue(false))
          ->type_name("SIZE")
          ->default_str("1GiB");
  flags->overrides.emplace_back(spool_limit, "agent.spool_limit");
  add("--statsd", "agent.statsd", &options->statsd, "HOST:PORT",
      "Takes StatsD and DogStatsD lines by UDP there; loopback only (default: none)");
  add("--statsd-socket", "agent.statsd_socket", &options->statsd_socket, "PATH",
      "The same by UNIX datagrams (default: none)");
  CLI::Option* const looks =
      command
          ->add_option("--inflight-hz", options->inflight_hz,
                       "Looks a second at what every worker is doing (0: none)")
          ->type_name("HZ")
          ->check(CLI::Range(0.0, kMostInflightHz))
          ->capture_default_str();
  flags->overrides.emplace_back(looks, "agent.inflight_hz");
}

std::string DefaultDataDirectory() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/') {
    return std::filesystem::path(state) / "ringside";
  }
  return HomeDirectory() / ".local" / "state" / "ringside";
}

}  // namespace ringside::cli
