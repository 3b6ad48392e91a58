#include "agent/bus_guard.h"

#include <csignal>
#include <mutex>

namespace ringside::agent::internal {

thread_local sigjmp_buf* bus_guard = nullptr;

namespace {

struct sigaction previous_action;

void OnBus(int signal, siginfo_t* info, void* context) {
  if (bus_guard != nullptr) siglongjmp(*bus_guard, 1);
  if ((previous_action.sa_flags & SA_SIGINFO) != 0 && previous_action.sa_sigaction != nullptr) {
    previous_action.sa_sigaction(signal, info, context);
    return;
  }
  if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    previous_action.sa_handler(signal);
    return;
  }
  // Nobody's: the access is repeated and the process dies of it, as it would have without us.
  std::signal(SIGBUS, SIG_DFL);
}

}  // namespace

void InstallBusHandler() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    action.sa_sigaction = &OnBus;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous_action);
  });
}

}  // namespace ringside::agent::internal
