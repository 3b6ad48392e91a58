#include "aggregator/receiver.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>
#include <zmq.hpp>

#include "aggregator/endpoint.h"
#include "aggregator/log_limit.h"
#include "aggregator/zap_handler.h"
#include "proto/tick_clock.h"
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
// Between two attempts to bind an address that was given up for a moment.
constexpr int kRebindMs = 50;

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

// All of ZeroMQ that one binding needs. Destroyed, its descriptors are closed.
struct Listener {
  Listener(const std::string& endpoint, bool is_ipv6,
           const std::shared_ptr<const Keyring>& keyring) {
    if (keyring != nullptr) {
      zap = std::make_unique<ZapHandler>(&context, keyring);
      const auto& secret = keyring->secret().bytes;
      socket.set(zmq::sockopt::curve_server, true);
      socket.set(zmq::sockopt::curve_secretkey, zmq::const_buffer(secret.data(), secret.size()));
      // Were there no handler, ZeroMQ would let everybody in; Identify would still know nobody.
      socket.set(zmq::sockopt::zap_domain, "ringside");
    }
    SetOptions(&socket, is_ipv6);
    socket.bind(endpoint);
  }

  zmq::context_t context{1};
  std::unique_ptr<ZapHandler> zap;  // null: no keys
  zmq::socket_t socket{context, zmq::socket_type::router};
};

class Receiver::Impl {
 public:
  bool IsOpen() const { return listener != nullptr && listener->socket.handle() != nullptr; }
  void Open() { listener = std::make_unique<Listener>(endpoint, is_ipv6, keyring); }
  void Reopen();
  // False: nothing waits. A message of several parts, and one of a key that is unknown by now, is
  // taken whole and leaves `arrival` empty.
  bool TakeOne(Arrival* arrival);
  void Identify(zmq::message_t* frame, Arrival* arrival);

  std::unique_ptr<Listener> listener;
  std::shared_ptr<const Keyring> keyring;
  std::string endpoint;
  bool is_ipv6 = false;
  bool is_closed = false;
  LogLimit rebind_log;
  uint64_t multipart_messages = 0;
  uint64_t dropped_answers = 0;
};

// The address is free as soon as the old listener is gone, unless somebody else takes it.
void Receiver::Impl::Reopen() {
  if (is_closed) return;
  listener.reset();
  try {
    Open();
  } catch (const zmq::error_t& error) {
    uint64_t suppressed = 0;
    if (rebind_log.Allow(proto::UnixNs(), &suppressed)) {
      spdlog::error("{}; trying again", BindError(endpoint, error).message());
    }
  }
}

// By its key. A peer's own word for "User-Id" does not count: ZeroMQ's from the handshake comes
// first.
void Receiver::Impl::Identify(zmq::message_t* frame, Arrival* arrival) {
  if (keyring == nullptr) return;
  const char* const key = zmq_msg_gets(frame->handle(), "User-Id");
  const std::string* const name = key == nullptr ? nullptr : keyring->NameOf(key);
  if (name == nullptr) {
    arrival->frame_untrusted.clear();
  } else {
    arrival->peer = *name;
  }
}

bool Receiver::Impl::TakeOne(Arrival* arrival) {
  zmq::socket_t& socket = listener->socket;
  zmq::message_t part;
  if (!socket.recv(part, zmq::recv_flags::dontwait)) return false;
  arrival->route = part.to_string();
  size_t parts = 0;
  // The parts of a message arrive together: none of these waits.
  while (part.more()) {
    if (!socket.recv(part, zmq::recv_flags::dontwait)) return false;
    if (++parts == 1) {
      arrival->frame_untrusted = part.to_string();
      Identify(&part, arrival);
    }
  }
  if (parts != 1) {
    ++multipart_messages;
    arrival->frame_untrusted.clear();
  }
  return true;
}

Receiver::Receiver(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Receiver::~Receiver() = default;

proto::Result<std::unique_ptr<Receiver>> Receiver::Bind(const std::string& endpoint,
                                                        std::shared_ptr<const Keyring> keyring) {
  proto::Result<std::string> checked = CheckListenEndpoint(endpoint, keyring != nullptr);
  if (!checked.ok()) return checked.status();
  auto impl = std::make_unique<Impl>();
  impl->endpoint = *checked;
  impl->is_ipv6 = checked->find('[') != std::string::npos;
  impl->keyring = std::move(keyring);
  try {
    impl->Open();
    impl->endpoint = impl->listener->socket.get(zmq::sockopt::last_endpoint);
  } catch (const zmq::error_t& error) {
    return BindError(endpoint, error);
  }
  return std::unique_ptr<Receiver>(new Receiver(std::move(impl)));
}

void Receiver::SetKeyring(std::shared_ptr<const Keyring> keyring) {
  const bool cuts = impl_->keyring->IsCutBy(*keyring);
  impl_->keyring = std::move(keyring);
  if (cuts) {
    impl_->Reopen();
  } else if (impl_->IsOpen()) {
    impl_->listener->zap->Set(impl_->keyring);
  }
}

void Receiver::Close() {
  impl_->is_closed = true;
  if (impl_->listener != nullptr) impl_->listener->socket.close();
}

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
  if (!impl_->IsOpen()) {
    if (impl_->is_closed) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(kRebindMs));
    return impl_->Reopen();
  }
  std::array<zmq::pollitem_t, 1> items{{{impl_->listener->socket.handle(), 0, ZMQ_POLLIN, 0}}};
  try {
    zmq::poll(items.data(), items.size(), std::chrono::milliseconds(timeout_ms));
  } catch (const zmq::error_t& error) {
    if (error.num() != EINTR) throw;
  }
}

void Receiver::Send(const std::string& route, const std::string& frame) {
  if (!impl_->IsOpen()) {
    ++impl_->dropped_answers;
    return;
  }
  zmq::socket_t& socket = impl_->listener->socket;
  try {
    const auto flags = zmq::send_flags::dontwait;
    const bool sent =
        socket.send(zmq::buffer(route), flags | zmq::send_flags::sndmore).has_value() &&
        socket.send(zmq::buffer(frame), flags).has_value();
    if (!sent) ++impl_->dropped_answers;
  } catch (const zmq::error_t&) {
    ++impl_->dropped_answers;
  }
}

}  // namespace ringside::aggregator
