// Many agents in one process, over real sockets: each a ZeroMQ DEALER that sends batches as an
// agent would and waits for their acknowledgements. Frames are encoded once and patched, so that it
// costs little beside the aggregator that is measured. One thread.
#ifndef RINGSIDE_BENCH_AGENT_FLEET_H_
#define RINGSIDE_BENCH_AGENT_FLEET_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proto/status.h"

namespace ringside::bench {

struct FleetPlan {
  std::string endpoint;
  uint64_t agents = 1;
  uint64_t series = 200;   // of each agent
  uint64_t samples = 100;  // of each series and interval; lognormal, sigma 0.5
  uint64_t series_per_frame = 500;
  // Every frame has series that no other had: a cardinality bomb.
  bool new_series = false;
  // Never reads an answer; its host is called "deaf".
  bool is_deaf = false;
  uint64_t seed = 1;  // of the agents' identities
};

struct Traffic {
  double seconds = 0;
  uint64_t frames_sent = 0;
  uint64_t frames_acknowledged = 0;
  uint64_t intervals_acknowledged = 0;  // series-intervals
  uint64_t samples_sent = 0;
  std::vector<double> ack_seconds;  // from sending to the acknowledgement, of each frame

  double AckQuantile(double q);
};

class AgentFleet {
 public:
  static proto::Result<std::unique_ptr<AgentFleet>> Connect(FleetPlan plan);
  ~AgentFleet();
  AgentFleet(const AgentFleet&) = delete;
  AgentFleet& operator=(const AgentFleet&) = delete;

  // As fast as frames are acknowledged, with so many on their way for each agent.
  Traffic Flood(std::chrono::milliseconds duration, uint64_t window);
  // One interval of each agent a second, spread over the second.
  Traffic Pace(std::chrono::milliseconds duration);
  // So many frames of each agent, and until all are acknowledged.
  Traffic Send(uint64_t frames, uint64_t window, std::chrono::milliseconds at_most);

 private:
  class Impl;
  explicit AgentFleet(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside::bench

#endif  // RINGSIDE_BENCH_AGENT_FLEET_H_
