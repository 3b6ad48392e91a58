#include "agent/statsd_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/loopback.h"

namespace ringside::agent {
namespace {

using proto::Result;
using proto::Status;
using proto::UniqueFd;

constexpr size_t kBatch = 32;
constexpr size_t kPacketBytes = 65536;  // the largest datagram: none is cut
constexpr int kReceiveBufferBytes = 8 << 20;

Status Failed(const std::string& what) { return Status::Error(what + ": " + std::strerror(errno)); }

bool Split(const std::string& address, std::string* host, std::string* port) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) return false;
  *host = address.substr(0, colon);
  *port = address.substr(colon + 1);
  if (host->front() == '[' && host->back() == ']') *host = host->substr(1, host->size() - 2);
  uint16_t number = 0;
  const auto [end, error] = std::from_chars(port->data(), port->data() + port->size(), number);
  return error == std::errc() && end == port->data() + port->size();
}

// A socket file that is left over: nobody is behind it.
bool IsAbandoned(const sockaddr_un& address) {
  struct stat info {};
  if (lstat(address.sun_path, &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  const UniqueFd probe(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
         errno == ECONNREFUSED;
}

}  // namespace

struct StatsdSocket::Buffers {
  std::array<std::array<char, kPacketBytes>, kBatch> packets;
  std::array<std::array<char, CMSG_SPACE(sizeof(uint32_t))>, kBatch> controls;
  std::array<iovec, kBatch> vectors;
  std::array<mmsghdr, kBatch> messages;
};

StatsdSocket::StatsdSocket(UniqueFd fd) : fd_(std::move(fd)), buffers_(new Buffers) {}

StatsdSocket::~StatsdSocket() {
  if (!path_.empty()) unlink(path_.c_str());
}

void StatsdSocket::SetOptions() {
  const int bytes = kReceiveBufferBytes;
  // Root may go beyond the system's limit.
  if (setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) {
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
  const int on = 1;
  setsockopt(fd_.get(), SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
}

Status StatsdSocket::CheckUdp(const std::string& address) {
  const std::string option = "--statsd " + address;
  std::string host;
  std::string port;
  if (!Split(address, &host, &port)) {
    return Status::Error(option + ": no address (expected HOST:PORT such as 127.0.0.1:8125)");
  }
  if (proto::IsLoopbackHost(host)) return Status();
  return Status::Error(option + ": StatsD is not authenticated, so only loopback is allowed");
}

Result<std::unique_ptr<StatsdSocket>> StatsdSocket::OpenUdp(const std::string& address) {
  if (Status status = CheckUdp(address); !status) return status;
  const std::string option = "--statsd " + address;
  std::string host;
  std::string port;
  Split(address, &host, &port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0) {
    return Status::Error(option + ": " + gai_strerror(error));
  }
  UniqueFd fd(socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const bool bound = fd.ok() && bind(fd.get(), found->ai_addr, found->ai_addrlen) == 0;
  freeaddrinfo(found);
  if (!bound) return Failed(option);
  std::unique_ptr<StatsdSocket> udp(new StatsdSocket(std::move(fd)));
  udp->SetOptions();
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (getsockname(udp->fd_.get(), reinterpret_cast<sockaddr*>(&name), &size) == 0) {
    // The port lies at one place in both families.
    udp->port_ = ntohs(reinterpret_cast<const sockaddr_in*>(&name)->sin_port);
  }
  return udp;
}

Result<std::unique_ptr<StatsdSocket>> StatsdSocket::OpenUnix(const std::string& path) {
  const std::string option = "--statsd-socket " + path;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return Status::Error(option + ": a socket's path has 1 to " +
                         std::to_string(sizeof address.sun_path - 1) + " bytes");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  if (IsAbandoned(address)) unlink(path.c_str());
  UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.ok() || bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return Failed(option);
  }
  // As with UDP, any process of this host may send.
  chmod(path.c_str(), 0666);
  std::unique_ptr<StatsdSocket> unix_socket(new StatsdSocket(std::move(fd)));
  unix_socket->path_ = path;
  unix_socket->SetOptions();
  return unix_socket;
}

size_t StatsdSocket::Receive(size_t most,
                             const std::function<void(std::string_view packet)>& take) {
  size_t total = 0;
  while (total < most) {
    const size_t wanted = std::min(kBatch, most - total);
    Buffers& b = *buffers_;
    for (size_t i = 0; i < wanted; ++i) {
      b.vectors[i] = {b.packets[i].data(), kPacketBytes};
      msghdr& message = b.messages[i].msg_hdr;
      message = {};
      message.msg_iov = &b.vectors[i];
      message.msg_iovlen = 1;
      message.msg_control = b.controls[i].data();
      message.msg_controllen = b.controls[i].size();
    }
    const int count = recvmmsg(fd_.get(), b.messages.data(), static_cast<unsigned>(wanted),
                               MSG_DONTWAIT, nullptr);
    if (count <= 0) break;
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
      msghdr& message = b.messages[i].msg_hdr;
      for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_RXQ_OVFL) continue;
        uint32_t drops = 0;
        std::memcpy(&drops, CMSG_DATA(c), sizeof drops);
        kernel_drops_ += drops - last_drops_;  // a counter that wraps
        last_drops_ = drops;
      }
      take({b.packets[i].data(), b.messages[i].msg_len});
    }
    total += static_cast<size_t>(count);
    if (static_cast<size_t>(count) < wanted) break;
  }
  return total;
}

}  // namespace ringside::agent
