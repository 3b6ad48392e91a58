// The other end of timer_worker.cc and lttng_worker.cc: a child process, asked over pipes.
#ifndef RINGSIDE_BENCH_WORKER_PROCESS_H_
#define RINGSIDE_BENCH_WORKER_PROCESS_H_

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include <sys/types.h>

#include "proto/status.h"

namespace ringside::bench {

class WorkerProcess {
 public:
  // Records into a segment directory of its own, which no agent drains.
  static proto::Result<std::unique_ptr<WorkerProcess>> Start(const std::string& program);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  // Nanoseconds of one turn. nullopt: the worker is gone.
  std::optional<double> Run(uint64_t turns);

 private:
  WorkerProcess() = default;

  pid_t child_ = -1;
  std::FILE* questions_ = nullptr;
  std::FILE* answers_ = nullptr;
  std::string segments_;
};

}  // namespace ringside::bench

#endif  // RINGSIDE_BENCH_WORKER_PROCESS_H_
