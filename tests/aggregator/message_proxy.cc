#include "tests/aggregator/message_proxy.h"

#include <utility>

#include "proto/wire.h"

namespace ringside::aggregator {

MessageProxy::MessageProxy(const std::string& listen, std::string target, uint64_t seed)
    : target_(std::move(target)), random_(seed), router_(context_, zmq::socket_type::router) {
  router_.set(zmq::sockopt::linger, 0);
  router_.bind(listen);
  thread_ = std::thread([this] { Run(); });
}

MessageProxy::~MessageProxy() {
  stop_ = true;
  thread_.join();
}

void MessageProxy::Send(Agent* agent, const std::string& frame) {
  // A connection that takes no more loses it, as a network would.
  static_cast<void>(agent->dealer.send(zmq::buffer(frame), zmq::send_flags::dontwait));
}

void MessageProxy::SendOn(Agent* agent, std::string frame) {
  const auto opened = proto::OpenFrame(frame);
  const bool is_batch = opened.ok() && opened->header.type == proto::MessageType::kBatch;
  if (!is_batch) return Send(agent, frame);
  if (Chance(10)) {
    ++dropped_;
    return;
  }
  if (Chance(20)) {
    ++reordered_;
    agent->held.push_back(std::move(frame));
    return;
  }
  Send(agent, frame);
  if (Chance(20)) {
    ++duplicated_;
    Send(agent, frame);
  }
  if (Chance(10) && !agent->seen.empty()) {
    ++replayed_;
    Send(agent, agent->seen[random_() % agent->seen.size()]);
  }
  agent->seen.push_back(std::move(frame));
  if (agent->held.size() > 3 || behaves_) {
    for (auto held = agent->held.rbegin(); held != agent->held.rend(); ++held) Send(agent, *held);
    agent->held.clear();
  }
}

void MessageProxy::FromAgent() {
  zmq::message_t route;
  zmq::message_t frame;
  while (router_.recv(route, zmq::recv_flags::dontwait)) {
    static_cast<void>(router_.recv(frame));
    auto [found, is_new] = agents_.try_emplace(route.to_string());
    if (is_new) {
      found->second.dealer = zmq::socket_t(context_, zmq::socket_type::dealer);
      found->second.dealer.set(zmq::sockopt::linger, 0);
      found->second.dealer.set(zmq::sockopt::reconnect_ivl, 5);
      found->second.dealer.set(zmq::sockopt::handshake_ivl, 300);
      found->second.dealer.connect(target_);
    }
    SendOn(&found->second, frame.to_string());
  }
}

void MessageProxy::FromAggregator(const std::string& route, Agent* agent) {
  zmq::message_t answer;
  while (agent->dealer.recv(answer, zmq::recv_flags::dontwait)) {
    if (Chance(20)) {
      ++dropped_;
      continue;
    }
    static_cast<void>(router_.send(zmq::buffer(route), zmq::send_flags::sndmore));
    static_cast<void>(router_.send(answer, zmq::send_flags::dontwait));
  }
}

void MessageProxy::Run() {
  while (!stop_) {
    std::vector<zmq::pollitem_t> items = {{router_.handle(), 0, ZMQ_POLLIN, 0}};
    for (auto& [route, agent] : agents_) items.push_back({agent.dealer.handle(), 0, ZMQ_POLLIN, 0});
    zmq::poll(items.data(), items.size(), std::chrono::milliseconds(5));
    FromAgent();
    for (auto& [route, agent] : agents_) FromAggregator(route, &agent);
  }
}

}  // namespace ringside::aggregator
