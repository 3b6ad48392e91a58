#include "tests/agent/collector.h"

#include <cstdlib>
#include <utility>

#include <zmq.h>

#include "proto/inflight.h"
#include "proto/wire.h"

namespace ringside::agent {
namespace {

bool Receive(void* socket, std::string* bytes) {
  zmq_msg_t part;
  zmq_msg_init(&part);
  const bool received = zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) >= 0;
  if (received) bytes->assign(static_cast<const char*>(zmq_msg_data(&part)), zmq_msg_size(&part));
  zmq_msg_close(&part);
  return received;
}

}  // namespace

Collector::Collector(std::string endpoint) : endpoint_(std::move(endpoint)) {}

Collector::~Collector() { Stop(); }

void Collector::Start() {
  stop_ = false;
  thread_ = std::thread([this] { Serve(); });
}

void Collector::Stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void Collector::Refuse(std::string reason) {
  const std::lock_guard lock(mutex_);
  refusal_ = std::move(reason);
}

void Collector::Serve() {
  void* const context = zmq_ctx_new();
  void* const socket = zmq_socket(context, ZMQ_ROUTER);
  const int no_linger = 0;
  zmq_setsockopt(socket, ZMQ_LINGER, &no_linger, sizeof no_linger);
  if (zmq_bind(socket, endpoint_.c_str()) != 0) std::abort();
  while (!stop_) {
    zmq_pollitem_t item = {socket, 0, ZMQ_POLLIN, 0};
    zmq_poll(&item, 1, 5);
    std::string peer;
    std::string bytes;
    while (!stop_ && Receive(socket, &peer) && Receive(socket, &bytes)) {
      Answer(socket, peer, bytes);
    }
  }
  zmq_close(socket);
  zmq_ctx_term(context);
}

void Collector::Send(void* socket, const std::string& peer, const std::string& bytes) const {
  const std::string frame = rewrite_ ? rewrite_(bytes) : bytes;
  zmq_send(socket, peer.data(), peer.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT);
  zmq_send(socket, frame.data(), frame.size(), ZMQ_DONTWAIT);
}

void Collector::Answer(void* socket, const std::string& peer, const std::string& bytes) {
  const auto frame = proto::OpenFrame(bytes);
  if (!frame) std::abort();
  proto::Uuid agent;
  std::copy(std::begin(frame->header.agent), std::end(frame->header.agent), agent.bytes.begin());
  if (babble_) Send(socket, peer, "this is no frame");
  const std::lock_guard lock(mutex_);
  if (frame->header.type == proto::MessageType::kHello) {
    ++greetings_;
    if (!refusal_.empty()) {
      Send(socket, peer, proto::EncodeRefuse(agent, {refusal_}));
      return;
    }
    const auto hello = proto::DecodeHello(*frame);
    if (!hello) std::abort();
    proto::Welcome welcome;
    welcome.epoch = hello->epoch;
    welcome.applied_sequence = said_applied_;
    welcome.software_version = "test";
    welcome.features = takes_inflight_ ? proto::kTakesInFlight : 0;
    Send(socket, peer, proto::EncodeWelcome(agent, welcome));
    return;
  }
  if (frame->header.type == proto::MessageType::kInFlight) {
    ++inflight_;
    const proto::InFlightLimits limits{frame->header.epoch, {{"stuck", 1, 2}}};
    Send(socket, peer, proto::EncodeInFlightLimits(agent, limits));
    return;
  }
  if (swallow_ > 0) {
    --swallow_;
    return;
  }
  const uint64_t epoch = frame->header.epoch;
  const uint64_t sequence = frame->header.sequence;
  order_.push_back(sequence);
  const auto [entry, is_new] = store_.try_emplace({agent, epoch, sequence}, bytes);
  if (!is_new) ++repeated_;
  if (entry->second != bytes) ++changed_;
  Send(socket, peer, proto::EncodeAck(agent, {epoch, sequence, sequence}));
}

std::vector<proto::Batch> Collector::Batches() const {
  const std::lock_guard lock(mutex_);
  std::vector<proto::Batch> batches;
  for (const auto& [key, bytes] : store_) {
    auto batch = proto::DecodeBatch(*proto::OpenFrame(bytes));
    if (!batch) std::abort();
    batches.push_back(std::move(*batch));
  }
  return batches;
}

std::vector<uint64_t> Collector::order() const {
  const std::lock_guard lock(mutex_);
  return order_;
}

}  // namespace ringside::agent
