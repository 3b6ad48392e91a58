// Any bytes, as the contents of a lane's rings, and any positions: drained within the budget, every
// record accounted for, or refused.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

#include "agent/ring_drain.h"
#include "tests/fuzz/golden_base.h"

namespace {

using namespace ringside;  // NOLINT(google-build-using-namespace): a program of one file

void Require(bool holds) {
  if (!holds) std::abort();
}

// First the positions, then what fills both rings.
struct Positions {
  uint16_t timing_head;
  uint16_t timing_cursor;
  uint32_t request_head;
  uint32_t request_cursor;
  uint16_t request_records;
  uint8_t most_requests;
  uint8_t most_timings;
  uint8_t is_early;  // drained once before the close
  uint8_t reserved;
};

void Fill(const fuzz::GoldenBase& base, uint64_t offset, uint64_t bytes, const uint8_t* data,
          size_t size) {
  const size_t count = std::min<size_t>(bytes, size);
  (void)!pwrite(base.fd(), data, count, static_cast<off_t>(offset));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::GoldenBase base;
  Positions at{};
  if (size < sizeof at) return 0;
  std::memcpy(&at, data, sizeof at);
  data += sizeof at;
  size -= sizeof at;
  const proto::Geometry& g = base.segment().geometry();
  const uint64_t timing_bytes = g.timing_ring_records * sizeof(proto::TimingRecord);
  Fill(base, g.timing_rings_offset, timing_bytes, data, size);
  Fill(base, g.request_rings_offset, g.request_ring_bytes, data, size);

  alignas(proto::Lane) std::byte memory[sizeof(proto::Lane)] = {};
  auto& head = *reinterpret_cast<proto::Lane*>(memory);
  head.timing_head.store(at.timing_head);
  head.request_head.store(at.request_head);
  head.request_records.store(at.request_records);
  agent::LaneCursor before{};
  before.timing_records = at.timing_cursor;
  before.request_bytes = at.request_cursor;
  const agent::DetailBudget budget{at.most_requests, at.most_timings};
  agent::RingDrain drain(base.segment(), base.table());
  if (!drain.Begin(&before, 1, nullptr, 0)) return 0;
  const agent::RingHeads heads{at.timing_head, at.request_head, at.request_records};
  if (at.is_early != 0 && !drain.DrainEarly(0, heads, budget, base.clock())) return 0;
  agent::LaneCursor after{};
  agent::Detail detail;
  if (!drain.Close(&head, 1, budget, base.clock(), &after, &detail)) return 0;
  Require(after.timing_records == at.timing_head && after.request_bytes == at.request_head);
  Require(detail.requests.size() <= budget.requests && detail.timings.size() <= budget.timings);
  const uint64_t passed = after.timing_records - before.timing_records + after.requests;
  Require(detail.requests.size() + detail.timings.size() + detail.not_sampled + detail.corrupt ==
          passed);
  return 0;
}
