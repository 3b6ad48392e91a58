#include "aggregator/zap_handler.h"

#include <array>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>
#include <zmq.hpp>

#include "aggregator/log_limit.h"
#include "proto/tick_clock.h"

namespace ringside::aggregator {
namespace {

constexpr const char* kZapEndpoint = "inproc://zeromq.zap.01";
constexpr const char* kStopEndpoint = "inproc://ringside.zap.stop";
constexpr const char* kVersion = "1.0";
// "Temporary": ZeroMQ then closes without an answer, and an honest agent tries again later.
constexpr const char* kRefused = "300";
constexpr const char* kAccepted = "200";

// The parts of a request, in order.
enum Part : size_t { kVersionPart, kRequestId, kDomain, kAddress, kRoutingId, kMechanism, kKey };

using Parts = std::vector<std::string>;

Parts ReceiveAll(zmq::socket_t* socket) {
  Parts parts;
  zmq::message_t part;
  do {
    if (!socket->recv(part)) break;
    parts.push_back(part.to_string());
  } while (part.more());
  return parts;
}

}  // namespace

class ZapHandler::Impl {
 public:
  Impl(zmq::context_t* context, std::shared_ptr<const Keyring> keyring)
      : keyring_(std::move(keyring)),
        requests_(*context, zmq::socket_type::rep),
        stopped_(*context, zmq::socket_type::pair),
        stop_(*context, zmq::socket_type::pair) {
    requests_.set(zmq::sockopt::linger, 0);
    requests_.bind(kZapEndpoint);
    stopped_.bind(kStopEndpoint);
    stop_.connect(kStopEndpoint);
    thread_ = std::thread([this] { Run(); });
  }
  ~Impl() {
    stop_.send(zmq::message_t(), zmq::send_flags::dontwait);
    thread_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void Set(std::shared_ptr<const Keyring> keyring) {
    const std::lock_guard lock(mutex_);
    keyring_ = std::move(keyring);
  }

 private:
  void Run() {
    std::array<zmq::pollitem_t, 2> items{
        {{requests_.handle(), 0, ZMQ_POLLIN, 0}, {stopped_.handle(), 0, ZMQ_POLLIN, 0}}};
    while (true) {
      try {
        zmq::poll(items.data(), items.size(), std::chrono::milliseconds(-1));
        if ((items[1].revents & ZMQ_POLLIN) != 0) return;
        if ((items[0].revents & ZMQ_POLLIN) != 0) Answer(ReceiveAll(&requests_));
      } catch (const zmq::error_t& error) {
        if (error.num() != EINTR) return;
      }
    }
  }

  void Answer(const Parts& request) {
    std::string user;
    const bool known = IsKnown(request, &user);
    const std::string id = request.size() > kRequestId ? request[kRequestId] : "";
    const Parts answer = {kVersion, id, known ? kAccepted : kRefused, "", user, ""};
    for (size_t i = 0; i < answer.size(); ++i) {
      requests_.send(zmq::buffer(answer[i]),
                     i + 1 < answer.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  }

  bool IsKnown(const Parts& request, std::string* user) {
    proto::CurveKey key;
    if (request.size() != kKey + 1 || request[kVersionPart] != kVersion ||
        request[kMechanism] != "CURVE" || request[kKey].size() != key.bytes.size()) {
      return false;
    }
    std::memcpy(key.bytes.data(), request[kKey].data(), key.bytes.size());
    const std::string hex = proto::ToHex(key);
    {
      const std::lock_guard lock(mutex_);
      if (keyring_->NameOf(hex) != nullptr) {
        *user = hex;
        return true;
      }
    }
    uint64_t suppressed = 0;
    if (log_.Allow(proto::UnixNs(), &suppressed)) {
      spdlog::warn(
          "closed a connection from {}: its key {} is not in the allow-list ({} more "
          "since the last such line)",
          request[kAddress], hex, suppressed);
    }
    return false;
  }

  std::mutex mutex_;
  std::shared_ptr<const Keyring> keyring_;  // guarded
  LogLimit log_;
  zmq::socket_t requests_;  // the thread's, once it runs
  zmq::socket_t stopped_;   // likewise
  zmq::socket_t stop_;
  std::thread thread_;
};

ZapHandler::ZapHandler(zmq::context_t* context, std::shared_ptr<const Keyring> keyring)
    : impl_(std::make_unique<Impl>(context, std::move(keyring))) {}
ZapHandler::~ZapHandler() = default;

void ZapHandler::Set(std::shared_ptr<const Keyring> keyring) { impl_->Set(std::move(keyring)); }

}  // namespace ringside::aggregator
