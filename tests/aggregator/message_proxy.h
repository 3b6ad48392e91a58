// A proxy at ZeroMQ's level: takes whole frames from agents and sends them on duplicated, out of
// order, again much later, or not at all. What an agent does not see acknowledged it sends again.
#ifndef RINGSIDE_TESTS_AGGREGATOR_MESSAGE_PROXY_H_
#define RINGSIDE_TESTS_AGGREGATOR_MESSAGE_PROXY_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <zmq.hpp>

namespace ringside::aggregator {

class MessageProxy {
 public:
  // Agents connect to `listen`; each gets a connection of its own to `target`.
  MessageProxy(const std::string& listen, std::string target, uint64_t seed);
  ~MessageProxy();
  MessageProxy(const MessageProxy&) = delete;
  MessageProxy& operator=(const MessageProxy&) = delete;

  uint64_t duplicated() const { return duplicated_; }
  uint64_t reordered() const { return reordered_; }
  uint64_t replayed() const { return replayed_; }
  uint64_t dropped() const { return dropped_; }
  // From now on everything passes, once and in order.
  void Behave() { behaves_ = true; }

 private:
  struct Agent {
    zmq::socket_t dealer;
    std::vector<std::string> held;  // out of order: sent after those that come later
    std::vector<std::string> seen;  // batches, to be sent once more some time
  };

  void Run();
  void FromAgent();
  void FromAggregator(const std::string& route, Agent* agent);
  void SendOn(Agent* agent, std::string frame);
  static void Send(Agent* agent, const std::string& frame);
  bool Chance(int percent) {
    return !behaves_ && std::uniform_int_distribution<int>(0, 99)(random_) < percent;
  }

  const std::string target_;
  std::mt19937_64 random_;
  zmq::context_t context_{1};
  zmq::socket_t router_;
  std::map<std::string, Agent> agents_;  // by route
  std::atomic<uint64_t> duplicated_{0};
  std::atomic<uint64_t> reordered_{0};
  std::atomic<uint64_t> replayed_{0};
  std::atomic<uint64_t> dropped_{0};
  std::atomic<bool> behaves_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_TESTS_AGGREGATOR_MESSAGE_PROXY_H_
