#include "bench/stack.h"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ringside::bench {
namespace {

using proto::Result;
using proto::Status;
using std::chrono::milliseconds;

// A port that was free a moment ago.
int FreePort() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  const bool bound = descriptor >= 0 && bind(descriptor, plain, size) == 0 &&
                     getsockname(descriptor, plain, &size) == 0;
  if (descriptor >= 0) close(descriptor);
  return bound ? ntohs(address.sin_port) : 0;
}

// Standard output of a command that ended well.
std::optional<std::string> OutputOf(const std::string& command) {
  std::FILE* pipe = popen(command.c_str(), "re");
  if (pipe == nullptr) return std::nullopt;
  std::string output;
  char block[4096];
  for (size_t size = 0; (size = std::fread(block, 1, sizeof block, pipe)) > 0;) {
    output.append(block, size);
  }
  return pclose(pipe) == 0 ? std::optional(output) : std::nullopt;
}

std::string Quoted(const std::string& word) { return "'" + word + "'"; }

std::string LastLineOf(const std::string& path) {
  std::ifstream file(path);
  std::string last;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) last = line;
  }
  return last;
}

}  // namespace

Stack::Stack(std::string ringside, std::string work)
    : ringside_(std::move(ringside)), work_(std::move(work)) {}

Result<std::unique_ptr<Stack>> Stack::Start(const std::string& ringside,
                                            const std::string& segments) {
  if (access(ringside.c_str(), X_OK) != 0) {
    return Status::Error(ringside + ": not there (build it, or --ringside FILE)");
  }
  std::string work = (std::filesystem::temp_directory_path() / "ringside-bench-XXXXXX").string();
  if (mkdtemp(work.data()) == nullptr) return Status::Error(work + ": cannot be made");
  std::unique_ptr<Stack> stack(new Stack(ringside, work));
  if (Status status = stack->Launch(segments); !status) return status;
  if (Status status = stack->AwaitAnswers(); !status) return status;
  return stack;
}

Status Stack::Launch(const std::string& segments) {
  const int port = FreePort();
  const int http_port = FreePort();
  if (port == 0 || http_port == 0) return Status::Error("no free port on loopback");
  http_ = "127.0.0.1:" + std::to_string(http_port);
  const std::string data = work_ + "/data";
  const std::string log = work_ + "/log";
  const std::string listen = "tcp://127.0.0.1:" + std::to_string(port);
  const std::vector<const char*> arguments = {
      ringside_.c_str(), "up",           "--dir",  segments.c_str(), "--data", data.c_str(),
      "--listen",        listen.c_str(), "--http", http_.c_str(),    nullptr};
  child_ = fork();
  if (child_ < 0) return Status::Error("fork failed");
  if (child_ > 0) return Status();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int output = open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execv(ringside_.c_str(), const_cast<char* const*>(arguments.data()));
  _exit(127);
}

bool Stack::HasExited() {
  if (child_ > 0 && waitpid(child_, nullptr, WNOHANG) == child_) child_ = -1;
  return child_ < 0;
}

Status Stack::AwaitAnswers() {
  for (int turn = 0; turn < 200 && !HasExited(); ++turn) {
    if (QueryCount("nothing").has_value()) return Status();
    std::this_thread::sleep_for(milliseconds(50));
  }
  return Status::Error("ringside up gives no answer: " + LastLineOf(work_ + "/log"));
}

Stack::~Stack() {
  if (child_ > 0) {
    kill(child_, SIGTERM);
    for (int turn = 0; turn < 100 && !HasExited(); ++turn) {
      std::this_thread::sleep_for(milliseconds(50));
    }
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
  }
  std::error_code ignored;
  std::filesystem::remove_all(work_, ignored);
}

std::optional<uint64_t> Stack::QueryCount(const std::string& operation) const {
  const std::optional<std::string> output =
      OutputOf(Quoted(ringside_) + " query " + operation + " --json --server http://" + http_ +
               " 2>/dev/null");
  if (!output) return std::nullopt;
  const nlohmann::json answer = nlohmann::json::parse(*output, nullptr, false);
  if (!answer.is_object() || !answer.contains("rows")) return std::nullopt;
  uint64_t count = 0;
  for (const nlohmann::json& row : answer["rows"]) {
    if (row.value("operation", "") == operation) count += row.value("count", uint64_t{0});
  }
  return count;
}

}  // namespace ringside::bench
