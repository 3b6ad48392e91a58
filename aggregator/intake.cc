#include "aggregator/intake.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <spdlog/spdlog.h>

#include "aggregator/clean_text.h"
#include "aggregator/host_board.h"
#include "proto/fail_point.h"
#include "proto/version.h"

namespace ringside::aggregator {
namespace {

proto::Uuid AgentOf(const proto::WireHeader& header) {
  proto::Uuid agent;
  std::memcpy(agent.bytes.data(), header.agent, sizeof header.agent);
  return agent;
}

// Ours by its first word, but of another major version: the one failure that the other side can be
// told of. Nothing but magic and version is known of such a frame; the agent's name is a guess.
bool IsOtherVersion(std::string_view frame_untrusted, proto::Uuid* agent, std::string* version) {
  proto::WireHeader header{};
  if (frame_untrusted.size() < offsetof(proto::WireHeader, type)) return false;
  std::memcpy(&header, frame_untrusted.data(), std::min(frame_untrusted.size(), sizeof header));
  *agent = AgentOf(header);
  *version = std::to_string(header.major_version) + "." + std::to_string(header.minor_version);
  return header.magic == proto::kWireMagic && header.major_version != proto::kWireMajor;
}

// For the log: whose connection it came by; the agent's UUID is what the sender says it is.
std::string KeyOf(const Arrival& arrival) {
  return arrival.peer.empty() ? std::string() : " by key " + arrival.peer;
}

std::string Named(const proto::BatchId& id) {
  return "batch " + std::to_string(id.sequence) + " of agent " + proto::ToString(id.agent);
}

}  // namespace

Intake::Intake(Receiver* receiver, ArchiveWriter* archive, AppliedSets applied, HostBoard* hosts,
               Merge merge, TakeInFlight take_inflight, AgentBindings* bindings,
               const IntakeLimits& limits)
    : receiver_(receiver),
      archive_(archive),
      hosts_(hosts),
      merge_(std::move(merge)),
      take_inflight_(std::move(take_inflight)),
      bindings_(bindings),
      limits_(limits),
      keys_(limits.key_bytes, [](proto::SeriesKey* key) { CleanKey(key); }),
      applied_(std::move(applied)) {}

proto::Status Intake::status() const {
  const std::lock_guard lock(status_mutex_);
  return status_;
}

IntakeCounters Intake::published_counters() const {
  const std::lock_guard lock(status_mutex_);
  return published_;
}

int Intake::DoWork(uint64_t now_unix_ns) {
  now_unix_ns_ = now_unix_ns;
  const bool has_failed = !committing_.empty() && !is_syncing_;
  if (has_failed && (now_unix_ns < retry_unix_ns_ || !CommitAgain())) return 0;
  // Whoever can be acknowledged now does not wait until the next ones are decoded.
  if (is_syncing_ && sync_.IsDone() && !FinishCommit()) return 0;
  IntakeGroup durable;
  if (!is_syncing_) durable = TakeDurable();
  int done = gathered_.empty() ? Gather() : 0;
  if (is_syncing_) {
    if (!FinishCommit()) return 0;
    durable = TakeDurable();
  }
  if (!durable.empty()) ++done;
  if (!gathered_.empty()) {
    committing_ = std::exchange(gathered_, {});
    if (BeginCommit()) ++done;
  }
  MergeGroup(durable);
  const std::lock_guard lock(status_mutex_);
  published_ = counters_;
  return done;
}

void Intake::Drain(uint64_t now_unix_ns) {
  now_unix_ns_ = now_unix_ns;
  if (is_syncing_ && FinishCommit()) MergeGroup(TakeDurable());
}

int Intake::Gather() {
  gathered_.taken_unix_ns = now_unix_ns_;
  gathered_.arrivals = receiver_->Take(kGroupFrames, limits_.group_bytes / 2);
  for (const Arrival& arrival : gathered_.arrivals) Handle(arrival);
  SendAcks();
  return static_cast<int>(gathered_.arrivals.size());
}

void Intake::Handle(const Arrival& arrival) {
  const proto::Result<proto::FrameView> frame = proto::OpenFrame(arrival.frame_untrusted);
  if (!frame.ok()) return HandleBadFrame(arrival, frame.message());
  switch (frame->header.type) {
    case proto::MessageType::kHello:
      return HandleHello(arrival, *frame);
    case proto::MessageType::kBatch:
      return HandleBatch(arrival, *frame);
    case proto::MessageType::kInFlight:
      return HandleInFlight(arrival, *frame);
    default:
      return HandleBadFrame(arrival, "a type that agents do not send");
  }
}

void Intake::HandleBadFrame(const Arrival& arrival, const std::string& why) {
  proto::Uuid agent;
  std::string version;
  if (IsOtherVersion(arrival.frame_untrusted, &agent, &version)) {
    if (refused_ != nullptr) refused_->Note(agent, version, now_unix_ns_);
    return Refuse(arrival, agent,
                  why + " (aggregator " + proto::kVersion + "): bring both to one version");
  }
  ++counters_.bad_frames;
  uint64_t suppressed = 0;
  if (bad_frame_log_.Allow(now_unix_ns_, &suppressed)) {
    spdlog::warn("dropped a frame of {} bytes{}: {} ({} more since the last such line)",
                 arrival.frame_untrusted.size(), KeyOf(arrival), why, suppressed);
  }
}

void Intake::Refuse(const Arrival& arrival, const proto::Uuid& agent, const std::string& reason) {
  hosts_->Refuse(agent, reason, now_unix_ns_);
  TurnAway(arrival, agent, reason);
}

void Intake::TurnAway(const Arrival& arrival, const proto::Uuid& agent, const std::string& reason) {
  ++counters_.refused;
  uint64_t suppressed = 0;
  if (refuse_log_.Allow(now_unix_ns_, &suppressed)) {
    spdlog::warn("refused agent {}{}: {} ({} more since the last such line)",
                 proto::ToString(agent), KeyOf(arrival), reason, suppressed);
  }
  receiver_->Send(arrival.route, proto::EncodeRefuse(agent, {reason}));
}

bool Intake::Admit(const Arrival& arrival, const proto::Uuid& agent, const std::string& host) {
  if (bindings_ == nullptr) return true;
  const proto::Status admitted = bindings_->Admit(arrival.peer, agent, host);
  // Not the agent's own doing: what is known of it stays as it is.
  if (!admitted.ok()) TurnAway(arrival, agent, admitted.message());
  return admitted.ok();
}

void Intake::HandleHello(const Arrival& arrival, const proto::FrameView& frame) {
  proto::Result<proto::Hello> hello = proto::DecodeHello(frame);
  if (!hello.ok()) return Refuse(arrival, AgentOf(frame.header), hello.message());
  if (!Admit(arrival, hello->agent, hello->host)) return;
  ++counters_.hellos;
  hosts_->Greet(*hello, frame.header, now_unix_ns_);
  if (forwarding_ != nullptr) forwarding_->Greet(*hello, now_unix_ns_);
  proto::Welcome welcome;
  welcome.epoch = hello->epoch;
  welcome.applied_sequence = applied_.Contiguous(hello->agent, hello->epoch);
  welcome.software_version = proto::kVersion;
  welcome.features = proto::kTakesInFlight;
  receiver_->Send(arrival.route, proto::EncodeWelcome(hello->agent, welcome));
}

// Lost or unreadable: the next one comes within a second.
void Intake::HandleInFlight(const Arrival& arrival, const proto::FrameView& frame) {
  proto::Result<proto::InFlight> in_flight = proto::DecodeInFlight(frame);
  if (!in_flight.ok()) return HandleBadFrame(arrival, in_flight.message());
  if (!Admit(arrival, in_flight->agent, in_flight->host)) return;
  ++counters_.inflight;
  hosts_->Hear(*in_flight, now_unix_ns_);
  if (forwarding_ != nullptr) forwarding_->Hear(*in_flight);
  const proto::Uuid agent = in_flight->agent;
  const proto::InFlightLimits limits = take_inflight_(std::move(*in_flight), now_unix_ns_);
  receiver_->Send(arrival.route, proto::EncodeInFlightLimits(agent, limits));
}

void Intake::HandleBatch(const Arrival& arrival, const proto::FrameView& frame) {
  // DecodeBatch proves that header and payload name the same batch.
  proto::Result<proto::Batch> batch =
      proto::DecodeBatch(frame, {&keys_, limits_.batch_bytes, true});
  if (!batch.ok()) return Refuse(arrival, AgentOf(frame.header), batch.message());
  const proto::BatchId& id = batch->id;
  if (id.agent.IsZero() || id.sequence == 0) {
    return Refuse(arrival, id.agent, Named(id) + ": agent and sequence must not be zero");
  }
  if (!Admit(arrival, id.agent, batch->host)) return;
  if (applied_.Contains(id)) {
    ++counters_.duplicates;
    Acknowledge(arrival.route, id);
    return;
  }
  if (const proto::Status room = RoomFor(id); !room.ok()) {
    return Refuse(arrival, id.agent, room.message());
  }
  AddToGroup(arrival, std::move(*batch));
}

proto::Status Intake::RoomFor(const proto::BatchId& id) {
  if (applied_.HasRoomFor(id)) return {};
  if (applied_.Find(id.agent, id.epoch) != nullptr) {
    return proto::Status::Error(Named(id) + ": too many gaps before it");
  }
  LetGoIdlest();
  if (applied_.HasRoomFor(id)) return {};
  return proto::Status::Error(
      Named(id) + ": the aggregator remembers " + std::to_string(applied_.entries().size()) +
      " agents and restarts of agents, as many as it can, and none of them has been silent for " +
      std::to_string(AppliedSets::kLetGoAfterNs / AppliedSets::kDayNs) +
      " days: docs/archive.md, What is forgotten");
}

void Intake::LetGoIdlest() {
  if (now_unix_ns_ < look_for_room_unix_ns_) return;
  AppliedSets at_hand = gathered_.ids;
  at_hand.Merge(committing_.ids);
  const size_t closed = applied_.CloseIdle(now_unix_ns_, at_hand);
  const size_t let_go = closed == 0 ? applied_.LetGoIdlest(now_unix_ns_, at_hand) : 0;
  if (let_go != 0) {
    spdlog::warn(
        "{} agents' epochs are remembered, too many: the {} that were silent longest, all for more "
        "than {} days, are forgotten",
        applied_.entries().size() + let_go, let_go,
        AppliedSets::kLetGoAfterNs / AppliedSets::kDayNs);
  }
  if (closed + let_go == 0) look_for_room_unix_ns_ = now_unix_ns_ + kLookForRoomNs;
}

void Intake::AddToGroup(const Arrival& arrival, proto::Batch batch) {
  if (committing_.ids.Contains(batch.id)) {
    committing_.waiting.emplace_back(arrival.route, batch.id);
    ++counters_.duplicates;
    return;
  }
  gathered_.waiting.emplace_back(arrival.route, batch.id);
  if (!gathered_.ids.Add(batch.id, now_unix_ns_)) {
    ++counters_.duplicates;
    return;
  }
  // As it came: cleaned and encoded anew it could be larger than a frame may be.
  if (forwarding_ != nullptr) gathered_.frames.push_back(arrival.frame_untrusted);
  CleanBatch(&batch);
  gathered_.batches.push_back(std::move(batch));
}

// The parent's queue first: what is in the archive is never sent again by its agent.
proto::Status Intake::HandOn() {
  if (forwarding_ == nullptr || committing_.is_handed_on) return {};
  if (proto::Status kept = forwarding_->Keep(committing_.frames); !kept.ok()) return kept;
  committing_.is_handed_on = true;
  proto::FailPoint::Pass("intake.handed_on");
  return {};
}

ArchiveWriter::Batches Intake::Committing() const {
  ArchiveWriter::Batches batches;
  batches.reserve(committing_.batches.size());
  for (const proto::Batch& batch : committing_.batches) batches.push_back(&batch);
  return batches;
}

bool Intake::BeginCommit() {
  proto::Status begun = HandOn();
  if (begun.ok()) begun = archive_->Write(Committing(), applied_, now_unix_ns_);
  if (!begun.ok()) {
    NoteCommit(begun);
    return false;
  }
  is_syncing_ = true;
  sync_.Begin([archive = archive_] { return archive->Sync(); });
  return true;
}

bool Intake::FinishCommit() {
  is_syncing_ = false;
  const proto::Status finished =
      archive_->Finish(sync_.Wait(), Committing(), applied_, now_unix_ns_);
  NoteCommit(finished);
  return finished.ok();
}

bool Intake::CommitAgain() {
  proto::Status committed = HandOn();
  if (committed.ok()) committed = archive_->Commit(Committing(), applied_, now_unix_ns_);
  NoteCommit(committed);
  return committed.ok();
}

IntakeGroup Intake::TakeDurable() {
  if (committing_.empty()) return {};
  IntakeGroup durable = std::exchange(committing_, {});
  for (const proto::Batch& batch : durable.batches) applied_.Add(batch.id, now_unix_ns_);
  for (const auto& [route, id] : durable.waiting) Acknowledge(route, id);
  proto::FailPoint::Pass("intake.before_ack");
  SendAcks();
  return durable;
}

void Intake::MergeGroup(const IntakeGroup& durable) {
  if (durable.empty()) return;
  proto::FailPoint::Pass("intake.before_merge");
  for (const proto::Batch& batch : durable.batches) {
    merge_(batch);
    hosts_->Take(batch, durable.taken_unix_ns);
  }
  proto::FailPoint::Pass("intake.merged");
  counters_.batches += durable.batches.size();
}

void Intake::NoteCommit(const proto::Status& committed) {
  const std::lock_guard lock(status_mutex_);
  if (!committed.ok()) {
    ++counters_.failed_commits;
    retry_unix_ns_ = now_unix_ns_ + kRetryNs;
    if (status_.ok() || now_unix_ns_ >= say_unix_ns_) {
      say_unix_ns_ = now_unix_ns_ + kSayNs;
      spdlog::error("{}; nothing is acknowledged until this is mended, agents keep their data",
                    committed.message());
    }
  } else if (!status_.ok()) {
    spdlog::info("batches can be written again");
  }
  status_ = committed;
  published_ = counters_;
}

void Intake::Acknowledge(const std::string& route, const proto::BatchId& id) {
  acks_[{route, {id.agent, id.epoch}}].Add(id.sequence);
}

void Intake::SendAcks() {
  for (const auto& [to, sequences] : acks_) {
    const auto send = [this, &to = to](uint64_t first, uint64_t last) {
      const auto& [agent, epoch] = to.second;
      receiver_->Send(to.first, proto::EncodeAck(agent, {epoch, first, last}));
    };
    if (sequences.Contiguous() != 0) send(1, sequences.Contiguous());
    for (const auto& [first, last] : sequences.ranges()) send(first, last);
  }
  acks_.clear();
}

}  // namespace ringside::aggregator
