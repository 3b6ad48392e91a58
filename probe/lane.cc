#include "probe/lane.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/memory.h"
#include "probe/process.h"
#include "proto/uuid.h"

namespace ringside::probe {

__thread Lane current_lane __attribute__((tls_model("initial-exec")));

namespace {

using proto::LaneState;

std::atomic<uint32_t> next_attachment{2};

// The end of a thread. Runs after its C++ thread_local destructors; records that come still later,
// in other keys' destructors, find is_past_release.
void ReleaseLane(void* memory) {
  auto& lane = *static_cast<Lane*>(memory);
  Segment* segment = lane.segment;
  const bool is_own = lane.index != 0 && lane.own_generation == Process::Page().generation.load(
                                                                    std::memory_order_relaxed);
  proto::Lane* shared = lane.shared;
  lane.Reset();
  lane.is_past_release = true;
  if (!is_own) return;  // a forked child must not free its parent's lane
  shared->in_flight.store(0, std::memory_order_relaxed);
  // SYNC lane-owner (writer): all counters of this owner before the next owner's first.
  shared->state.store(LaneState::kFree, std::memory_order_release);
  segment->lanes_freed.fetch_add(1, std::memory_order_relaxed);
}

pthread_key_t ThreadKey() noexcept {
  // 0: not made; else key + 1.
  static std::atomic<uint32_t> made{0};
  const uint32_t known = made.load(std::memory_order_relaxed);
  if (known != 0) return known - 1;
  pthread_key_t key = 0;
  if (pthread_key_create(&key, ReleaseLane) != 0) return ~pthread_key_t{0};
  uint32_t expected = 0;
  if (made.compare_exchange_strong(expected, key + 1, std::memory_order_relaxed)) return key;
  pthread_key_delete(key);
  return expected - 1;
}

// Real memory for what every owner of this lane writes.
bool PrepareLane(Segment& segment, uint32_t index) noexcept {
  LaneMemory& memory = segment.lane_memory[index];
  if (memory.refs == nullptr) {
    memory.refs = static_cast<BlockRef*>(MapPrivate(kMaxSeries * sizeof(BlockRef)));
    if (memory.refs == nullptr) return false;
  }
  if (memory.is_populated) return true;
  const proto::Geometry& g = segment.geometry;
  memory.is_populated =
      segment.Populate(segment.DirectoryRow(index), g.series_capacity * sizeof(uint32_t)) &&
      segment.Populate(segment.TimingRing(index),
                       g.timing_ring_records * sizeof(proto::TimingRecord));
  return memory.is_populated;
}

// A lane that nobody owns, now ours; 0 when there is none.
uint32_t ClaimLane(Segment& segment) noexcept {
  for (uint32_t i = 1; i < segment.geometry.lane_count; ++i) {
    std::atomic<LaneState>& state = segment.lanes[i].state;
    LaneState expected = LaneState::kFree;
    // SYNC lane-owner (reader): sees all counters of the owner before.
    if (state.load(std::memory_order_relaxed) != LaneState::kFree ||
        !state.compare_exchange_strong(expected, LaneState::kOwned, std::memory_order_acquire)) {
      continue;
    }
    if (PrepareLane(segment, i)) return i;
    state.store(LaneState::kFree, std::memory_order_release);  // SYNC lane-owner (writer)
    return 0;
  }
  return 0;
}

void RaiseTo(std::atomic<uint32_t>* mark, uint32_t value) noexcept {
  uint32_t now = mark->load(std::memory_order_relaxed);
  while (now < value && !mark->compare_exchange_weak(now, value, std::memory_order_relaxed)) {
  }
}

// Gives the thread a lane of `segment`. False: it shares lane 0.
bool Attach(Lane& lane, Segment& segment, uint32_t generation) noexcept {
  const bool was_past_release = lane.is_past_release;
  lane.Reset();
  lane.armed.store(kLaneBusy, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  lane.lanes_freed_seen = segment.lanes_freed.load(std::memory_order_relaxed);
  lane.own_generation = generation;
  lane.segment = &segment;
  lane.has_counter_clock = segment.clock.kind == proto::ClockKind::kTsc;
  lane.ns_per_tick_q32 = segment.clock.ns_per_tick_q32;
  const pthread_key_t key = ThreadKey();
  const bool can_release =
      !was_past_release && key != ~pthread_key_t{0} && pthread_setspecific(key, &lane) == 0;
  lane.index = can_release ? ClaimLane(segment) : 0;
  if (lane.index != 0) {
    RaiseTo(&segment.header->lanes_used, lane.index + 1);
    lane.refs = segment.lane_memory[lane.index].refs;
    lane.shared = &segment.lanes[lane.index];
    lane.shared->owner_tid = static_cast<uint32_t>(syscall(SYS_gettid));
    lane.ring = segment.TimingRing(lane.index);
    lane.ring_mask = segment.geometry.timing_ring_records - 1;
    lane.pool = segment.pool;
    lane.control = &segment.header->control;
    lane.generation = &Process::Page().generation;
    lane.attachment =
        uint64_t{generation} << 32 | next_attachment.fetch_add(1, std::memory_order_relaxed);
  }
  std::atomic_signal_fence(std::memory_order_seq_cst);
  lane.armed.store(lane.index != 0 ? generation : kLaneDetached, std::memory_order_relaxed);
  return lane.index != 0;
}

// A lane was freed since this thread found none.
bool MayTryAgain(const Lane& lane, const Segment& segment) noexcept {
  return !lane.is_past_release &&
         lane.lanes_freed_seen != segment.lanes_freed.load(std::memory_order_relaxed);
}

}  // namespace

void Lane::Reset() noexcept {
  armed.store(kLaneDetached, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  generation = &kNoGeneration;
  control = &kNoControl;
  attachment = kNoAttachment;
  own_generation = 0;
  index = 0;
  random[0] = 0;
}

uint64_t Lane::Random() noexcept {
  if (random[0] == 0) {
    random[0] = proto::NewRandom64() | 1;
    random[1] = proto::NewRandom64();
  }
  // xoroshiro128+
  const uint64_t a = random[0];
  uint64_t b = random[1];
  const uint64_t result = a + b;
  b ^= a;
  random[0] = ((a << 24) | (a >> 40)) ^ b ^ (b << 16);
  random[1] = (b << 37) | (b >> 27);
  if (random[0] == 0) random[0] = 1;
  return result;
}

[[gnu::cold]] Way Enter(Lane& lane, Segment** segment) noexcept {
  if (__atomic_load_n(&ringside_on, __ATOMIC_RELAXED) == 0) return Way::kOff;
  const ErrnoKeeper keeper;
  const uint32_t generation = Process::Generation();
  if (generation == 0) return Way::kLost;
  Segment* current = Process::Ensure(nullptr);
  if (current == nullptr) {
    return __atomic_load_n(&ringside_on, __ATOMIC_RELAXED) == 0 ? Way::kOff : Way::kLost;
  }
  uint64_t control = current->header->control.load(std::memory_order_relaxed);
  if ((control & proto::kControlRetired) != 0) {
    current = Process::Ensure(current);
    if (current == nullptr) return Way::kLost;
    control = current->header->control.load(std::memory_order_relaxed);
  }
  if ((control & proto::kControlEnabled) == 0) return Way::kOff;
  *segment = current;
  // A signal handler inside a record, or what follows a record that a handler jumped out of. A
  // stale mark of a forked child was reset by the adoption.
  if (lane.armed.load(std::memory_order_relaxed) == kLaneBusy) return Way::kSharedLane;
  const bool is_here = lane.segment == current && lane.own_generation == generation;
  if (is_here && lane.index != 0) return Way::kOwnLane;
  if (is_here && !MayTryAgain(lane, *current)) return Way::kSharedLane;
  return Attach(lane, *current, generation) ? Way::kOwnLane : Way::kSharedLane;
}

}  // namespace ringside::probe
