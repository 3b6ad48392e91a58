#include "probe/pool.h"

#include <algorithm>

#include <time.h>

#include "probe/memory.h"

namespace ringside::probe {
namespace {

constexpr uint64_t kRefusalNs = 100'000'000;  // how long a refusal of the kernel is believed

uint64_t CoarseNs() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}

// Where all but overflow series stop.
uint64_t OrdinaryLimit(const proto::Geometry& geometry) noexcept {
  return geometry.pool_bytes - std::min<uint64_t>(geometry.pool_bytes / 8, 512 << 10);
}

bool IsRefusing(const Segment& segment) noexcept {
  const uint64_t until = segment.pool_refused_until.load(std::memory_order_relaxed);
  return until != 0 && CoarseNs() < until;
}

// Between `least` and `most` bytes of pool, whatever is left below `limit`; made real first, so
// that a refusal of the kernel costs no pool. False: none.
bool Take(Segment& segment, uint64_t least, uint64_t most, uint64_t limit, uint64_t* begin,
          uint64_t* end) noexcept {
  if (IsRefusing(segment)) return false;
  std::atomic<uint64_t>& used = segment.header->pool_used;
  uint64_t now = used.load(std::memory_order_relaxed);
  do {
    if (now > limit || limit - now < least) return false;
    *end = std::min(now + most, limit);
    if (!segment.Populate(segment.pool + now, *end - now)) {
      segment.pool_refused_until.store(CoarseNs() + kRefusalNs, std::memory_order_relaxed);
      return false;
    }
  } while (!used.compare_exchange_weak(now, *end, std::memory_order_relaxed));
  *begin = now;
  return true;
}

}  // namespace

uint32_t TakeUnits(Segment& segment, uint32_t lane, uint32_t units) noexcept {
  LaneMemory& memory = segment.lane_memory[lane];
  const uint64_t bytes = units * proto::kPoolUnitBytes;
  if (memory.chunk_end - memory.chunk_next < bytes) {
    uint64_t begin = 0;
    uint64_t end = 0;
    if (!Take(segment, bytes, segment.geometry.pool_chunk_bytes, OrdinaryLimit(segment.geometry),
              &begin, &end)) {
      return 0;
    }
    memory.chunk_next = begin;
    memory.chunk_end = end;
  }
  const auto unit = static_cast<uint32_t>(memory.chunk_next / proto::kPoolUnitBytes);
  memory.chunk_next += bytes;
  return unit;
}

uint32_t TakeSharedUnits(Segment& segment, uint32_t units, Reserve reserve) noexcept {
  const uint64_t bytes = units * proto::kPoolUnitBytes;
  uint64_t begin = 0;
  uint64_t end = 0;
  const uint64_t limit =
      reserve == Reserve::kUse ? segment.geometry.pool_bytes : OrdinaryLimit(segment.geometry);
  if (!Take(segment, bytes, bytes, limit, &begin, &end)) return 0;
  return static_cast<uint32_t>(begin / proto::kPoolUnitBytes);
}

}  // namespace ringside::probe
