#include "cli/stop_signals.h"

namespace ringside::cli {
namespace {

bool IsIgnored(int number) {
  struct sigaction current {};
  return sigaction(number, nullptr, &current) == 0 && current.sa_handler == SIG_IGN;
}

}  // namespace

StopSignals::StopSignals(const std::vector<int>& signals) {
  sigemptyset(&waited_);
  signal(SIGCHLD, SIG_DFL);  // ignored, it would take the exit codes of children with it
  for (const int number : signals) {
    // A blocked signal is delivered to us even when it is ignored.
    if (!IsIgnored(number)) {
      sigaddset(&waited_, number);
    }
  }
  pthread_sigmask(SIG_BLOCK, &waited_, &original_);
  signal(SIGPIPE, SIG_IGN);
}

StopSignals::~StopSignals() {
  // Those still pending belong to the past of a command that is ending anyway.
  while (Wait(std::chrono::milliseconds(0)).number != 0) {
  }
  pthread_sigmask(SIG_SETMASK, &original_, nullptr);
}

StopSignals::Received StopSignals::Wait(std::chrono::milliseconds timeout) {
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(timeout).count();
  timespec limit{};
  limit.tv_sec = static_cast<time_t>(ns / 1000000000);
  limit.tv_nsec = static_cast<decltype(limit.tv_nsec)>(ns % 1000000000);
  siginfo_t info{};
  const int number = sigtimedwait(&waited_, &info, &limit);
  if (number <= 0) {
    return {};
  }
  return {number, info.si_code == SI_KERNEL};
}

}  // namespace ringside::cli
