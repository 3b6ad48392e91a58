// A worker that runs one instruction at a time: its parent decides where it dies.
//
// It traces itself, prepares, stops at Begin, and is stepped from there until End. Between two
// steps all shared memory is what a SIGKILL at that very instruction would leave.
#ifndef RINGSIDE_TESTS_PROBE_STEPPED_WORKER_H_
#define RINGSIDE_TESTS_PROBE_STEPPED_WORKER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include <sys/types.h>

namespace ringside::tests {

// Outside of the system under test, in memory that outlives the worker.
struct StepOracle {
  std::atomic<uint32_t> begun;
  std::atomic<uint32_t> ended;
};

// What the worker calls around the operation of interest.
class StepMarks {
 public:
  explicit StepMarks(StepOracle* oracle) : oracle_(oracle) {}
  void Begin() const;
  void End() const;

 private:
  StepOracle* oracle_;
};

using StepBody = std::function<void(const StepMarks&)>;

class SteppedWorker {
 public:
  // Why this machine cannot step; empty: it can.
  static std::string WhyNot();

  SteppedWorker();
  ~SteppedWorker();
  SteppedWorker(const SteppedWorker&) = delete;
  SteppedWorker& operator=(const SteppedWorker&) = delete;

  // In the child: traced from here on; `body` calls Begin and End once.
  void Work(const StepBody& body);
  // In the parent, with the child's pid: goes on to Begin. False: it did not get there.
  bool RunToBegin(pid_t pid);
  // One instruction, or one system call. False: it reached End, or died (then !is_alive()).
  bool Step();
  // SIGKILL, and waits until it is gone.
  void Kill();

  bool is_alive() const { return pid_ > 0; }
  uint32_t begun() const { return oracle_->begun.load(std::memory_order_relaxed); }
  uint32_t ended() const { return oracle_->ended.load(std::memory_order_relaxed); }

 private:
  pid_t pid_ = -1;
  StepOracle* oracle_;
};

}  // namespace ringside::tests

#endif  // RINGSIDE_TESTS_PROBE_STEPPED_WORKER_H_
