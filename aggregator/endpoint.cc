#include "aggregator/endpoint.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <string_view>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/loopback.h"
#include "proto/unique_fd.h"

namespace ringside::aggregator {
namespace {

constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kIpc = "ipc://";

proto::Status Refuse(const std::string& endpoint, const std::string& why) {
  return proto::Status::Error("--listen " + endpoint + ": " + why);
}

bool IsPort(std::string_view text) {
  if (text == "*") return true;
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port <= 65535;
}

proto::Result<std::string> CheckTcp(const std::string& endpoint, bool has_keys) {
  const std::string address = endpoint.substr(kTcp.size());
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || !IsPort(std::string_view(address).substr(colon + 1))) {
    return Refuse(endpoint, "no port (write tcp://127.0.0.1:7750)");
  }
  std::string host = address.substr(0, colon);
  if (host == "localhost") host = "127.0.0.1";
  if (!has_keys && !proto::IsLoopbackHost(host)) {
    return Refuse(
        endpoint,
        "beyond loopback agents must be known by their keys (ringside keygen FILE, then "
        "--key FILE and --allow FILE; docs/deploy.md), or listen on tcp://127.0.0.1:PORT");
  }
  return std::string(kTcp) + host + address.substr(colon);
}

// ZeroMQ would unlink a socket that is in use and take its place without a word.
bool SomebodyAnswers(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const proto::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return fd.ok() &&
         connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

proto::Result<std::string> CheckIpc(const std::string& endpoint) {
  namespace fs = std::filesystem;
  const std::string path = endpoint.substr(kIpc.size());
  if (path.empty() || path[0] != '/') {
    return Refuse(endpoint, "no absolute path (write ipc:///run/user/UID/ringside/aggregator)");
  }
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return Refuse(endpoint, "the path is longer than a socket's may be (107 bytes)");
  }
  const std::string directory = fs::path(path).parent_path().string();
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return Refuse(endpoint, "cannot make " + directory + ": " + strerror(errno));
  }
  struct stat status {};
  if (lstat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) ||
      status.st_uid != geteuid() || (status.st_mode & 0077) != 0) {
    return Refuse(endpoint, directory + " must be a directory of this user with mode 0700");
  }
  if (SomebodyAnswers(path)) {
    return Refuse(endpoint, "is in use (stop who listens there, or name another with --listen)");
  }
  return endpoint;
}

}  // namespace

proto::Result<std::string> CheckListenEndpoint(const std::string& endpoint, bool has_keys) {
  if (endpoint.starts_with(kTcp)) return CheckTcp(endpoint, has_keys);
  if (endpoint.starts_with(kIpc)) return CheckIpc(endpoint);
  return Refuse(endpoint, "is neither tcp://127.0.0.1:PORT nor ipc:///PATH");
}

}  // namespace ringside::aggregator
