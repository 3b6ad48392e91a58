#include "bench/fleet.h"

#include <cstdlib>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ringside::bench {

using proto::Result;
using proto::Status;

Result<std::unique_ptr<Fleet>> Fleet::Start(const FleetShape& shape) {
  std::unique_ptr<Fleet> fleet(new Fleet);
  char segments[] = "/dev/shm/ringside-bench-XXXXXX";
  char work[] = "/tmp/ringside-bench-XXXXXX";
  if (mkdtemp(segments) == nullptr) return Status::Error("/dev/shm: no directory can be made");
  fleet->segments_ = segments;
  if (mkdtemp(work) == nullptr) return Status::Error("/tmp: no directory can be made");
  fleet->work_ = work;
  std::filesystem::create_directory(fleet->state());
  if (Status s = fleet->Launch(shape); !s) return s;
  return fleet;
}

Status Fleet::Launch(const FleetShape& shape) {
  std::error_code ignored;
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  const std::string program = (folder / "fleet_worker").string();
  const std::string numbers[] = {std::to_string(shape.processes), std::to_string(shape.threads),
                                 std::to_string(shape.series), std::to_string(shape.rate),
                                 std::to_string(shape.ring_records)};
  int in[2];
  int out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
    return Status::Error("no pipe can be made");
  }
  child_ = fork();
  if (child_ == 0) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    setenv("RINGSIDE_DIR", segments_.c_str(), 1);
    setenv("RINGSIDE_TIMING_RING_RECORDS", numbers[4].c_str(), 1);
    execl(program.c_str(), program.c_str(), numbers[0].c_str(), numbers[1].c_str(),
          numbers[2].c_str(), numbers[3].c_str(), shape.requests ? "requests" : nullptr,
          static_cast<char*>(nullptr));
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  stdin_ = in[1];
  char byte = 0;
  const bool is_ready = read(out[0], &byte, 1) == 1;
  close(out[0]);
  return is_ready ? Status() : Status::Error(program + " did not begin");
}

Fleet::~Fleet() {
  if (stdin_ >= 0) close(stdin_);
  if (child_ > 0) waitpid(child_, nullptr, 0);
  std::error_code ignored;
  if (!segments_.empty()) std::filesystem::remove_all(segments_, ignored);
  if (!work_.empty()) std::filesystem::remove_all(work_, ignored);
}

}  // namespace ringside::bench
