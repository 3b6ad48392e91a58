// Access to mapped files that another process can truncate: such an access raises SIGBUS.
//
// GuardBus runs a short body and returns false if it met SIGBUS. The body must own nothing: it is
// left by siglongjmp, no destructor runs. It may read and write memory, no more.
// Per thread; the first use installs the process's SIGBUS handler, which passes signals that no
// guard waits for to the handler that was there before.
#ifndef RINGSIDE_AGENT_BUS_GUARD_H_
#define RINGSIDE_AGENT_BUS_GUARD_H_

#include <csetjmp>

namespace ringside::agent {

namespace internal {

extern thread_local sigjmp_buf* bus_guard;
void InstallBusHandler();

}  // namespace internal

template <typename Body>
bool GuardBus(const Body& body) {
  internal::InstallBusHandler();
  sigjmp_buf here;
  sigjmp_buf* const outer = internal::bus_guard;
  // The handler runs with SA_NODEFER, so there is no signal mask to restore and no system call.
  if (sigsetjmp(here, 0) != 0) {
    internal::bus_guard = outer;
    return false;
  }
  internal::bus_guard = &here;
  body();
  internal::bus_guard = outer;
  return true;
}

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_BUS_GUARD_H_
