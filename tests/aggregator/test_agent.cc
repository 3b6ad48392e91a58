#include "tests/aggregator/test_agent.h"

#include <array>
#include <cstring>

#include <gtest/gtest.h>
#include <zmq.hpp>

namespace ringside::aggregator {

class TestAgent::Socket {
 public:
  Socket(const std::string& endpoint, const TestAgentKeys* keys)
      : dealer(context, zmq::socket_type::dealer) {
    if (keys != nullptr) {
      const auto buffer = [](const proto::CurveKey& key) {
        return zmq::const_buffer(key.bytes.data(), key.bytes.size());
      };
      dealer.set(zmq::sockopt::curve_serverkey, buffer(keys->aggregator));
      dealer.set(zmq::sockopt::curve_publickey, buffer(keys->own.open));
      dealer.set(zmq::sockopt::curve_secretkey, buffer(keys->own.secret));
    }
    dealer.set(zmq::sockopt::linger, 0);
    dealer.set(zmq::sockopt::reconnect_ivl, 5);
    dealer.connect(endpoint);
  }

  zmq::context_t context{1};
  zmq::socket_t dealer;
};

TestAgent::TestAgent(const std::string& endpoint, const TestAgentKeys* keys)
    : socket_(std::make_unique<Socket>(endpoint, keys)) {}
TestAgent::~TestAgent() = default;

bool TestAgent::Send(const std::string& frame) {
  return socket_->dealer.send(zmq::buffer(frame), zmq::send_flags::dontwait).has_value();
}

bool TestAgent::SendParts(const std::vector<std::string>& parts) {
  bool sent = true;
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto more = i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
    sent &= socket_->dealer.send(zmq::buffer(parts[i]), more).has_value();
  }
  return sent;
}

bool TestAgent::SendHello(const proto::Uuid& agent, uint64_t epoch, const std::string& host) {
  proto::Hello hello;
  hello.agent = agent;
  hello.epoch = epoch;
  hello.next_sequence = 1;
  hello.host = host;
  return Send(proto::EncodeHello(hello));
}

bool TestAgent::Receive(int timeout_ms) {
  std::array<zmq::pollitem_t, 1> items{{{socket_->dealer.handle(), 0, ZMQ_POLLIN, 0}}};
  zmq::poll(items.data(), items.size(), std::chrono::milliseconds(timeout_ms));
  bool any = false;
  zmq::message_t message;
  while (socket_->dealer.recv(message, zmq::recv_flags::dontwait)) {
    Handle(message.to_string());
    any = true;
  }
  return any;
}

void TestAgent::Handle(const std::string& frame_bytes) {
  const auto frame = proto::OpenFrame(frame_bytes);
  ASSERT_TRUE(frame.ok()) << frame.message();
  if (frame->header.type == proto::MessageType::kAck) {
    const auto ack = proto::DecodeAck(*frame);
    ASSERT_TRUE(ack.ok()) << ack.message();
    ++ack_frames_;
    proto::Uuid agent;
    std::memcpy(agent.bytes.data(), frame->header.agent, agent.bytes.size());
    AppliedSets::Entry entry;
    entry.set.AddRange(ack->first_sequence, ack->last_sequence);
    acked_.Restore({agent, ack->epoch}, entry);
  } else if (frame->header.type == proto::MessageType::kWelcome) {
    const auto welcome = proto::DecodeWelcome(*frame);
    ASSERT_TRUE(welcome.ok()) << welcome.message();
    welcome_ = *welcome;
  } else {
    const auto refuse = proto::DecodeRefuse(*frame);
    ASSERT_TRUE(refuse.ok()) << refuse.message();
    refusals_.push_back(refuse->reason);
  }
}

}  // namespace ringside::aggregator
