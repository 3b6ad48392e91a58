// Who reports: every agent with its host, when it was last heard of, how far its data lags behind,
// how its clock differs, and whether it is missing. Once a second what is known of each host
// becomes series (`agent.up`, `agent.lag`, `agent.clock.offset`), so that queries and rules see it.
//
// Nothing of it is on disk: at start it is filled from the archive as far as that knows, the rest
// is unknown until the agent greets again. Memory is bounded: strangers that never sent a batch are
// forgotten first.
//
// Everything but Rows is called by the aggregator's thread, Rows by any.
#ifndef RINGSIDE_AGGREGATOR_HOST_BOARD_H_
#define RINGSIDE_AGGREGATOR_HOST_BOARD_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "aggregator/applied_set.h"
#include "aggregator/clock_offset.h"
#include "aggregator/host_clocks.h"
#include "proto/batch.h"
#include "proto/inflight.h"
#include "proto/wire.h"

namespace ringside::aggregator {

enum class HostState : uint8_t {
  kOk,
  kLate,     // heard of, but its newest interval is old; or not heard of since we started
  kMissing,  // not heard of any more
  kRefused,  // what it sent last was refused
};
const char* ToString(HostState state);

// One agent, as it stands.
struct HostRow {
  proto::Uuid agent;
  std::string host;  // empty: it was refused before it could say
  HostState state = HostState::kOk;
  bool is_heard = false;  // since this aggregator started
  uint64_t first_seen_unix_ns = 0;
  uint64_t last_seen_unix_ns = 0;
  std::optional<uint64_t> lag_ns;  // since the end of its newest interval, by our clock
  std::optional<int64_t> clock_ahead_ns;
  std::string software_version;  // empty: unknown
  std::string wire_version;
  std::optional<uint64_t> spool_bytes;
  std::optional<uint64_t> backlog_batches;  // that it said it had, and that have not come yet
  uint64_t missing_batches = 0;             // skipped: newer ones have come
  std::string refusal;                      // empty unless kRefused
};

class HostBoard {
 public:
  static constexpr uint64_t kSecondNs = 1'000'000'000;
  static constexpr uint64_t kLateNs = 10 * kSecondNs;
  static constexpr uint64_t kDefaultMissingNs = 30 * kSecondNs;
  static constexpr uint64_t kForgetStrangerNs = 600 * kSecondNs;
  static constexpr uint64_t kForgetNs = 7ull * 86'400 * kSecondNs;
  static constexpr size_t kMostAgents = 16'384;

  // Who is not heard of for `missing_ns` is missing.
  explicit HostBoard(uint64_t missing_ns = kDefaultMissingNs) : missing_ns_(missing_ns) {}

  // A batch of the archive, at start.
  void Restore(const proto::Batch& batch);
  // The same, of all batches (checkpoint.h).
  void Save(StateWriter* out) const;
  void Load(StateReader* in);
  // The archive is read. Who is known from it gets as long to come back.
  void Begin(uint64_t now_unix_ns);

  void Greet(const proto::Hello& hello, const proto::WireHeader& header, uint64_t now_unix_ns);
  void Hear(const proto::InFlight& in_flight, uint64_t now_unix_ns);
  void Take(const proto::Batch& batch, uint64_t now_unix_ns);
  void Refuse(const proto::Uuid& agent, const std::string& reason, uint64_t now_unix_ns);

  // Once a second: what the applied sets say of each agent, and forget whom to forget.
  void Look(const AppliedSets& applied, uint64_t now_unix_ns);
  // A batch for Store::ApplyOwn for each host, of what is known now.
  std::vector<proto::Batch> Observe(uint64_t now_unix_ns) const;
  HostClocks Clocks(uint64_t now_unix_ns) const;

  // By host, then agent. `left_out`: agents beyond kMostAgents.
  std::vector<HostRow> Rows(uint64_t now_unix_ns, uint64_t* left_out) const;

 private:
  struct Agent {
    std::string host;
    uint64_t first_seen_unix_ns = 0;
    uint64_t heard_unix_ns = 0;  // our clock; 0: not since we started
    uint64_t refused_unix_ns = 0;
    std::string refusal;
    uint64_t newest_end_unix_ns = 0;  // its clock
    ClockOffset clock;
    std::string software_version;
    std::string wire_version;
    std::optional<uint64_t> spool_bytes;
    uint64_t greeted_epoch = 0;
    std::optional<uint64_t> greeted_next_sequence;
    std::optional<uint64_t> backlog_batches;
    uint64_t missing_batches = 0;

    uint64_t LastSeen(uint64_t now_unix_ns) const;
  };
  // What counts of several agents of one name: that one reports, and the least lag.
  struct Host {
    bool is_up = false;
    const Agent* nearest = nullptr;
    uint64_t lag_ns = UINT64_MAX;
  };

  Agent* AgentOf(const proto::Uuid& agent, uint64_t now_unix_ns);
  void NoteBatch(const proto::Batch& batch, Agent* agent);
  std::optional<uint64_t> LagOf(const Agent& agent, uint64_t now_unix_ns) const;
  HostState StateOf(const Agent& agent, uint64_t now_unix_ns) const;
  bool IsWaitedFor(const Agent& agent, uint64_t now_unix_ns) const;
  std::map<std::string, Host> Hosts(uint64_t now_unix_ns) const;
  static HostClocks ClocksOf(const std::map<std::string, Host>& hosts);
  HostRow RowOf(const proto::Uuid& uuid, const Agent& agent, uint64_t now_unix_ns) const;

  const uint64_t missing_ns_;
  mutable std::mutex mutex_;
  std::map<proto::Uuid, Agent> agents_;
  uint64_t left_out_ = 0;
  uint64_t begun_unix_ns_ = 0;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_HOST_BOARD_H_
