// A connection to an aggregator: the ZeroMQ socket, its keys, and what its monitor tells.
//
// Frames are single messages. Nothing is queued for a peer that is not there. One thread.
#ifndef RINGSIDE_AGENT_DEALER_H_
#define RINGSIDE_AGENT_DEALER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/uplink_keys.h"
#include "proto/status.h"

namespace ringside::agent {

class Dealer {
 public:
  // Frames that wait here for the network, at most; as many answers.
  static constexpr int kHighWaterMark = 128;

  // Who connects, as the log names it where keys do not fit: "this agent".
  static proto::Result<std::unique_ptr<Dealer>> Connect(const std::string& endpoint,
                                                        const UplinkKeyFiles& key_files,
                                                        std::string who);
  ~Dealer();
  Dealer(const Dealer&) = delete;
  Dealer& operator=(const Dealer&) = delete;

  // How often the connection came, went or was refused since the last call: after each, whatever
  // was sent may be lost. Lines worth a log go to `notes`.
  int Changes(uint64_t now_monotonic_ns, std::vector<std::string>* notes);
  // False: nobody is there, or too much waits; nothing was sent.
  bool Send(const std::string& frame);
  // Hands over what has arrived, up to `most` messages. Returns how many that were.
  int Receive(int most, const std::function<void(std::string_view frame_untrusted)>& on_frame);
  // Sleeps until something arrives at one of these or on `other_fd` (-1: none), at most that long.
  static void Wait(const std::vector<const Dealer*>& dealers, int other_fd, uint64_t timeout_ns);

  const std::string& endpoint() const { return endpoint_; }
  // As of the last call of Changes.
  bool is_connected() const { return is_connected_; }
  uint64_t disconnects() const { return disconnects_; }
  // Keys that do not fit, or only one side has any.
  uint64_t refused_handshakes() const { return refused_handshakes_; }
  // Messages of several parts: no aggregator sends them.
  uint64_t multipart_messages() const { return multipart_messages_; }

 private:
  Dealer(std::string endpoint, bool has_keys, std::string who)
      : endpoint_(std::move(endpoint)), has_keys_(has_keys), who_(std::move(who)) {}
  proto::Status Open(const std::optional<UplinkKeys>& keys);
  proto::Status Watch();
  void OnRefusedHandshake(uint16_t event, uint64_t now_ns, std::vector<std::string>* notes);
  void Reconnect(uint64_t now_ns);

  const std::string endpoint_;
  const bool has_keys_;
  const std::string who_;
  void* context_ = nullptr;
  void* dealer_ = nullptr;
  void* monitor_ = nullptr;
  bool is_connected_ = false;
  uint64_t reconnect_ns_ = 0;  // 0: ZeroMQ does it
  uint64_t disconnects_ = 0;
  uint64_t refused_handshakes_ = 0;
  uint64_t multipart_messages_ = 0;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_DEALER_H_
