// The signals that a command waits for, taken synchronously by its main thread.
//
// Made before any other thread, so that all of them inherit the blocked signals: no handler runs,
// no system call of another thread is interrupted.
#ifndef RINGSIDE_CLI_STOP_SIGNALS_H_
#define RINGSIDE_CLI_STOP_SIGNALS_H_

#include <chrono>
#include <vector>

#include <signal.h>

namespace ringside::cli {

class StopSignals {
 public:
  // Blocks these signals for the life of the object, except those that were ignored before (nohup).
  // SIGPIPE is ignored from now on, SIGCHLD is not.
  explicit StopSignals(const std::vector<int>& signals);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  struct Received {
    int number = 0;              // 0: none within the time
    bool from_terminal = false;  // the kernel sent it to the whole foreground group
  };
  Received Wait(std::chrono::milliseconds timeout);

  // As it was before: what a child process should start with.
  const sigset_t& original_mask() const { return original_; }

 private:
  sigset_t waited_;
  sigset_t original_;
};

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_STOP_SIGNALS_H_
