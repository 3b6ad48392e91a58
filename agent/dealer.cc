#include "agent/dealer.h"

#include <cstring>
#include <optional>
#include <utility>

#include <poll.h>
#include <zmq.h>

#include "proto/wire_format.h"

namespace ringside::agent {
namespace {

using proto::Result;
using proto::Status;

constexpr uint64_t kMillisecond = 1000000;
// Between two attempts where ZeroMQ makes none: the two sides do not speak of the same keys.
constexpr uint64_t kReconnectNs = 2000 * kMillisecond;
constexpr int kRefusedHandshakes = ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                                   ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                                   ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

// What a socket's descriptor tells is only that this may have changed.
bool HasArrived(void* socket) {
  int events = 0;
  size_t size = sizeof events;
  return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) != 0 || (events & ZMQ_POLLIN) != 0;
}

int DescriptorOf(void* socket) {
  int fd = -1;
  size_t size = sizeof fd;
  zmq_getsockopt(socket, ZMQ_FD, &fd, &size);
  return fd;
}

}  // namespace

Dealer::~Dealer() {
  if (monitor_ != nullptr) zmq_close(monitor_);
  if (dealer_ != nullptr) zmq_close(dealer_);
  if (context_ != nullptr) zmq_ctx_term(context_);
}

Result<std::unique_ptr<Dealer>> Dealer::Connect(const std::string& endpoint,
                                                const UplinkKeyFiles& key_files, std::string who) {
  const Result<std::optional<UplinkKeys>> keys = ReadUplinkKeys(key_files, endpoint);
  if (!keys) return keys.status();
  std::unique_ptr<Dealer> dealer(new Dealer(endpoint, keys->has_value(), std::move(who)));
  if (Status s = dealer->Open(*keys); !s) return s;
  return dealer;
}

Status Dealer::Open(const std::optional<UplinkKeys>& keys) {
  const auto error = [&] {
    return Status::Error("aggregator endpoint " + endpoint_ + ": " + zmq_strerror(zmq_errno()));
  };
  context_ = zmq_ctx_new();
  if (context_ == nullptr) return error();
  dealer_ = zmq_socket(context_, ZMQ_DEALER);
  if (dealer_ == nullptr) return error();
  const auto set = [&](int option, int value) {
    zmq_setsockopt(dealer_, option, &value, sizeof value);
  };
  set(ZMQ_LINGER, 0);  // what is not acknowledged lies in the spool
  set(ZMQ_SNDHWM, kHighWaterMark);
  set(ZMQ_RCVHWM, kHighWaterMark);
  set(ZMQ_IMMEDIATE, 1);  // nothing is queued for a peer that is not there
  set(ZMQ_RECONNECT_IVL, 50);
  set(ZMQ_RECONNECT_IVL_MAX, 2000);
  set(ZMQ_HEARTBEAT_IVL, 2000);
  set(ZMQ_HEARTBEAT_TIMEOUT, 6000);
  const int64_t most = static_cast<int64_t>(proto::kMaxFrameBytes);
  zmq_setsockopt(dealer_, ZMQ_MAXMSGSIZE, &most, sizeof most);
  if (keys) {
    if (Status status = SetKeys(*keys, dealer_); !status) return status;
  }
  if (Status status = Watch(); !status) return status;
  if (zmq_connect(dealer_, endpoint_.c_str()) != 0) return error();
  return Status();
}

// Before the socket connects, so that no change is missed.
Status Dealer::Watch() {
  const auto error = [&] {
    return Status::Error("aggregator endpoint " + endpoint_ + ": " + zmq_strerror(zmq_errno()));
  };
  const char* const name = "inproc://monitor";  // contexts have names of their own
  const int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | kRefusedHandshakes;
  if (zmq_socket_monitor(dealer_, name, events) != 0) return error();
  monitor_ = zmq_socket(context_, ZMQ_PAIR);
  if (monitor_ == nullptr) return error();
  const int no_linger = 0;
  zmq_setsockopt(monitor_, ZMQ_LINGER, &no_linger, sizeof no_linger);
  return zmq_connect(monitor_, name) == 0 ? Status() : error();
}

