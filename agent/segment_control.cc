// The words of a segment that both sides change: control word, ring positions.
#include <atomic>
#include <cstddef>

#include "agent/bus_guard.h"
#include "agent/segment_file.h"
#include "agent/segment_walk.h"

namespace ringside::agent {
namespace {

using proto::Result;
using proto::SegmentHeader;
using proto::Status;

// A producer that changes its control word all the time must not hold up the agent.
constexpr int kControlTries = 64;

std::atomic<uint64_t>* WordAt(const Mapping& mapping, size_t offset) {
  return reinterpret_cast<std::atomic<uint64_t>*>(mapping.data() + offset);
}

RingHeads HeadsAt(const Mapping& lanes, size_t skew, uint32_t lane) {
  const size_t at = skew + lane * sizeof(proto::Lane);
  const auto* const timing = WordAt(lanes, at + offsetof(proto::Lane, timing_head));
  const auto* const request = WordAt(lanes, at + offsetof(proto::Lane, request_head));
  const auto* const records = WordAt(lanes, at + offsetof(proto::Lane, request_records));
  RingHeads heads;
  heads.timing = timing->load(std::memory_order_acquire);    // SYNC ring-publish (agent)
  heads.request = request->load(std::memory_order_acquire);  // SYNC ring-publish (agent)
  heads.request_records = records->load(std::memory_order_relaxed);
  return heads;
}

}  // namespace

Result<uint64_t> SegmentFile::LoadControl() const {
  uint64_t word = 0;
  auto* const control = WordAt(header_, offsetof(SegmentHeader, control));
  if (!GuardBus([&] { word = control->load(std::memory_order_relaxed); }))
    return TruncatedSegment();
  return word;
}

Status SegmentFile::AdvanceInterval() {
  auto* const control = WordAt(header_, offsetof(SegmentHeader, control));
  const bool whole = GuardBus([&] {
    uint64_t word = control->load(std::memory_order_relaxed);
    for (int i = 0; i < kControlTries; ++i) {
      uint64_t interval = (word + 1) & proto::kControlIntervalMask;
      if (interval == 0) interval = 1;  // 0 is the interval of a segment that no agent has met
      const uint64_t next = (word & ~proto::kControlIntervalMask) | interval;
      if (control->compare_exchange_weak(word, next, std::memory_order_relaxed)) break;
    }
    // SYNC extreme-late (agent): whoever widens an extreme without seeing this is seen by the next
    // copy.
    std::atomic_thread_fence(std::memory_order_seq_cst);
  });
  return whole ? Status() : TruncatedSegment();
}

Status SegmentFile::Retire() {
  auto* const control = WordAt(header_, offsetof(SegmentHeader, control));
  const bool whole =
      GuardBus([&] { control->fetch_or(proto::kControlRetired, std::memory_order_relaxed); });
  return whole ? Status() : TruncatedSegment();
}

Result<RingHeads> SegmentFile::LoadHeads(uint32_t lane) const {
  RingHeads heads;
  const bool whole = GuardBus([&] { heads = HeadsAt(lanes_, lanes_skew_, lane); });
  if (!whole) return TruncatedSegment();
  return heads;
}

Status SegmentFile::LoadAllHeads(std::vector<RingHeads>* heads) const {
  RingHeads* const out = heads->data();
  const size_t count = heads->size();
  const bool whole = GuardBus([&] {
    for (uint32_t lane = 0; lane < count; ++lane) out[lane] = HeadsAt(lanes_, lanes_skew_, lane);
  });
  return whole ? Status() : TruncatedSegment();
}

Status SegmentFile::PublishTails(uint32_t lane, uint64_t timing_tail, uint64_t request_tail) {
  const size_t at = lanes_skew_ + lane * sizeof(proto::Lane);
  auto* const timing = WordAt(lanes_, at + offsetof(proto::Lane, timing_tail));
  auto* const request = WordAt(lanes_, at + offsetof(proto::Lane, request_tail));
  const bool whole = GuardBus([&] {
    // SYNC ring-release (agent): the copies were made before; the writer may now overwrite.
    timing->store(timing_tail, std::memory_order_release);
    request->store(request_tail, std::memory_order_release);
  });
  return whole ? Status() : TruncatedSegment();
}

}  // namespace ringside::agent
