// A TCP proxy between agents and the aggregator that breaks connections in every way that networks
// know. It understands where ZMTP's frames begin and end, so that it hits headers, bodies and the
// places between frames alike.
#ifndef RINGSIDE_TESTS_AGGREGATOR_TCP_PROXY_H_
#define RINGSIDE_TESTS_AGGREGATOR_TCP_PROXY_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <random>
#include <string>
#include <thread>

#include "proto/unique_fd.h"

namespace ringside::aggregator {

// Counts the frames of a ZMTP 3 stream.
class ZmtpPlace {
 public:
  void Pass(uint8_t byte);
  uint64_t frames() const { return frames_; }
  // Bytes of the frame at hand that have passed; 0: between two frames.
  uint64_t in_frame() const { return in_frame_; }

 private:
  uint64_t greeting_left_ = 64;
  uint64_t frames_ = 0;
  uint64_t in_frame_ = 0;
  uint64_t header_ = 0;  // bytes of it, once its first byte is known
  uint64_t size_ = 0;
};

enum class TcpFault : uint8_t { kNone, kCut, kReset, kHalfOpen, kDrip };
inline constexpr int kTcpFaults = 5;

class TcpProxy {
 public:
  // Connects to `target_port` on loopback for every connection that it takes.
  TcpProxy(uint16_t target_port, uint64_t seed);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  uint16_t port() const { return port_; }
  // How often each fault was done.
  uint64_t count(TcpFault fault) const { return counts_[static_cast<size_t>(fault)]; }
  // From now on everything passes.
  void Behave() { behaves_ = true; }

 private:
  struct Connection {
    proto::UniqueFd agent;
    proto::UniqueFd aggregator;
    ZmtpPlace place;  // of what the agent sends
    TcpFault fault = TcpFault::kNone;
    uint64_t at_frame = 0;  // the fault is done here
    uint64_t at_byte = 0;
    bool is_silent = false;  // half open
    std::chrono::steady_clock::time_point ends;
    bool is_over = false;
  };

  void Run();
  void Accept();
  void FromAgent(Connection* connection);
  void FromAggregator(Connection* connection);
  void DoFault(Connection* connection);
  uint64_t Number(uint64_t most) {
    return std::uniform_int_distribution<uint64_t>(0, most)(random_);
  }

  const uint16_t target_port_;
  uint16_t port_ = 0;
  std::mt19937_64 random_;
  proto::UniqueFd listener_;
  std::list<Connection> connections_;
  std::array<std::atomic<uint64_t>, kTcpFaults> counts_{};
  std::atomic<bool> behaves_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// A port on loopback that nobody listens on at the moment.
uint16_t FreePort();

}  // namespace ringside::aggregator

#endif  // RINGSIDE_TESTS_AGGREGATOR_TCP_PROXY_H_
