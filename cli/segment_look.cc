#include "cli/segment_look.h"

#include <algorithm>
#include <atomic>
#include <limits>

#include "agent/process_maps.h"
#include "proto/tick_clock.h"

namespace ringside::cli {
namespace {

using agent::SegmentIdentity;
using proto::SegmentHeader;
using proto::Status;

constexpr uint64_t kSecond = 1'000'000'000;

// What the segment's clock reads at `unix_ns`, by the moment that the segment names.
uint64_t AnchoredTicks(const SegmentIdentity& identity, uint64_t unix_ns) {
  if (unix_ns <= identity.anchor_unix_ns) return identity.anchor_ticks;
  __extension__ using Uint128 = unsigned __int128;
  const Uint128 ticks =
      (static_cast<Uint128>(unix_ns - identity.anchor_unix_ns) << 32) / identity.ns_per_tick_q32 +
      identity.anchor_ticks;
  return static_cast<uint64_t>(std::min<Uint128>(ticks, std::numeric_limits<uint64_t>::max()));
}

uint64_t Load(const std::atomic<uint64_t>& word) { return word.load(std::memory_order_relaxed); }

}  // namespace

agent::TickMapper ClockOf(const SegmentIdentity& identity, uint64_t now_ticks,
                          uint64_t now_unix_ns) {
  const uint64_t anchored = AnchoredTicks(identity, now_unix_ns);
  const uint64_t apart = anchored > now_ticks ? anchored - now_ticks : now_ticks - anchored;
  const uint64_t age =
      now_unix_ns > identity.anchor_unix_ns ? now_unix_ns - identity.anchor_unix_ns : 0;
  // This machine's clock and the segment's are one, but for drift and small steps of the wall
  // clock.
  const bool is_ours =
      proto::TicksToNs(apart, identity.ns_per_tick_q32) <= 10 * kSecond + age / 1000;
  return {is_ours ? now_ticks : anchored, now_unix_ns, identity.ns_per_tick_q32};
}

Status SegmentLook::ReadHeader() {
  alignas(SegmentHeader) std::byte copy[sizeof(SegmentHeader)];
  if (Status s = file.Read(0, sizeof copy, copy); !s) return s;
  const auto& header = *reinterpret_cast<const SegmentHeader*>(copy);
  control = Load(header.control);
  clamped = Load(header.clamped);
  negative_clock = Load(header.negative_clock);
  coarse_samples = Load(header.coarse_samples);
  overflow_series = Load(header.overflow_series);
  requests_started = Load(header.requests_started);
  requests_ended = Load(header.requests_ended);
  proto::Result<agent::SegmentUse> counts = file.ReadUse();
  if (!counts) return counts.status();
  const uint32_t lanes_known = lanes != nullptr ? use.lanes_used : counts->lanes_used;
  use = *counts;
  use.lanes_used = lanes_known;
  return Status();
}

Status SegmentLook::ReadLanes() {
  lanes = std::make_unique<proto::Lane[]>(use.lanes_used);
  Status status =
      file.Read(file.geometry().lanes_offset, use.lanes_used * sizeof(proto::Lane), lanes.get());
  // SYNC ring-publish (reader): the heads are copied; the records up to them are complete.
  std::atomic_thread_fence(std::memory_order_acquire);
  return status;
}

Status SegmentLook::ReadStatistics() {
  const proto::Geometry& g = file.geometry();
  const uint64_t row_bytes = uint64_t{g.series_capacity} * sizeof(uint32_t);
  if (!directory_.Allocate(use.lanes_used * row_bytes) || !pool_.Allocate(use.pool_used)) {
    return Status::Error("no memory for a copy of them");
  }
  image.directory = static_cast<uint32_t*>(directory_.get());
  image.pool = static_cast<std::byte*>(pool_.get());
  image.series_capacity = g.series_capacity;
  image.pool_bytes = g.pool_bytes;
  for (uint32_t lane = 0; lane < use.lanes_used; ++lane) {
    Status status = file.ReadIntoZeros(g.directory_offset + lane * row_bytes,
                                       use.series_count * sizeof(uint32_t),
                                       image.directory + uint64_t{lane} * g.series_capacity);
    if (!status) return status;
  }
  // SYNC block-ready (reader): the rows first, then the blocks they name.
  std::atomic_thread_fence(std::memory_order_acquire);
  if (Status s = file.ReadIntoZeros(g.pool_offset, use.pool_used, image.pool); !s) return s;
  image_head.lanes_used = use.lanes_used;
  image_head.series_count = use.series_count;
  image_head.pool_used = use.pool_used;
  return Status();
}

std::unique_ptr<SegmentLook> TakeLook(const agent::SegmentFile& segment,
                                      agent::ProcessMaps* processes) {
  auto look = std::make_unique<SegmentLook>(segment);
  look->image.head = &look->image_head;
  agent::Liveness liveness(0);
  constexpr uint64_t kNeverGiveUp = std::numeric_limits<uint64_t>::max();
  look->verdict = liveness.Check(segment, false, 1, kNeverGiveUp, processes);
  if (look->verdict == agent::Liveness::Verdict::kAlive) look->holder_pid = liveness.holder_pid();
  look->Note("file", segment.CheckSize());
  look->Note("header", look->ReadHeader());
  look->Note("lanes", look->ReadLanes());
  look->Note("header", look->ReadHeader());
  look->Note("statistics", look->ReadStatistics());
  look->Note("series", look->table.Refresh(segment, look->use.series_count));
  const SegmentIdentity& identity = segment.identity();
  look->clock = ClockOf(identity, proto::ReadTicks(identity.clock_kind), proto::UnixNs());
  return look;
}

}  // namespace ringside::cli
