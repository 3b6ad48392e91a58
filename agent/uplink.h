// The agent's end of the wire: sends what the spool holds, in order, until it is acknowledged.
//
//   greeting --Welcome--> streaming --connection lost, or no acknowledgement in time--> greeting
//
// One of the readers of the spool (uplinks.h).
// Whatever is not acknowledged is sent again after each greeting; the aggregator applies it once.
// Owner: the agent's thread. Has its own ZeroMQ context. Never blocks but in Wait.
#ifndef RINGSIDE_AGENT_UPLINK_H_
#define RINGSIDE_AGENT_UPLINK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/dealer.h"
#include "agent/spool.h"
#include "agent/uplink_keys.h"
#include "proto/inflight.h"
#include "proto/status.h"
#include "proto/wire.h"

namespace ringside::agent {

struct UplinkCounters {
  uint64_t greetings = 0;
  uint64_t inflight_sent = 0;
  uint64_t frames_sent = 0;
  uint64_t frames_resent = 0;
  uint64_t frames_acked = 0;
  uint64_t refusals = 0;
  uint64_t bad_frames = 0;  // from the aggregator's side
  uint64_t disconnects = 0;
  uint64_t refused_handshakes = 0;  // keys that do not fit, or only one side has any
};

class Uplink {
 public:
  static proto::Result<std::unique_ptr<Uplink>> Open(const std::string& endpoint,
                                                     const UplinkKeyFiles& key_files,
                                                     proto::Hello identity, Spool* spool,
                                                     unsigned reader = 0);
  ~Uplink();
  Uplink(const Uplink&) = delete;
  Uplink& operator=(const Uplink&) = delete;

  // Receives, greets, sends. Returns how much it did. Lines worth a log go to `notes`.
  int Poll(uint64_t now_monotonic_ns, uint64_t now_unix_ns, std::vector<std::string>* notes);
  // Sleeps until something arrives at one of these or on `other_fd` (-1: none), at most that long.
  static void WaitForAny(const std::vector<std::unique_ptr<Uplink>>& uplinks, int other_fd,
                         uint64_t timeout_ns);

  // What is in flight goes beside the batches, to an aggregator that takes it: sent at once or not
  // at all, for the next is newer.
  bool takes_inflight() const {
    return state_ == State::kStreaming && (features_ & proto::kTakesInFlight) != 0;
  }
  void Offer(proto::InFlight in_flight);
  // The newest answer to it, once.
  std::optional<proto::InFlightLimits> TakeLimits() { return std::exchange(limits_, std::nullopt); }

  const std::string& endpoint() const { return dealer_->endpoint(); }
  bool streaming() const { return state_ == State::kStreaming; }
  UplinkCounters counters() const;

 private:
  enum class State { kGreeting, kStreaming };

  Uplink(proto::Hello identity, Spool* spool, unsigned reader);
  void OnFrame(std::string_view bytes, uint64_t now_ns, std::vector<std::string>* notes);
  void OnWelcome(const proto::Welcome& welcome, uint64_t now_ns);
  int Greet(uint64_t now_ns, uint64_t now_unix_ns);
  int Stream(uint64_t now_ns, std::vector<std::string>* notes);
  void StartGreeting(uint64_t at_ns);

  std::unique_ptr<Dealer> dealer_;
  proto::Hello identity_;
  Spool* spool_;
  unsigned reader_;  // of the spool
  State state_ = State::kGreeting;
  uint64_t next_greeting_ns_ = 0;
  uint64_t greeting_pause_ns_ = 0;
  uint64_t last_progress_ns_ = 0;
  uint64_t next_ordinal_ = 0;     // of the next frame to send
  uint64_t highest_ordinal_ = 0;  // ever sent
  uint64_t features_ = 0;         // of the aggregator, as its last Welcome said
  std::optional<proto::InFlightLimits> limits_;
  UplinkCounters counters_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_UPLINK_H_
