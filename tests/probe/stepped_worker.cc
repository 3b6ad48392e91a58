#include "tests/probe/stepped_worker.h"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ringside::tests {
namespace {

constexpr int kCannotTrace = 77;

// What the worker was stopped by; 0: it is gone.
int WaitForStop(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return 0;
  }
  return WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
}

}  // namespace

void StepMarks::Begin() const {
  raise(SIGSTOP);
  oracle_->begun.store(1, std::memory_order_seq_cst);
}

void StepMarks::End() const { oracle_->ended.store(1, std::memory_order_seq_cst); }

std::string SteppedWorker::WhyNot() {
#ifndef __x86_64__
  // Elsewhere atomics may be pairs of exclusive instructions, which fail for ever when stepped.
  return "stepping through atomics works on x86-64 only";
#else
  SteppedWorker worker;
  const pid_t pid = fork();
  if (pid == 0) worker.Work([](const StepMarks& marks) { marks.Begin(); });
  if (worker.RunToBegin(pid) && worker.Step()) return {};
  return "ptrace is not allowed here (a container may need --cap-add=SYS_PTRACE)";
#endif
}

SteppedWorker::SteppedWorker()
    : oracle_(static_cast<StepOracle*>(mmap(nullptr, sizeof(StepOracle), PROT_READ | PROT_WRITE,
                                            MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}

SteppedWorker::~SteppedWorker() {
  Kill();
  munmap(oracle_, sizeof(StepOracle));
}

void SteppedWorker::Work(const StepBody& body) {
  if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(kCannotTrace);
  body(StepMarks{oracle_});
  _exit(0);
}

bool SteppedWorker::RunToBegin(pid_t pid) {
  pid_ = pid;
  const int signal = pid > 0 ? WaitForStop(pid) : 0;
  if (signal == 0) pid_ = -1;
  return signal == SIGSTOP;
}

bool SteppedWorker::Step() {
  int signal = 0;  // a signal of the worker's own is passed on
  do {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): how ptrace takes a signal
    if (ptrace(PTRACE_SINGLESTEP, pid_, nullptr, reinterpret_cast<void*>(intptr_t{signal})) != 0) {
      return false;
    }
    signal = WaitForStop(pid_);
    if (signal == 0) {
      pid_ = -1;
      return false;
    }
  } while (signal != SIGTRAP);
  return ended() == 0;
}

void SteppedWorker::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  while (WaitForStop(pid_) != 0) {
  }
  pid_ = -1;
}

}  // namespace ringside::tests
