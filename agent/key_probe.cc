#include "agent/key_probe.h"

#include <cstdint>
#include <cstring>
#include <memory>

#include <zmq.h>

namespace ringside::agent {
namespace {

using proto::Status;

constexpr int kAccepted = ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
constexpr int kRefused = ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                         ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

void SetInt(void* socket, int option, int value) {
  zmq_setsockopt(socket, option, &value, sizeof value);
}

std::unique_ptr<void, int (*)(void*)> NewSocket(void* context, int type) {
  std::unique_ptr<void, int (*)(void*)> socket(zmq_socket(context, type), zmq_close);
  if (socket != nullptr) SetInt(socket.get(), ZMQ_LINGER, 0);
  return socket;
}

}  // namespace

Status ProbeKeys(const std::string& endpoint, const std::optional<UplinkKeys>& keys,
                 std::chrono::milliseconds patience) {
  const auto failed = [&endpoint](const std::string& why) {
    return Status::Error(endpoint + ": " + why);
  };
  const std::unique_ptr<void, int (*)(void*)> context(zmq_ctx_new(), zmq_ctx_term);
  const auto dealer = NewSocket(context.get(), ZMQ_DEALER);
  const auto monitor = NewSocket(context.get(), ZMQ_PAIR);
  if (dealer == nullptr || monitor == nullptr) return failed(zmq_strerror(zmq_errno()));
  if (keys) {
    if (Status set = SetKeys(*keys, dealer.get()); !set) return set;
  }
  SetInt(monitor.get(), ZMQ_RCVTIMEO, static_cast<int>(patience.count()));
  if (zmq_socket_monitor(dealer.get(), "inproc://monitor", kAccepted | kRefused) != 0 ||
      zmq_connect(monitor.get(), "inproc://monitor") != 0 ||
      zmq_connect(dealer.get(), endpoint.c_str()) != 0) {
    return failed(zmq_strerror(zmq_errno()));
  }
  uint16_t event = 0;
  char first[6] = {};  // event, value
  if (zmq_recv(monitor.get(), first, sizeof first, 0) >= static_cast<int>(sizeof event)) {
    std::memcpy(&event, first, sizeof event);
  }
  if ((event & kAccepted) != 0) return {};
  return failed(event == 0 ? "no handshake in time" : "closes the connection in the handshake");
}

}  // namespace ringside::agent
