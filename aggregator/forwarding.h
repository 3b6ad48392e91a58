// What an aggregator hands on to a parent: forwarder/ does it, the aggregator only says when.
#ifndef RINGSIDE_AGGREGATOR_FORWARDING_H_
#define RINGSIDE_AGGREGATOR_FORWARDING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "proto/inflight.h"
#include "proto/status.h"
#include "proto/wire.h"

namespace ringside::aggregator {

struct ForwardingState {
  std::string parent;  // its endpoint
  bool is_connected = false;
  uint64_t waiting_frames = 0;  // durable here, not acknowledged there
  uint64_t waiting_bytes = 0;   // on the disk, of at most limit_bytes
  uint64_t limit_bytes = 0;
  uint64_t acknowledged_frames = 0;  // since the start
};

class Forwarding {
 public:
  virtual ~Forwarding() = default;

  // The frames of batches, as their agents sent them: durable on return. Called before they count
  // here, so that none can be missing there; what a crash lets an agent send again is handed on
  // again, and the parent applies it once. Error: they may not count here either. Intake's thread.
  virtual proto::Status Keep(const std::vector<std::string>& frames) = 0;
  // An agent that has come; what it has in flight: handed on when the parent is there.
  virtual void Greet(const proto::Hello& hello, uint64_t now_unix_ns) = 0;
  virtual void Hear(const proto::InFlight& in_flight) = 0;
  // Any thread.
  virtual ForwardingState state() const = 0;
  // What waits may still go out, for two seconds at most; the rest stays on the disk. Idempotent.
  virtual void Stop() = 0;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_FORWARDING_H_
