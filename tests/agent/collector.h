// The least that can stand in for an aggregator: a ROUTER that keeps each batch once and
// acknowledges. Runs a thread of its own.
#ifndef RINGSIDE_TESTS_AGENT_COLLECTOR_H_
#define RINGSIDE_TESTS_AGENT_COLLECTOR_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "proto/batch.h"

namespace ringside::agent {

class Collector {
 public:
  using Key = std::tuple<proto::Uuid, uint64_t, uint64_t>;  // agent, epoch, sequence
  using Store = std::map<Key, std::string>;                 // the frames as they came

  // `endpoint` is ipc://PATH. Nothing listens there before Start: libzmq leaks a listening socket
  // that is closed just after it was bound, and who connects to that one waits for half a minute.
  explicit Collector(std::string endpoint);
  ~Collector();
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  // Like an aggregator that dies and comes back; what it has acknowledged it still has.
  void Stop();
  void Start();
  // The next `count` batches are taken neither in nor acknowledged.
  void Swallow(int count) { swallow_ = count; }
  // The next greetings are refused.
  void Refuse(std::string reason);
  // Bytes that are no frame go to the agent before each answer.
  void Babble(bool on) { babble_ = on; }
  // From its next Welcome on it says that it takes what is in flight, as wire 1.0 does not.
  void TakeInFlight() { takes_inflight_ = true; }
  // Every answer goes through this first.
  void Rewrite(std::function<std::string(const std::string& frame)> rewrite) {
    rewrite_ = std::move(rewrite);
  }
  // Messages of what is in flight, taken or not.
  int inflight() const { return inflight_; }
  // What a Welcome says is durable.
  void SayApplied(uint64_t sequence) { said_applied_ = sequence; }

  std::vector<proto::Batch> Batches() const;
  // Batches that came again with other bytes than before: a broken promise.
  int changed() const { return changed_; }
  int repeated() const { return repeated_; }
  int greetings() const { return greetings_; }
  std::vector<uint64_t> order() const;  // sequences in the order they came, repeats included

 private:
  void Serve();
  void Answer(void* socket, const std::string& peer, const std::string& bytes);
  void Send(void* socket, const std::string& peer, const std::string& bytes) const;

  std::string endpoint_;
  mutable std::mutex mutex_;
  Store store_;
  std::vector<uint64_t> order_;
  std::string refusal_;
  std::function<std::string(const std::string& frame)> rewrite_;  // set before Start
  std::atomic<int> swallow_{0};
  std::atomic<bool> babble_{false};
  std::atomic<uint64_t> said_applied_{0};
  std::atomic<bool> takes_inflight_{false};
  std::atomic<int> inflight_{0};
  std::atomic<int> changed_{0};
  std::atomic<int> repeated_{0};
  std::atomic<int> greetings_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_TESTS_AGENT_COLLECTOR_H_
