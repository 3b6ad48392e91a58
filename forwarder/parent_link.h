// The connection to the parent: says who the agents are, sends what the queue holds, takes the
// acknowledgements. As an agent does, but for all agents: each batch keeps its agent, epoch and
// sequence, so the parent applies it once, by whatever way it comes.
//
//   connected: greetings of all agents, then frames of the queue in order, some under way at a time
//   connection lost, or no acknowledgement in time: everything again
//   an agent's frames refused: they wait for a minute, the others' go on
//
// One thread but for the queue, whose lock the caller holds.
#ifndef RINGSIDE_FORWARDER_PARENT_LINK_H_
#define RINGSIDE_FORWARDER_PARENT_LINK_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/dealer.h"
#include "forwarder/relay_queue.h"
#include "proto/inflight.h"
#include "proto/wire.h"

namespace ringside::forwarder {

class ParentLink {
 public:
  // Agents whose greetings are remembered, at most; the batches of others go without.
  static constexpr size_t kMostAgents = 16384;

  ParentLink(std::unique_ptr<agent::Dealer> dealer, RelayQueue* queue)
      : dealer_(std::move(dealer)), queue_(queue) {}

  // An agent came. Goes out now, and with every new connection as if it were sent anew, while the
  // agent is heard of: of those that are gone the parent must not believe that they are there.
  void Greet(const proto::Hello& hello, uint64_t received_unix_ns);
  // Sent at once or not at all, for the next is newer.
  void Hear(const proto::InFlight& in_flight, uint64_t now_monotonic_ns);
  // Returns how much it did. Lines worth a log go to `notes`.
  int Poll(uint64_t now_monotonic_ns, uint64_t now_unix_ns, std::vector<std::string>* notes);

  const agent::Dealer& dealer() const { return *dealer_; }
  uint64_t acknowledged() const { return acknowledged_; }

 private:
  struct Greeting {
    proto::Hello hello;
    int64_t ahead_ns;   // of the agent's clock when it came, its time under way taken off
    uint64_t heard_ns;  // when it was last heard of
    bool is_sent;
  };

  void Restart(uint64_t now_ns);
  void OnFrame(std::string_view frame_untrusted, uint64_t now_ns, std::vector<std::string>* notes);
  // False: the rest must wait.
  bool SendGreetings(uint64_t now_unix_ns, int* count);
  int SendFrames(std::vector<std::string>* notes);

  const std::unique_ptr<agent::Dealer> dealer_;
  RelayQueue* const queue_;
  std::map<proto::Uuid, Greeting> greetings_;
  bool are_greetings_sent_ = true;
  uint64_t retry_ns_ = 0;  // 0: nothing is refused
  uint64_t last_progress_ns_ = 0;
  uint64_t acknowledged_ = 0;
};

}  // namespace ringside::forwarder

#endif  // RINGSIDE_FORWARDER_PARENT_LINK_H_
