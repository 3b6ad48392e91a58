#include "bench/server_process.h"

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/unique_fd.h"

namespace ringside::bench {
namespace {

using proto::Result;
using proto::Status;

// The last processor is the server's; who loads it has the others.
void PinToLast() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(sysconf(_SC_NPROCESSORS_ONLN) - 1), &set);
  sched_setaffinity(0, sizeof set, &set);
}

}  // namespace

Result<std::unique_ptr<ServerProcess>> ServerProcess::Start(std::vector<std::string> command,
                                                            const std::string& ready) {
  std::unique_ptr<ServerProcess> server(new ServerProcess());
  if (Status status = server->Launch(std::move(command), ready); !status.ok()) return status;
  return server;
}

Result<std::unique_ptr<ServerProcess>> ServerProcess::StartAggregator(
    const std::string& ringside, const std::string& memory_limit) {
  return Start({ringside, "aggregator", "--listen", "tcp://127.0.0.1:*", "--http", "127.0.0.1:0",
                "--data", "{}/data", "--memory-limit", memory_limit},
               "agents connect to");
}

Status ServerProcess::Launch(std::vector<std::string> command, const std::string& ready) {
  directory_ = (std::filesystem::temp_directory_path() / "ringside-bench-XXXXXX").string();
  if (mkdtemp(directory_.data()) == nullptr) return Status::Error("no directory can be made");
  std::vector<char*> arguments;
  for (std::string& argument : command) {
    const size_t place = argument.find("{}");
    if (place != std::string::npos) argument.replace(place, 2, directory_);
    arguments.push_back(argument.data());
  }
  arguments.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Status::Error("no pipe can be made");
  child_ = fork();
  if (child_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    PinToLast();
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  close(ends[1]);
  output_ = ends[0];
  // Read to the end of its life by nobody: what it prints later stays in the pipe, and is little.
  while (greeting_.find(ready) == std::string::npos || greeting_.back() != '\n') {
    char block[1024];
    pollfd wait{output_, POLLIN, 0};
    const bool has_more = poll(&wait, 1, 20'000) == 1;
    const ssize_t bytes = has_more ? read(output_, block, sizeof block) : 0;
    if (bytes <= 0) return Status::Error(command[0] + " does not begin: " + greeting_);
    greeting_.append(block, static_cast<size_t>(bytes));
  }
  return {};
}

ServerProcess::~ServerProcess() {
  if (child_ > 0) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  if (output_ >= 0) close(output_);
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

std::string ServerProcess::Greeted(const std::string& begin) const {
  const size_t place = greeting_.find(begin);
  if (place == std::string::npos) return {};
  return greeting_.substr(place, greeting_.find_first_of(", \n", place) - place);
}

double ServerProcess::CpuSeconds() const {
  std::ifstream file("/proc/" + std::to_string(child_) + "/stat");
  std::string text;
  std::getline(file, text);
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

uint64_t ServerProcess::ResidentBytes() const {
  std::ifstream file("/proc/" + std::to_string(child_) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("VmRSS:", 0) == 0) return std::stoull(line.substr(6)) * 1024;
  }
  return 0;
}

std::string HttpGet(const std::string& host_port, const std::string& path) {
  const proto::UniqueFd connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto port = std::stoul(host_port.substr(host_port.rfind(':') + 1));
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return {};
  }
  const std::string request =
      "GET " + path + " HTTP/1.1\r\nHost: " + host_port + "\r\nConnection: close\r\n\r\n";
  if (write(connection.get(), request.data(), request.size()) < 0) return {};
  std::string answer;
  char block[4096];
  for (ssize_t bytes; (bytes = read(connection.get(), block, sizeof block)) > 0;) {
    answer.append(block, static_cast<size_t>(bytes));
  }
  const size_t body = answer.find("\r\n\r\n");
  return body == std::string::npos ? std::string() : answer.substr(body + 4);
}

}  // namespace ringside::bench
