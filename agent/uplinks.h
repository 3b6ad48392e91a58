// The agent's connections: one per aggregator, each of which gets everything and acknowledges for
// itself. The spool keeps what one of them still lacks.
//
// Owner: the agent's thread. Never blocks but in Wait.
#ifndef RINGSIDE_AGENT_UPLINKS_H_
#define RINGSIDE_AGENT_UPLINKS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/spool.h"
#include "agent/uplink.h"
#include "proto/inflight.h"
#include "proto/status.h"
#include "proto/wire.h"

namespace ringside::agent {

// How it is with one of the aggregators.
struct UplinkState {
  std::string endpoint;
  bool is_streaming = false;
  uint64_t unacknowledged = 0;  // frames
  uint64_t given_up = 0;        // frames that it will not get: Spool::GiveUp
};

class Uplinks {
 public:
  // `endpoints`: as SplitEndpoints reads it, at least one.
  static proto::Result<std::unique_ptr<Uplinks>> Open(const std::string& endpoints,
                                                      const UplinkKeyFiles& key_files,
                                                      const proto::Hello& identity, Spool* spool);

  int Poll(uint64_t now_monotonic_ns, uint64_t now_unix_ns, std::vector<std::string>* notes);
  // Sleeps until something arrives here or on `other_fd` (-1: none), at most that long.
  void Wait(int other_fd, uint64_t timeout_ns) {
    Uplink::WaitForAny(uplinks_, other_fd, timeout_ns);
  }

  // As Uplink's: it goes to all that take it. Limits come from any.
  bool takes_inflight() const;
  void Offer(const proto::InFlight& in_flight);
  std::optional<proto::InFlightLimits> TakeLimits();

  // Of all together.
  UplinkCounters counters() const;
  std::vector<UplinkState> states() const;

 private:
  explicit Uplinks(Spool* spool) : spool_(spool) {}

  Spool* spool_;
  std::vector<std::unique_ptr<Uplink>> uplinks_;
};

// "tcp://127.0.0.1:7750, ipc:///run/ringside.sock": the parts between commas, without spaces.
std::vector<std::string> SplitEndpoints(std::string_view text);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_UPLINKS_H_
