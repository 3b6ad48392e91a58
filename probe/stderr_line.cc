#include "probe/stderr_line.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

namespace ringside::probe {
namespace {

// Keeps the signals that a write can raise from this thread, and takes away what it raised: both
// are sent to the very thread that writes.
class WriteSignals {
 public:
  WriteSignals() noexcept {
    sigemptyset(&raised_);
    sigaddset(&raised_, SIGPIPE);
    sigaddset(&raised_, SIGXFSZ);
    sigset_t pending;
    sigpending(&pending);
    // One that was pending before is the program's own.
    if (sigismember(&pending, SIGPIPE) == 1) sigdelset(&raised_, SIGPIPE);
    if (sigismember(&pending, SIGXFSZ) == 1) sigdelset(&raised_, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &raised_, &mask_);
  }
  ~WriteSignals() {
    const timespec at_once{};
    while (sigtimedwait(&raised_, nullptr, &at_once) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
  }
  WriteSignals(const WriteSignals&) = delete;
  WriteSignals& operator=(const WriteSignals&) = delete;

 private:
  sigset_t raised_;
  sigset_t mask_;
};

}  // namespace

void WriteStderrLine(std::string_view line) noexcept {
  // A pipe that polls writable has room for a page: the write does not wait.
  pollfd out{STDERR_FILENO, POLLOUT, 0};
  if (poll(&out, 1, 0) != 1 || out.revents != POLLOUT) return;
  const WriteSignals signals;
  (void)!write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace ringside::probe
