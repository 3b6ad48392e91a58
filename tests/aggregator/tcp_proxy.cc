#include "tests/aggregator/tcp_proxy.h"

#include <algorithm>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ringside::aggregator {
namespace {

constexpr size_t kChunk = 4096;
constexpr uint64_t kDripBytes = 400;  // so many one by one, then as usual
constexpr std::chrono::milliseconds kHalfOpenFor{250};

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int Socket() { return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }

uint16_t BindAnyPort(int fd) {
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

bool SendAll(int fd, const char* bytes, size_t size) {
  while (size != 0) {
    const ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes += sent;
    size -= static_cast<size_t>(sent);
  }
  return true;
}

void ResetOnClose(int fd) {
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace

uint16_t FreePort() { return BindAnyPort(proto::UniqueFd(Socket()).get()); }

void ZmtpPlace::Pass(uint8_t byte) {
  constexpr uint8_t kLong = 0x02;
  if (greeting_left_ != 0) {
    --greeting_left_;
    return;
  }
  if (in_frame_ == 0) {
    header_ = (byte & kLong) != 0 ? 9 : 2;
    size_ = 0;
  } else if (in_frame_ < header_) {
    size_ = size_ << 8 | byte;
  }
  ++in_frame_;
  if (in_frame_ >= header_ && in_frame_ == header_ + size_) {
    ++frames_;
    in_frame_ = 0;
  }
}

TcpProxy::TcpProxy(uint16_t target_port, uint64_t seed)
    : target_port_(target_port), random_(seed), listener_(Socket()) {
  port_ = BindAnyPort(listener_.get());
  listen(listener_.get(), 64);
  thread_ = std::thread([this] { Run(); });
}

TcpProxy::~TcpProxy() {
  stop_ = true;
  thread_.join();
}

void TcpProxy::Accept() {
  constexpr uint64_t kSecondFrame = 2;  // the first are of the handshake
  Connection connection;
  connection.agent = proto::UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  connection.aggregator = proto::UniqueFd(Socket());
  const sockaddr_in address = Loopback(target_port_);
  const int connected = connect(connection.aggregator.get(),
                                reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (connected != 0) return;  // the aggregator is dead at the moment: so is this connection
  const int yes = 1;
  for (const int fd : {connection.agent.get(), connection.aggregator.get()}) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
  if (!behaves_) {
    connection.fault = static_cast<TcpFault>(Number(kTcpFaults - 1));
    connection.at_frame = kSecondFrame + Number(8);
    connection.at_byte = Number(2) == 0 ? Number(12) : Number(1500);
  }
  ++counts_[static_cast<size_t>(TcpFault::kNone)];
  connections_.push_back(std::move(connection));
}

void TcpProxy::DoFault(Connection* connection) {
  const TcpFault fault = std::exchange(connection->fault, TcpFault::kNone);
  ++counts_[static_cast<size_t>(fault)];
  if (fault == TcpFault::kReset) {
    ResetOnClose(connection->agent.get());
    ResetOnClose(connection->aggregator.get());
  }
  if (fault == TcpFault::kHalfOpen) {
    connection->is_silent = true;
    connection->ends = std::chrono::steady_clock::now() + kHalfOpenFor;
  } else {
    connection->is_over = fault != TcpFault::kDrip;
  }
}

void TcpProxy::FromAgent(Connection* connection) {
  std::array<char, kChunk> bytes;
  const ssize_t got = recv(connection->agent.get(), bytes.data(), bytes.size(), 0);
  if (got <= 0) {
    connection->is_over = true;
    return;
  }
  const auto size = static_cast<size_t>(got);
  size_t sent = 0;
  uint64_t drip_left = 0;
  const auto pass_to = [&](size_t end) {
    if (!SendAll(connection->aggregator.get(), bytes.data() + sent, end - sent)) {
      connection->is_over = true;
    }
    sent = end;
  };
  for (size_t i = 0; i < size && !connection->is_over; ++i) {
    const ZmtpPlace& place = connection->place;
    if (connection->fault != TcpFault::kNone && place.frames() >= connection->at_frame &&
        (place.in_frame() >= connection->at_byte || place.frames() > connection->at_frame)) {
      pass_to(i);
      if (connection->fault == TcpFault::kDrip) drip_left = kDripBytes;
      DoFault(connection);
      if (connection->is_over || connection->is_silent) return;
    }
    connection->place.Pass(static_cast<uint8_t>(bytes[i]));
    if (drip_left != 0) {
      --drip_left;
      pass_to(i + 1);
    }
  }
  if (!connection->is_over) pass_to(size);
}

void TcpProxy::FromAggregator(Connection* connection) {
  std::array<char, kChunk> bytes;
  const ssize_t got = recv(connection->aggregator.get(), bytes.data(), bytes.size(), 0);
  connection->is_over = got <= 0 || !SendAll(connection->agent.get(), bytes.data(),
                                             static_cast<size_t>(std::max<ssize_t>(got, 0)));
}

void TcpProxy::Run() {
  constexpr int kTurnMs = 5;
  while (!stop_) {
    std::vector<pollfd> items = {{listener_.get(), POLLIN, 0}};
    for (const Connection& connection : connections_) {
      // Who is silent reads nothing either: the other side must notice by itself.
      const short wanted = connection.is_silent ? 0 : POLLIN;
      items.push_back({connection.is_silent ? -1 : connection.agent.get(), wanted, 0});
      items.push_back({connection.is_silent ? -1 : connection.aggregator.get(), wanted, 0});
    }
    poll(items.data(), items.size(), kTurnMs);
    size_t place = 1;
    for (Connection& connection : connections_) {
      if (items[place].revents != 0) FromAgent(&connection);
      const bool has_answer = items[place + 1].revents != 0;
      if (has_answer && !connection.is_over && !connection.is_silent) FromAggregator(&connection);
      if (connection.is_silent && std::chrono::steady_clock::now() > connection.ends) {
        connection.is_over = true;
      }
      place += 2;
    }
    connections_.remove_if([](const Connection& connection) { return connection.is_over; });
    if (items[0].revents != 0) Accept();
  }
}

}  // namespace ringside::aggregator
