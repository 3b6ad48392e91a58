#include "bench/worker_process.h"

#include <cinttypes>
#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ringside::bench {

using proto::Result;
using proto::Status;

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::Start(const std::string& program) {
  std::unique_ptr<WorkerProcess> worker(new WorkerProcess);
  char directory[] = "/dev/shm/ringside-bench-XXXXXX";
  if (mkdtemp(directory) == nullptr) return Status::Error("/dev/shm: no directory can be made");
  worker->segments_ = directory;
  int in[2];
  int out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
    return Status::Error(program + ": no pipe can be made");
  }
  worker->child_ = fork();
  if (worker->child_ == 0) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    setenv("RINGSIDE_DIR", directory, 1);
    execl(program.c_str(), program.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  worker->questions_ = fdopen(in[1], "w");
  worker->answers_ = fdopen(out[0], "r");
  return worker;
}

WorkerProcess::~WorkerProcess() {
  if (questions_ != nullptr) std::fclose(questions_);  // it ends
  if (answers_ != nullptr) std::fclose(answers_);
  if (child_ > 0) waitpid(child_, nullptr, 0);
  std::error_code ignored;
  if (!segments_.empty()) std::filesystem::remove_all(segments_, ignored);
}

std::optional<double> WorkerProcess::Run(uint64_t turns) {
  double ns = 0;
  if (std::fprintf(questions_, "%" PRIu64 "\n", turns) < 0 || std::fflush(questions_) != 0 ||
      std::fscanf(answers_, "%lf", &ns) != 1) {
    return std::nullopt;
  }
  return ns;
}

}  // namespace ringside::bench
