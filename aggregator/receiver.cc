#include "aggregator/receiver.h"

#include <array>
#include <cerrno>
#include <utility>

#include <zmq.hpp>

#include "aggregator/endpoint.h"
#include "proto/wire_format.h"

namespace ringside::aggregator {
namespace {

// Frames held per connection. What comes: few, or a thousand agents that return at once would fill
// the memory; the rest waits in their sockets. Answers are small.
constexpr int kReceiveHighWaterMark = 2;
constexpr int kHighWaterMark = 64;
constexpr int kHeartbeatMs = 2000;
constexpr int kHeartbeatTimeoutMs = 6000;
constexpr int kLingerMs = 200;
constexpr int kHandshakeMs = 5000;

void SetOptions(zmq::socket_t* socket, bool is_ipv6) {
  socket->set(zmq::sockopt::maxmsgsize, static_cast<int64_t>(proto::kMaxFrameBytes));
  socket->set(zmq::sockopt::rcvhwm, kReceiveHighWaterMark);
  socket->set(zmq::sockopt::sndhwm, kHighWaterMark);
  socket->set(zmq::sockopt::linger, kLingerMs);
  socket->set(zmq::sockopt::heartbeat_ivl, kHeartbeatMs);
  socket->set(zmq::sockopt::heartbeat_timeout, kHeartbeatTimeoutMs);
  socket->set(zmq::sockopt::handshake_ivl, kHandshakeMs);
  socket->set(zmq::sockopt::ipv6, is_ipv6);
}

proto::Status BindError(const std::string& endpoint, const zmq::error_t& error) {
  if (error.num() == EADDRINUSE) {
    return proto::Status::Error(
        "--listen " + endpoint +
        ": is in use (stop who listens there, or name another with --listen)");
  }
  return proto::Status::Error("--listen " + endpoint + ": " + error.what() +
                              " (name another with --listen)");
}

}  // namespace

class Receiver::Impl {
 public:
  Impl() : socket(context, zmq::socket_type::router) {}

  bool IsOpen() const { return socket.handle() != nullptr; }
  // False: nothing waits. A message of several parts is taken whole and leaves `arrival` empty.
  bool TakeOne(Arrival* arrival);

  zmq::context_t context{1};
  zmq::socket_t socket;
  std::string endpoint;
  uint64_t multipart_messages = 0;
  uint64_t dropped_answers = 0;
};

bool Receiver::Impl::TakeOne(Arrival* arrival) {
  zmq::message_t part;
  if (!socket.recv(part, zmq::recv_flags::dontwait)) return false;
  arrival->route = part.to_string();
  size_t parts = 0;
  // The parts of a message arrive together: none of these waits.
  while (part.more()) {
    if (!socket.recv(part, zmq::recv_flags::dontwait)) return false;
    if (++parts == 1) arrival->frame_untrusted = part.to_string();
  }
  if (parts != 1) {
    ++multipart_messages;
    arrival->frame_untrusted.clear();
  }
  return true;
}

Receiver::Receiver(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Receiver::~Receiver() = default;

proto::Result<std::unique_ptr<Receiver>> Receiver::Bind(const std::string& endpoint) {
  proto::Result<std::string> checked = CheckListenEndpoint(endpoint);
  if (!checked.ok()) return checked.status();
  auto impl = std::make_unique<Impl>();
  try {
    SetOptions(&impl->socket, checked->find('[') != std::string::npos);
    impl->socket.bind(*checked);
    impl->endpoint = impl->socket.get(zmq::sockopt::last_endpoint);
  } catch (const zmq::error_t& error) {
    return BindError(endpoint, error);
  }
  return std::unique_ptr<Receiver>(new Receiver(std::move(impl)));
}

void Receiver::Close() { impl_->socket.close(); }

const std::string& Receiver::endpoint() const { return impl_->endpoint; }
uint64_t Receiver::multipart_messages() const { return impl_->multipart_messages; }
uint64_t Receiver::dropped_answers() const { return impl_->dropped_answers; }

std::vector<Arrival> Receiver::Take(size_t max_frames, size_t max_bytes) {
  std::vector<Arrival> arrivals;
  if (!impl_->IsOpen()) return arrivals;
  size_t bytes = 0;
  try {
    for (size_t frames = 0; frames < max_frames && bytes < max_bytes; ++frames) {
      Arrival arrival;
      if (!impl_->TakeOne(&arrival)) break;
      if (arrival.frame_untrusted.empty()) continue;
      bytes += arrival.frame_untrusted.size();
      arrivals.push_back(std::move(arrival));
    }
  } catch (const zmq::error_t& error) {
    // A signal: what was taken so far is complete, the rest waits for the next turn.
    if (error.num() != EINTR) throw;
  }
  return arrivals;
}

void Receiver::Wait(int timeout_ms) {
  if (!impl_->IsOpen()) return;
  std::array<zmq::pollitem_t, 1> items{{{impl_->socket.handle(), 0, ZMQ_POLLIN, 0}}};
  try {
    zmq::poll(items.data(), items.size(), std::chrono::milliseconds(timeout_ms));
  } catch (const zmq::error_t& error) {
    if (error.num() != EINTR) throw;
  }
}

void Receiver::Send(const std::string& route, const std::string& frame) {
  try {
    const auto flags = zmq::send_flags::dontwait;
    const bool sent =
        impl_->socket.send(zmq::buffer(route), flags | zmq::send_flags::sndmore).has_value() &&
        impl_->socket.send(zmq::buffer(frame), flags).has_value();
    if (!sent) ++impl_->dropped_answers;
  } catch (const zmq::error_t&) {
    ++impl_->dropped_answers;
  }
}

}  // namespace ringside::aggregator
