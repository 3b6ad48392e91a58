// The sockets that StatsD lines come by: UDP on loopback, UNIX datagrams. Never blocks. What the
// kernel drops for lack of room it counts, and so do we.
#ifndef RINGSIDE_AGENT_STATSD_SOCKET_H_
#define RINGSIDE_AGENT_STATSD_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "proto/status.h"
#include "proto/unique_fd.h"

namespace ringside::agent {

class StatsdSocket {
 public:
  // Whether OpenUdp would take it, as far as that can be said without opening it.
  static proto::Status CheckUdp(const std::string& address);
  // "127.0.0.1:8125"; addresses beyond loopback are refused.
  static proto::Result<std::unique_ptr<StatsdSocket>> OpenUdp(const std::string& address);
  // Replaces a socket file that nobody listens at any more. Removed with this object.
  static proto::Result<std::unique_ptr<StatsdSocket>> OpenUnix(const std::string& path);
  ~StatsdSocket();
  StatsdSocket(const StatsdSocket&) = delete;
  StatsdSocket& operator=(const StatsdSocket&) = delete;

  // Takes what is there, at most `most` packets. Returns how many.
  size_t Receive(size_t most, const std::function<void(std::string_view packet)>& take);
  // Packets that the kernel had no room for, ever.
  uint64_t kernel_drops() const { return kernel_drops_; }
  uint16_t port() const { return port_; }  // of UDP

 private:
  explicit StatsdSocket(proto::UniqueFd fd);
  void SetOptions();
  struct Buffers;

  proto::UniqueFd fd_;
  std::string path_;  // of a UNIX socket
  uint16_t port_ = 0;
  uint32_t last_drops_ = 0;
  uint64_t kernel_drops_ = 0;
  std::unique_ptr<Buffers> buffers_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_STATSD_SOCKET_H_
