#include "cli/peer_probe.h"

#include <cerrno>
#include <cstring>
#include <string_view>

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "proto/unique_fd.h"

namespace ringside::cli {
namespace {

using proto::Result;
using proto::Status;

constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kIpc = "ipc://";
// The signature that every ZeroMQ peer sends first (ZMTP 3.0, "greeting"), and its version.
constexpr char kSignature[] = {'\xff', 0, 0, 0, 0, 0, 0, 0, 1, '\x7f', 3};
constexpr size_t kLast = 9;

Status Error(const std::string& endpoint, const std::string& what) {
  return Status::Error(endpoint + ": " + what);
}

Result<proto::UniqueFd> Connect(const std::string& endpoint, const sockaddr* address,
                                socklen_t size, int family, int timeout_ms) {
  proto::UniqueFd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.ok()) return Error(endpoint, std::strerror(errno));
  if (connect(fd.get(), address, size) != 0 && errno != EINPROGRESS) {
    return Error(endpoint, std::strerror(errno));
  }
  pollfd wait{fd.get(), POLLOUT, 0};
  if (poll(&wait, 1, timeout_ms) <= 0) return Error(endpoint, "no answer");
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return Error(endpoint, std::strerror(error));
  return fd;
}

Result<proto::UniqueFd> ConnectTcp(const std::string& endpoint, int timeout_ms) {
  const std::string address = endpoint.substr(kTcp.size());
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return Error(endpoint, "no port (tcp://HOST:PORT)");
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found);
  if (code != 0) return Error(endpoint, gai_strerror(code));
  Result<proto::UniqueFd> fd =
      Connect(endpoint, found->ai_addr, found->ai_addrlen, found->ai_family, timeout_ms);
  freeaddrinfo(found);
  return fd;
}

Result<proto::UniqueFd> ConnectIpc(const std::string& endpoint, int timeout_ms) {
  const std::string path = endpoint.substr(kIpc.size());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return Error(endpoint, "a path of 1 to 107 bytes is needed");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size());
  return Connect(endpoint, reinterpret_cast<const sockaddr*>(&address), sizeof address, AF_UNIX,
                 timeout_ms);
}

}  // namespace

Status ProbePeer(const std::string& endpoint, std::chrono::milliseconds patience) {
  const auto timeout_ms = static_cast<int>(patience.count());
  const bool is_tcp = endpoint.starts_with(kTcp);
  if (!is_tcp && !endpoint.starts_with(kIpc)) {
    return Error(endpoint, "not tcp://HOST:PORT or ipc://PATH");
  }
  Result<proto::UniqueFd> fd =
      is_tcp ? ConnectTcp(endpoint, timeout_ms) : ConnectIpc(endpoint, timeout_ms);
  if (!fd) return fd.status();
  if (send(fd->get(), kSignature, sizeof kSignature, MSG_NOSIGNAL) < 0) {
    return Error(endpoint, std::strerror(errno));
  }
  char greeting[kLast + 1] = {};
  size_t got = 0;
  while (got < sizeof greeting) {
    pollfd wait{fd->get(), POLLIN, 0};
    if (poll(&wait, 1, timeout_ms) <= 0) {
      return Error(endpoint, "somebody listens there and does not answer");
    }
    const ssize_t size = recv(fd->get(), greeting + got, sizeof greeting - got, 0);
    if (size <= 0) return Error(endpoint, "somebody listens there and hangs up");
    got += static_cast<size_t>(size);
  }
  if (greeting[0] != kSignature[0] || greeting[kLast] != kSignature[kLast]) {
    return Error(endpoint, "somebody else listens there: no ZeroMQ");
  }
  return {};
}

}  // namespace ringside::cli
