// A server that is measured: a child process pinned to one processor, with a directory of its own;
// what it takes is read from /proc. Gone, with its directory, when this object is.
#ifndef RINGSIDE_BENCH_SERVER_PROCESS_H_
#define RINGSIDE_BENCH_SERVER_PROCESS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "proto/status.h"

namespace ringside::bench {

class ServerProcess {
 public:
  // "{}" in an argument becomes the directory. Waits until a line with `ready` was printed, to
  // either output.
  static proto::Result<std::unique_ptr<ServerProcess>> Start(std::vector<std::string> command,
                                                             const std::string& ready);
  // `ringside aggregator` on free ports of loopback. `memory_limit` as its option.
  static proto::Result<std::unique_ptr<ServerProcess>> StartAggregator(
      const std::string& ringside, const std::string& memory_limit);
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  const std::string& directory() const { return directory_; }
  // What it printed until it was ready.
  const std::string& greeting() const { return greeting_; }
  // The text from `begin` to the next comma, space or line end of the greeting.
  std::string Greeted(const std::string& begin) const;
  double CpuSeconds() const;
  uint64_t ResidentBytes() const;

 private:
  ServerProcess() = default;
  proto::Status Launch(std::vector<std::string> command, const std::string& ready);

  std::string directory_;
  std::string greeting_;
  int output_ = -1;
  pid_t child_ = -1;
};

// The body of a GET on loopback; empty: no answer.
std::string HttpGet(const std::string& host_port, const std::string& path);

}  // namespace ringside::bench

#endif  // RINGSIDE_BENCH_SERVER_PROCESS_H_
