#include "agent/ring_drain.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>
#include <utility>

#include <unistd.h>

#include "agent/request_decoder.h"

namespace ringside::agent {
namespace {

using proto::Lane;
using proto::RequestRecord;
using proto::Result;
using proto::Status;
using proto::TimingRecord;

// Of one producer and interval; beyond it requests are not sampled, whatever the budget. All rings
// of a probe with the default sizes hold half of this.
constexpr uint64_t kMostRequestBytes = uint64_t{32} << 20;
// The same for bare operations, in bytes of the rows that are made of them.
constexpr uint64_t kMostTimingBytes = uint64_t{64} << 20;

Status Corrupt(uint32_t lane, const char* what) {
  return Status::Error(std::string(what) + " of lane " + std::to_string(lane) + " is impossible");
}

RingHeads HeadsOf(const Lane& lane) {
  return {lane.timing_head.load(std::memory_order_relaxed),
          lane.request_head.load(std::memory_order_relaxed),
          lane.request_records.load(std::memory_order_relaxed)};
}

// The record that begins at `at` of the ring's copy; `room` is what is left of the ring there.
// False: no probe writes that, and where the next one begins is unknown.
struct Framed {
  uint64_t bytes = 0;
  bool is_padding = false;
};
bool FrameAt(const std::byte* at, uint64_t left, uint64_t room, Framed* framed) {
  uint32_t words[2];  // total_bytes, flags
  if (left < sizeof words) return false;
  std::memcpy(words, at, sizeof words);
  *framed = {words[0], (words[1] & proto::kRequestPadding) != 0};
  return framed->bytes >= 8 && framed->bytes % 8 == 0 && framed->bytes <= left &&
         framed->bytes <= room;
}

}  // namespace

void RingDrain::GrowTo(uint32_t lanes) {
  if (lanes > lanes_.size()) lanes_.resize(lanes);
}

Status RingDrain::Begin(const LaneCursor* committed, uint32_t committed_lanes,
                        const Lane* lanes_untrusted, uint32_t lanes) {
  GrowTo(std::max(committed_lanes, lanes));
  for (uint32_t i = 0; i < committed_lanes; ++i) lanes_[i].passed = committed[i];
  for (uint32_t i = 0; i < lanes; ++i) {
    if (Status s = Skip(i, lanes_untrusted[i]); !s) return s;
  }
  return Status();
}

// Head and count of one moment: the writer may be between the two.
Result<RingHeads> RingDrain::SteadyHeads(uint32_t lane) const {
  constexpr int kTries = 1000;
  Result<RingHeads> heads = segment_.LoadHeads(lane);
  for (int i = 0; i < kTries && heads; ++i) {
    Result<RingHeads> again = segment_.LoadHeads(lane);
    if (!again ||
        (again->request == heads->request && again->request_records == heads->request_records)) {
      return again;
    }
    heads = again;
  }
  return heads;
}

// An agent's tail never lies behind its commit, unless it died before it could write it; anything
// else is the producer's doing, and our own cursor stands.
Status RingDrain::Skip(uint32_t lane, const Lane& head) {
  const proto::Geometry& g = segment_.geometry();
  const Result<RingHeads> steady = SteadyHeads(lane);
  if (!steady) return steady.status();
  const RingHeads& heads = *steady;
  LaneCursor& passed = lanes_[lane].passed;
  const uint64_t timing_tail = head.timing_tail.load(std::memory_order_relaxed);
  const uint64_t timings = timing_tail - passed.timing_records;
  if (timings <= heads.timing - passed.timing_records &&
      heads.timing - timing_tail <= g.timing_ring_records) {
    pending_.records += timings;
    passed.timing_records = timing_tail;
  }
  const uint64_t request_tail = head.request_tail.load(std::memory_order_relaxed);
  const uint64_t bytes = request_tail - passed.request_bytes;
  if (bytes == 0 || bytes > heads.request - passed.request_bytes ||
      heads.request - request_tail > g.request_ring_bytes) {
    return Status();
  }
  const Result<uint64_t> left = CountRequests(lane, request_tail, heads.request);
  if (!left) return left.status();
  if (heads.request_records < *left || heads.request_records - *left < passed.requests) {
    return Status();
  }
  pending_.records += heads.request_records - *left - passed.requests;
  passed.requests = heads.request_records - *left;
  passed.request_bytes = request_tail;
  return Status();
}

Result<uint64_t> RingDrain::CountRequests(uint32_t lane, uint64_t from, uint64_t to) {
  if (Status s = CopyRequests(lane, from, to); !s) return s;
  const uint64_t ring = segment_.geometry().request_ring_bytes;
  const auto* const copy = reinterpret_cast<const std::byte*>(scratch_.data());
  uint64_t count = 0;
  Framed framed;
  for (uint64_t at = 0; at < to - from; at += framed.bytes) {
    const uint64_t room = ring - ((from + at) & (ring - 1));
    if (!FrameAt(copy + at, to - from - at, room, &framed)) break;
    if (!framed.is_padding) ++count;
  }
  return count;
}

bool RingDrain::IsFilling(uint32_t lane, const RingHeads& heads) const {
  const proto::Geometry& g = segment_.geometry();
  const LaneCursor& passed = lanes_[lane].passed;
  return (heads.timing - passed.timing_records) * 2 > g.timing_ring_records ||
         (heads.request - passed.request_bytes) * 2 > g.request_ring_bytes;
}

Status RingDrain::DrainEarly(uint32_t lane, const RingHeads& heads, const DetailBudget& budget,
                             const TickMapper& clock) {
  LaneCursor& passed = lanes_[lane].passed;
  if (Status s = Timings(lane, heads.timing, budget, &passed); !s) return s;
  return Requests(lane, heads, budget, clock, &passed);
}

Status RingDrain::Close(const Lane* lanes_untrusted, uint32_t lanes, const DetailBudget& budget,
                        const TickMapper& clock, LaneCursor* after, Detail* detail) {
  GrowTo(lanes);
  early_records_ = pending_.records;
  early_corrupt_ = pending_.corrupt;
  // SYNC ring-publish (agent): the heads were copied before; the records up to them are complete.
  std::atomic_thread_fence(std::memory_order_acquire);
  for (uint32_t i = 0; i < lanes; ++i) {
    const Lane& lane = lanes_untrusted[i];
    const RingHeads heads = HeadsOf(lane);
    after[i] = lanes_[i].passed;
    if (Status s = Timings(i, heads.timing, budget, &after[i]); !s) return s;
    if (Status s = Requests(i, heads, budget, clock, &after[i]); !s) return s;
    const uint64_t dropped = lane.timing_dropped.load(std::memory_order_relaxed) +
                             lane.request_dropped.load(std::memory_order_relaxed);
    detail->ring_full += dropped;
    // A writer killed between a record and its count leaves one more record than it counted.
    detail->offered += dropped + heads.timing + std::max(heads.request_records, after[i].requests);
  }
  AddTimings(clock, detail);
  detail->requests = std::exchange(pending_.requests, {});
  detail->corrupt = pending_.corrupt;
  detail->not_sampled =
      pending_.records - pending_.corrupt - detail->requests.size() - detail->timings.size();
  return Status();
}

void RingDrain::Committed(const LaneCursor* after, uint32_t lanes) {
  for (uint32_t i = 0; i < lanes; ++i) {
    lanes_[i].passed = after[i];
    lanes_[i].requests = 0;
  }
  pending_ = {};
}

void RingDrain::RolledBack() {
  for (LaneState& lane : lanes_) lane.requests = 0;
  pending_ = {early_records_, early_corrupt_, 0, 0, {}};
}

Status RingDrain::CopyRing(uint64_t base, uint64_t size, uint64_t from, uint64_t to, bool is_real) {
  const uint64_t bytes = to - from;
  scratch_.resize((bytes + 7) / 8);
  auto* const out = reinterpret_cast<std::byte*>(scratch_.data());
  const uint64_t begin = from % size;
  const uint64_t first = std::min(bytes, size - begin);
  const auto read = [&](uint64_t offset, uint64_t count, std::byte* to_untrusted) {
    return is_real ? segment_.ReadReal(offset, count, to_untrusted)
                   : segment_.Read(offset, count, to_untrusted);
  };
  if (Status s = read(base + begin, first, out); !s) return s;
  if (first == bytes) return Status();
  return read(base, bytes - first, out + first);
}

// A ring that was written all round has no holes; asked once, for to ask is a system call.
bool RingDrain::IsRealTimingRing(uint32_t lane) {
  bool& is_real = lanes_[lane].is_real;
  if (is_real) return true;
  const proto::Geometry& g = segment_.geometry();
  const uint64_t size = uint64_t{g.timing_ring_records} * sizeof(TimingRecord);
  const uint64_t base = g.timing_rings_offset + lane * size;
  is_real =
      lseek(segment_.fd(), static_cast<off_t>(base), SEEK_HOLE) >= static_cast<off_t>(base + size);
  return is_real;
}

Status RingDrain::CopyTimings(uint32_t lane, uint64_t from, uint64_t to) {
  const proto::Geometry& g = segment_.geometry();
  const uint64_t size = uint64_t{g.timing_ring_records} * sizeof(TimingRecord);
  // By the place in the ring, not since ever: in bytes the positions would overflow.
  const uint64_t begin = from % g.timing_ring_records * sizeof(TimingRecord);
  return CopyRing(g.timing_rings_offset + lane * size, size, begin,
                  begin + (to - from) * sizeof(TimingRecord), IsRealTimingRing(lane));
}

Status RingDrain::CopyRequests(uint32_t lane, uint64_t from, uint64_t to) {
  const proto::Geometry& g = segment_.geometry();
  const uint64_t bytes = to - from;
  if (bytes > g.request_ring_bytes || bytes % 8 != 0) {
    return Corrupt(lane, "the request ring's head");
  }
  return CopyRing(g.request_rings_offset + uint64_t{lane} * g.request_ring_bytes,
                  g.request_ring_bytes, from, to, false);
}

Status RingDrain::Timings(uint32_t lane, uint64_t head, const DetailBudget& budget,
                          LaneCursor* cursor) {
  const uint64_t count = head - cursor->timing_records;
  if (count > segment_.geometry().timing_ring_records) {
    return Corrupt(lane, "the timing ring's head");
  }
  const TimingSample& sample = lanes_[lane].timings;
  // The newest: what the writer touched last is the least likely to have left its cache.
  const uint64_t wanted = sample.Wanted(count, budget.timings);
  const uint64_t weight = wanted > 0 ? count / wanted : 0;
  // In pieces that stay in the cache between copying, checking and keeping.
  constexpr uint64_t kPiece = 1024;
  for (uint64_t at = head - wanted; at != head;) {
    const uint64_t piece = std::min(head - at, kPiece);
    if (Status s = CopyTimings(lane, at, at + piece); !s) return s;
    auto* const records = reinterpret_cast<TimingRecord*>(scratch_.data());
    auto* const good = std::remove_if(records, records + piece, [this](const TimingRecord& record) {
      return table_.Find(record.series) == nullptr;
    });
    KeepTimings(records, static_cast<size_t>(good - records), budget.timings, weight,
                &lanes_[lane].timings);
    pending_.corrupt += piece - static_cast<uint64_t>(good - records);
    at += piece;
  }
  pending_.records += count;
  cursor->timing_records = head;
  return Status();
}

void RingDrain::KeepTimings(const TimingRecord* records, size_t count, uint32_t budget,
                            uint64_t weight, TimingSample* sample) {
  if (pending_.timing_bytes >= kMostTimingBytes) return;
  const size_t before = sample->size();
  sample->Add(records, count, budget, weight);
  const size_t after = sample->size();
  // As many as it grew by, whichever they are.
  for (size_t i = before; i < after && i - before < count; ++i) {
    pending_.timing_bytes += table_.Find(records[i - before].series)->bytes;
  }
}

void RingDrain::AddTimings(const TickMapper& clock, Detail* detail) {
  for (LaneState& lane : lanes_) {
    lane.timings.Take([&](const TimingRecord& record) {
      detail->timings.push_back({table_.Find(record.series)->key, clock.UnixNs(record.start_ticks),
                                 static_cast<int64_t>(record.value)});
    });
  }
}

Status RingDrain::Requests(uint32_t lane, const RingHeads& heads, const DetailBudget& budget,
                           const TickMapper& clock, LaneCursor* cursor) {
  const uint64_t bytes = heads.request - cursor->request_bytes;
  if (bytes == 0) return Status();
  if (Status s = CopyRequests(lane, cursor->request_bytes, heads.request); !s) return s;
  const uint64_t ring = segment_.geometry().request_ring_bytes;
  const auto* const copy = reinterpret_cast<const std::byte*>(scratch_.data());
  const uint64_t before = cursor->requests;
  uint32_t& taken = lanes_[lane].requests;
  uint64_t at = 0;
  for (Framed framed; at < bytes; at += framed.bytes) {
    const uint64_t room = ring - ((cursor->request_bytes + at) & (ring - 1));
    if (!FrameAt(copy + at, bytes - at, room, &framed)) break;
    if (framed.is_padding) continue;
    ++cursor->requests;
    if (taken >= budget.requests || pending_.request_bytes > kMostRequestBytes) continue;
    pending_.request_bytes += framed.bytes;
    if (Request(copy + at, framed.bytes, clock)) {
      ++taken;
    } else {
      ++pending_.corrupt;
    }
  }
  if (at < bytes && heads.request_records > cursor->requests) {
    // No way to find the next record: give up what is here, by the writer's own count.
    pending_.corrupt += heads.request_records - cursor->requests;
    cursor->requests = heads.request_records;
  }
  pending_.records += cursor->requests - before;
  cursor->request_bytes = heads.request;
  return Status();
}

bool RingDrain::Request(const std::byte* bytes, size_t size, const TickMapper& clock) {
  RequestRecord record{};
  if (size < sizeof record) return false;
  std::memcpy(&record, bytes, sizeof record);
  if (record.entry_bytes > size - sizeof record) return false;
  RequestSource source;
  std::memcpy(source.id.bytes.data(), record.id, sizeof record.id);
  source.start_ticks = record.start_ticks;
  source.duration_ns = record.duration_ns;
  source.series = record.series;
  source.entries = bytes + sizeof record;
  source.entry_bytes = record.entry_bytes;
  proto::RequestRow row;
  if (!DecodeRequest(source, table_, clock, &row)) return false;
  pending_.requests.push_back(std::move(row));
  return true;
}

}  // namespace ringside::agent
