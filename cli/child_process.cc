#include "cli/child_process.h"

#include <algorithm>
#include <cerrno>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ringside::cli {
namespace {

constexpr int kSignalExitBase = 128;

std::vector<char*> Pointers(std::vector<std::string>* texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts->size() + 1);
  for (std::string& text : *texts) {
    pointers.push_back(text.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> Environment(
    const std::vector<std::pair<std::string, std::string>>& variables) {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const bool replaced = std::any_of(variables.begin(), variables.end(), [&](const auto& v) {
      return text.starts_with(v.first + "=");
    });
    if (!replaced) {
      entries.push_back(text);
    }
  }
  for (const auto& [name, value] : variables) {
    entries.push_back(name + "=" + value);
  }
  return entries;
}

}  // namespace

int ChildProcess::Start(const std::vector<std::string>& command,
                        const std::vector<std::pair<std::string, std::string>>& variables,
                        const sigset_t& mask) {
  std::vector<std::string> arguments = command;
  std::vector<std::string> environment = Environment(variables);
  const std::vector<char*> argument_pointers = Pointers(&arguments);
  const std::vector<char*> environment_pointers = Pointers(&environment);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);  // we ignore it, which a child would inherit
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setsigmask(&attributes, &mask);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  const int error = posix_spawnp(&pid_, arguments.front().c_str(), nullptr, &attributes,
                                 argument_pointers.data(), environment_pointers.data());
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    pid_ = -1;
  }
  return error;
}

std::optional<int> ChildProcess::ExitCode() {
  if (exit_code_ || pid_ < 0) {
    return exit_code_;
  }
  int status = 0;
  pid_t ended = 0;
  do {
    ended = waitpid(pid_, &status, WNOHANG);
  } while (ended < 0 && errno == EINTR);
  if (ended == pid_) {
    exit_code_ = WIFSIGNALED(status) ? kSignalExitBase + WTERMSIG(status) : WEXITSTATUS(status);
  }
  return exit_code_;
}

void ChildProcess::Signal(int number) const {
  if (pid_ > 0 && !exit_code_) {
    kill(pid_, number);
  }
}

}  // namespace ringside::cli
