// Hands an aggregator's batches on to a parent aggregator, over the wire that agents speak.
//
//   Intake -> Keep: on the disk (fsync) -> the aggregator's own archive -> acknowledgement
//                        |
//                        +-> own thread -> parent -> acknowledgement: gone from the disk
//
// The parent may be away for as long as the disk space that it is given lasts; then nothing is
// acknowledged here either, and the agents keep what they have.
#ifndef RINGSIDE_FORWARDER_FORWARDER_H_
#define RINGSIDE_FORWARDER_FORWARDER_H_

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "aggregator/forwarding.h"
#include "forwarder/parent_link.h"
#include "forwarder/relay_queue.h"
#include "proto/status.h"
#include "proto/unique_fd.h"

namespace ringside::forwarder {

struct ForwarderConfig {
  std::string parent;          // endpoint
  agent::UplinkKeyFiles keys;  // this aggregator's secret key, the parent's public one; or neither
  std::string directory;       // of the queue; its parent is there
  uint64_t limit_bytes = uint64_t{8} << 30;
};

class Forwarder final : public aggregator::Forwarding {
 public:
  static proto::Result<std::unique_ptr<Forwarder>> Start(const ForwarderConfig& config);
  ~Forwarder() override { Stop(); }
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  proto::Status Keep(const std::vector<std::string>& frames) override;
  void Greet(const proto::Hello& hello, uint64_t now_unix_ns) override;
  void Hear(const proto::InFlight& in_flight) override;
  aggregator::ForwardingState state() const override;

  void Stop() override;

 private:
  Forwarder(std::unique_ptr<RelayQueue> queue, std::unique_ptr<agent::Dealer> dealer);
  void Run();
  int Turn(std::vector<std::string>* notes);
  void Wake();

  mutable std::mutex mutex_;  // of queue_, greetings_, in_flight_ and state_
  std::unique_ptr<RelayQueue> queue_;
  std::vector<std::pair<proto::Hello, uint64_t>> greetings_;  // and when they came
  std::map<proto::Uuid, proto::InFlight> in_flight_;          // the newest of each agent
  aggregator::ForwardingState state_;
  ParentLink link_;       // the thread's
  proto::UniqueFd wake_;  // an eventfd
  // SYNC forwarder_stop: a flag that carries no data; relaxed.
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace ringside::forwarder

#endif  // RINGSIDE_FORWARDER_FORWARDER_H_
