// From frames to durable, acknowledged, merged batches: the aggregator's half of "exactly once".
//
//   take all frames that wait (bounded) -> check -> (hand on to a parent) -> archive, one fsync
//   for all -> acknowledge -> merge
//
// While the disk makes one group durable, the one before is merged and the next one is gathered.
//
// A batch that was applied before is acknowledged again and nothing else. When the archive cannot
// be written nothing is acknowledged: what is at hand is kept and tried again, and no more is taken
// until that succeeds; agents keep what they have in their spools.
// One thread. Every frame is untrusted; one connection's nonsense concerns no other.
#ifndef RINGSIDE_AGGREGATOR_INTAKE_H_
#define RINGSIDE_AGGREGATOR_INTAKE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "aggregator/agent_bindings.h"
#include "aggregator/applied_set.h"
#include "aggregator/archive_writer.h"
#include "aggregator/forwarding.h"
#include "aggregator/intake_group.h"
#include "aggregator/log_limit.h"
#include "aggregator/receiver.h"
#include "aggregator/refused_agents.h"
#include "aggregator/sync_thread.h"
#include "proto/batch.h"
#include "proto/inflight.h"
#include "proto/status.h"
#include "proto/wire.h"

namespace ringside::aggregator {

struct IntakeCounters {
  uint64_t batches = 0;     // applied
  uint64_t duplicates = 0;  // acknowledged again
  uint64_t hellos = 0;
  uint64_t inflight = 0;
  uint64_t refused = 0;     // answered with a reason
  uint64_t bad_frames = 0;  // not ours, damaged: dropped without an answer
  uint64_t failed_commits = 0;
};

// Of memory.
struct IntakeLimits {
  size_t group_bytes = size_t{8} << 20;  // frames of both groups at hand
  size_t key_bytes = size_t{8} << 20;    // series' keys that are kept, shared by all batches
  size_t batch_bytes = proto::kMaxDecodedBytes;
};

class HostBoard;

class Intake {
 public:
  static constexpr size_t kGroupFrames = 64;
  static constexpr uint64_t kRetryNs = 1000000000ull;
  // How often a full table of agents is looked through while nothing in it can go.
  static constexpr uint64_t kLookForRoomNs = 60 * 1000000000ull;
  // How often a failure that lasts is said again.
  static constexpr uint64_t kSayNs = 60 * 1000000000ull;

  // Called for each batch once it is durable and acknowledged.
  using Merge = std::function<void(const proto::Batch&)>;

  // Called for what agents say is in flight; the answer goes back.
  using TakeInFlight = std::function<proto::InFlightLimits(proto::InFlight, uint64_t now_unix_ns)>;

  // `hosts` is told of all that comes; `bindings` says whose key may speak for which agent; null:
  // without keys nobody is asked.
  Intake(Receiver* receiver, ArchiveWriter* archive, AppliedSets applied, HostBoard* hosts,
         Merge merge, TakeInFlight take_inflight, AgentBindings* bindings = nullptr,
         const IntakeLimits& limits = {});

  // Agents of another version are noted there from now on.
  void NoteRefusals(RefusedAgents* refused) { refused_ = refused; }

  // From now on batches are handed on before they count here.
  void Forward(Forwarding* forwarding) { forwarding_ = forwarding; }

  // One turn; waits for the disk only. 0: there was nothing to do, or it may not be done yet.
  int DoWork(uint64_t now_unix_ns);
  // Until nothing is on its way to the disk.
  void Drain(uint64_t now_unix_ns);

  const IntakeCounters& counters() const { return counters_; }
  // As of the last turn. Any thread.
  IntakeCounters published_counters() const;
  const AppliedSets& applied() const { return applied_; }
  // Not ok while the archive cannot be written. Any thread.
  proto::Status status() const;

 private:
  // Sequences to acknowledge, by connection and epoch.
  using Acks = std::map<std::pair<std::string, AppliedSets::Key>, AppliedSet>;

  void Handle(const Arrival& arrival);
  void HandleBadFrame(const Arrival& arrival, const std::string& why);
  // False: its key may not speak for this agent, and it was told so.
  bool Admit(const Arrival& arrival, const proto::Uuid& agent, const std::string& host);
  // Not ok: its sequence cannot be remembered, so it may not be taken.
  proto::Status RoomFor(const proto::BatchId& id);
  void LetGoIdlest();
  void AddToGroup(const Arrival& arrival, proto::Batch batch);
  void HandleHello(const Arrival& arrival, const proto::FrameView& frame);
  void HandleInFlight(const Arrival& arrival, const proto::FrameView& frame);
  void HandleBatch(const Arrival& arrival, const proto::FrameView& frame);
  void Refuse(const Arrival& arrival, const proto::Uuid& agent, const std::string& reason);
  // The same, without a word to the hosts' board.
  void TurnAway(const Arrival& arrival, const proto::Uuid& agent, const std::string& reason);
  // How many frames it took.
  int Gather();
  // Of the group that commits. False: it could not be done, and the group is kept.
  bool BeginCommit();
  bool FinishCommit();
  bool CommitAgain();
  proto::Status HandOn();
  ArchiveWriter::Batches Committing() const;
  // It is durable: acknowledges it.
  IntakeGroup TakeDurable();
  void MergeGroup(const IntakeGroup& durable);
  void NoteCommit(const proto::Status& committed);
  void Acknowledge(const std::string& route, const proto::BatchId& id);
  void SendAcks();

  Receiver* const receiver_;
  ArchiveWriter* const archive_;
  HostBoard* const hosts_;
  const Merge merge_;
  const TakeInFlight take_inflight_;
  AgentBindings* const bindings_;
  const IntakeLimits limits_;
  proto::SeriesKeyTable keys_;
  RefusedAgents* refused_ = nullptr;
  Forwarding* forwarding_ = nullptr;  // null: there is no parent
  AppliedSets applied_;
  IntakeGroup gathered_;
  IntakeGroup committing_;   // being made durable, or waiting for another attempt
  bool is_syncing_ = false;  // the former
  Acks acks_;
  IntakeCounters counters_;
  uint64_t now_unix_ns_ = 0;  // of the turn at hand
  uint64_t retry_unix_ns_ = 0;
  uint64_t say_unix_ns_ = 0;
  uint64_t look_for_room_unix_ns_ = 0;
  LogLimit bad_frame_log_;
  LogLimit refuse_log_;
  mutable std::mutex status_mutex_;  // of the two below
  proto::Status status_;
  IntakeCounters published_;
  SyncThread sync_;  // last: what it works on outlives it
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_INTAKE_H_
