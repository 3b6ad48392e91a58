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

}  // namespace

void AddAggregatorOptions(CLI::App* command, AggregatorOptions* options) {
  command
      ->add_option("--listen", options->listen,
                   "Where agents connect: tcp://HOST:PORT or ipc://PATH")
      ->type_name("ENDPOINT")
      ->capture_default_str();
  command->add_option("--http", options->http, "Where queries are answered; port 0: any free one")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  command
      ->add_option("--data", options->data,
                   "Data directory, with the archive (default: $XDG_STATE_HOME/ringside, else "
                   "~/.local/state/ringside)")
      ->type_name("DIR");
  command->add_option("--rules", options->rules, "Alert rules (YAML)")->type_name("FILE");
}

void AddSegmentOptions(CLI::App* command, AgentOptions* options) {
  command
      ->add_option("--dir", options->directory,
                   "Segments of the workers, on tmpfs (default: $RINGSIDE_DIR, else "
                   "/dev/shm/ringside or /dev/shm/ringside-UID)")
      ->type_name("DIR");
  command->add_option("--host", options->host, "Name of this host in answers (default: its own)")
      ->type_name("NAME");
}

std::string DefaultDataDirectory() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/') {
    return std::filesystem::path(state) / "ringside";
  }
  return HomeDirectory() / ".local" / "state" / "ringside";
}

}  // namespace ringside::cli