// An aggregator that knows us not closes without a word, and ZeroMQ tries again by itself. One that
// has no keys while we do, or the reverse, is given up by ZeroMQ for good: its keys may change.
void Dealer::OnRefusedHandshake(uint16_t event, uint64_t now_ns, std::vector<std::string>* notes) {
  ++refused_handshakes_;
  if (event != ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) reconnect_ns_ = now_ns + kReconnectNs;
  notes->push_back(
      "aggregator " + endpoint_ +
      (has_keys_ ? " closed the connection during the handshake: " + who_ +
                       "'s public key is not in its allow-list, or its own key is not the one of "
                       "--aggregator-key (of a parent: --parent-key), or it has no keys (ringside "
                       "doctor; "
                       "docs/deploy.md)"
                 : " closed the connection during the handshake: does it ask for keys? (--key and "
                   "--aggregator-key; docs/deploy.md)"));
}

void Dealer::Reconnect(uint64_t now_ns) {
  if (reconnect_ns_ == 0 || now_ns < reconnect_ns_) return;
  reconnect_ns_ = 0;
  zmq_disconnect(dealer_, endpoint_.c_str());  // an error: it is gone already
  zmq_connect(dealer_, endpoint_.c_str());
}

int Dealer::Changes(uint64_t now_monotonic_ns, std::vector<std::string>* notes) {
  int count = 0;
  zmq_msg_t part;
  zmq_msg_init(&part);
  while (zmq_msg_recv(&part, monitor_, ZMQ_DONTWAIT) >= 0) {
    uint16_t event = 0;
    if (zmq_msg_size(&part) >= sizeof event) {
      std::memcpy(&event, zmq_msg_data(&part), sizeof event);
    }
    // The second part is the address.
    if (zmq_msg_more(&part) != 0) zmq_msg_recv(&part, monitor_, ZMQ_DONTWAIT);
    is_connected_ = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
    if (event == ZMQ_EVENT_DISCONNECTED) ++disconnects_;
    if ((event & kRefusedHandshakes) != 0) OnRefusedHandshake(event, now_monotonic_ns, notes);
    ++count;
  }
  zmq_msg_close(&part);
  Reconnect(now_monotonic_ns);
  return count;
}

bool Dealer::Send(const std::string& frame) {
  return zmq_send(dealer_, frame.data(), frame.size(), ZMQ_DONTWAIT) >= 0;
}

int Dealer::Receive(int most,
                    const std::function<void(std::string_view frame_untrusted)>& on_frame) {
  int count = 0;
  zmq_msg_t part;
  zmq_msg_init(&part);
  while (count < most && zmq_msg_recv(&part, dealer_, ZMQ_DONTWAIT) >= 0) {
    if (zmq_msg_more(&part) == 0) {
      on_frame({static_cast<const char*>(zmq_msg_data(&part)), zmq_msg_size(&part)});
    } else {
      ++multipart_messages_;  // its parts are dropped one by one
    }
    ++count;
  }
  zmq_msg_close(&part);
  return count;
}

// By the descriptors themselves: zmq_poll asks twice as many of them, and all of them twice.
void Dealer::Wait(const std::vector<const Dealer*>& dealers, int other_fd, uint64_t timeout_ns) {
  std::vector<pollfd> items;
  for (const Dealer* const dealer : dealers) {
    for (void* const socket : {dealer->dealer_, dealer->monitor_}) {
      if (HasArrived(socket)) return;
      items.push_back({DescriptorOf(socket), POLLIN, 0});
    }
  }
  if (other_fd >= 0) items.push_back({other_fd, POLLIN, 0});
  const auto milliseconds = static_cast<int>((timeout_ns + kMillisecond - 1) / kMillisecond);
  poll(items.data(), items.size(), milliseconds);
}

}  // namespace ringside::agent
