// The command that `ringside run` watches: started in our process group, waited for, signalled.
#ifndef RINGSIDE_CLI_CHILD_PROCESS_H_
#define RINGSIDE_CLI_CHILD_PROCESS_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <signal.h>
#include <sys/types.h>

namespace ringside::cli {

// The conventions of shells and env(1).
inline constexpr int kExitNotFound = 127;
inline constexpr int kExitNotExecutable = 126;

class ChildProcess {
 public:
  // Looks `command[0]` up in PATH. `variables` are added to the environment, `mask` is the signal
  // mask it starts with. Returns 0, else the errno of the failed start.
  int Start(const std::vector<std::string>& command,
            const std::vector<std::pair<std::string, std::string>>& variables,
            const sigset_t& mask);

  // Its exit code (128 + signal where one killed it) once it has ended. Does not wait.
  std::optional<int> ExitCode();
  void Signal(int number) const;
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
};

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_CHILD_PROCESS_H_
