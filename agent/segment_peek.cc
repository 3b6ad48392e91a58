// The looks at a segment that are too frequent for system calls (segment_file.h).
#include <algorithm>
#include <cstddef>
#include <cstring>

#include "agent/bus_guard.h"
#include "agent/segment_file.h"
#include "agent/segment_walk.h"
#include "agent/word_copy.h"

namespace ringside::agent {
namespace {

using proto::Lane;
using proto::Result;
using proto::SegmentHeader;
using proto::Status;

}  // namespace

Status SegmentFile::ReadStrided(uint64_t offset, uint64_t stride, uint32_t count, size_t bytes,
                                void* out) const {
  auto* const target = static_cast<std::byte*>(out);
  std::memset(target, 0, count * bytes);
  if (count == 0) return Status();
  const std::byte* const source = whole_.data() + offset;
  // Piece by piece where there is data: what lies in a hole is not read into being.
  const auto copy = [&](uint64_t at, uint64_t size) {
    return GuardBus([&] {
      for (uint64_t i = at / stride; i < count && i * stride < at + size; ++i) {
        const uint64_t begin = std::max(at, i * stride);
        const uint64_t end = std::min(at + size, i * stride + bytes);
        if (begin >= end) continue;
        CopyWords(target + i * bytes + (begin - i * stride), source + begin, end - begin);
      }
    });
  };
  return Walk(offset, (count - 1) * stride + bytes, copy, [](uint64_t, uint64_t) {});
}

Result<bool> SegmentFile::HasMarks(const std::vector<BlockMark>& marks) const {
  bool same = true;
  const bool whole = GuardBus([&] {
    for (const BlockMark& mark : marks) {
      same = EqualWords(reinterpret_cast<const std::byte*>(mark.words), whole_.data() + mark.offset,
                        sizeof mark.words);
      if (!same) break;
    }
  });
  if (!whole) return TruncatedSegment();
  return same;
}

Result<bool> SegmentFile::HasCounts(const std::vector<CountMark>& marks) const {
  bool same = true;
  const bool whole = GuardBus([&] {
    for (const CountMark& mark : marks) {
      const std::byte* const block = whole_.data() + mark.offset;
      same = LoadUntrusted<uint64_t>(block + offsetof(proto::BlockHead, sum)) == mark.sum &&
             LoadUntrusted<uint64_t>(block + offsetof(proto::BlockHead, zero_count)) ==
                 mark.zero_count;
      if (!same) break;
    }
  });
  if (!whole) return TruncatedSegment();
  return same;
}

Result<bool> SegmentFile::HasNoBlocks(const std::vector<uint64_t>& offsets) const {
  bool none = true;
  const bool whole = GuardBus([&] {
    for (const uint64_t offset : offsets) {
      none = none && LoadUntrusted<uint32_t>(whole_.data() + offset) == 0;
    }
  });
  if (!whole) return TruncatedSegment();
  return none;
}

Result<SegmentFile::Peek> SegmentFile::PeekUse() const {
  const std::byte* const header = header_.data();
  uint32_t lanes = 0;
  uint32_t slots = 0;
  uint64_t started = 0;
  uint64_t ended = 0;
  const bool whole = GuardBus([&] {
    lanes = LoadUntrusted<uint32_t>(header + offsetof(SegmentHeader, lanes_used));
    slots = LoadUntrusted<uint32_t>(header + offsetof(SegmentHeader, slots_used));
    // In this order: what ends in between makes one look more, not one less.
    ended = LoadUntrusted<uint64_t>(header + offsetof(SegmentHeader, requests_ended));
    started = LoadUntrusted<uint64_t>(header + offsetof(SegmentHeader, requests_started));
  });
  if (!whole) return TruncatedSegment();
  Peek peek;
  peek.lanes_used = std::min(lanes, geometry().lane_count);
  peek.slots_used = std::min(slots, geometry().slot_count);
  peek.has_requests = started != ended;
  return peek;
}

Status SegmentFile::PeekInFlight(uint32_t lanes, uint64_t* words, bool* any) const {
  const std::byte* const first = lanes_.data() + lanes_skew_ + offsetof(Lane, in_flight);
  uint64_t seen = 0;
  const bool whole = GuardBus([&] {
    for (uint32_t i = 0; i < lanes; ++i) {
      words[i] = LoadUntrusted<uint64_t>(first + i * sizeof(Lane));
      seen |= words[i];
    }
  });
  *any = seen != 0;
  return whole ? Status() : TruncatedSegment();
}

Result<uint64_t> SegmentFile::PeekMotion() const {
  const std::byte* const header = header_.data();
  const std::byte* const first = lanes_.data() + lanes_skew_;
  uint64_t sum = 0;
  const auto add = [&sum](const std::byte* at) { sum += LoadUntrusted<uint64_t>(at); };
  const bool whole = GuardBus([&] {
    const uint32_t used = LoadUntrusted<uint32_t>(header + offsetof(SegmentHeader, lanes_used));
    sum = uint64_t{used} + LoadUntrusted<uint32_t>(header + offsetof(SegmentHeader, series_count));
    add(header + offsetof(SegmentHeader, pool_used));
    for (size_t i = 0; i < proto::kLossReasonCount; ++i) {
      add(header + offsetof(SegmentHeader, lost) + i * sizeof(uint64_t));
    }
    for (size_t i = 0; i < proto::kDropReasonCount; ++i) {
      add(header + offsetof(SegmentHeader, dropped) + i * sizeof(uint64_t));
    }
    for (uint32_t i = 0; i < std::min(used, geometry().lane_count); ++i) {
      const std::byte* const lane = first + i * sizeof(Lane);
      add(lane + offsetof(Lane, timing_head));
      add(lane + offsetof(Lane, timing_dropped));
      add(lane + offsetof(Lane, request_head));
      add(lane + offsetof(Lane, request_dropped));
    }
  });
  if (!whole) return TruncatedSegment();
  return sum;
}

uint32_t SegmentFile::PeekOwner(uint32_t lane) const {
  const std::byte* const at =
      lanes_.data() + lanes_skew_ + lane * sizeof(Lane) + offsetof(Lane, owner_tid);
  uint32_t owner = 0;
  const bool whole = GuardBus([&] { owner = LoadUntrusted<uint32_t>(at); });
  return whole ? owner : 0;
}

}  // namespace ringside::agent
