#include "agent/ring_drain.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>

#include "agent/request_decoder.h"

namespace ringside::agent {
namespace {

using proto::Lane;
using proto::RequestRecord;
using proto::Status;
using proto::TimingRecord;

Status Corrupt(uint32_t lane, const char* what) {
  return Status::Error(std::string(what) + " of lane " + std::to_string(lane) + " is impossible");
}

}  // namespace

Status RingDrain::Drain(uint32_t lane, const Lane& head, const LaneCursor& before,
                        LaneCursor* after, Detail* detail) {
  *after = before;
  const uint64_t timing_head = head.timing_head.load(std::memory_order_relaxed);
  const uint64_t request_head = head.request_head.load(std::memory_order_relaxed);
  const uint64_t request_records = head.request_records.load(std::memory_order_relaxed);
  const uint64_t dropped = head.timing_dropped.load(std::memory_order_relaxed) +
                           head.request_dropped.load(std::memory_order_relaxed);
  // SYNC ring-publish (agent): the heads were copied before; the records up to them are complete.
  std::atomic_thread_fence(std::memory_order_acquire);
  if (Status status = Timings(lane, timing_head, after, detail); !status) return status;
  if (Status status = Requests(lane, request_head, request_records, after, detail); !status) {
    return status;
  }
  detail->ring_full += dropped;
  // A writer killed between a record and its count leaves one more record than it counted.
  detail->offered += dropped + timing_head + std::max(request_records, after->requests);
  return Status();
}

Status RingDrain::CopyRing(uint64_t base, uint64_t size, uint64_t from, uint64_t to) {
  const uint64_t bytes = to - from;
  scratch_.resize((bytes + 7) / 8);
  auto* const out = reinterpret_cast<std::byte*>(scratch_.data());
  const uint64_t begin = from & (size - 1);
  const uint64_t first = std::min(bytes, size - begin);
  if (Status s = segment_.Read(base + begin, first, out); !s) return s;
  if (first == bytes) return Status();
  return segment_.Read(base, bytes - first, out + first);
}

Status RingDrain::Timings(uint32_t lane, uint64_t head, LaneCursor* cursor, Detail* detail) {
  const proto::Geometry& g = segment_.geometry();
  const uint64_t count = head - cursor->timing_records;
  if (count == 0) return Status();
  if (count > g.timing_ring_records) return Corrupt(lane, "the timing ring's head");
  if (budget_.timings == 0) {
    detail->not_sampled += count;
    cursor->timing_records = head;
    return Status();
  }
  // Ring sizes in records: the byte size is no power of two, so the two pieces are copied here.
  const uint64_t base =
      g.timing_rings_offset + uint64_t{lane} * g.timing_ring_records * sizeof(TimingRecord);
  const uint64_t begin = cursor->timing_records & (g.timing_ring_records - 1);
  const uint64_t first = std::min<uint64_t>(count, g.timing_ring_records - begin);
  scratch_.resize(count * sizeof(TimingRecord) / 8);
  auto* const out = reinterpret_cast<std::byte*>(scratch_.data());
  const size_t first_bytes = first * sizeof(TimingRecord);
  if (Status s = segment_.Read(base + begin * sizeof(TimingRecord), first_bytes, out); !s) return s;
  if (first < count) {
    const size_t rest = (count - first) * sizeof(TimingRecord);
    if (Status s = segment_.Read(base, rest, out + first_bytes); !s) return s;
  }
  Sample(count, detail);
  cursor->timing_records = head;
  return Status();
}

// Within the budget all; beyond it one half evenly spread over the interval, the other half the
// greatest values: the slow ones are what one looks for.
void RingDrain::Sample(size_t count, Detail* detail) {
  const auto* const records = reinterpret_cast<const TimingRecord*>(scratch_.data());
  std::vector<uint32_t> chosen(count);
  std::iota(chosen.begin(), chosen.end(), 0u);
  if (count > budget_.timings) {
    const size_t spread = budget_.timings / 2;
    std::vector<uint32_t> kept;
    for (size_t i = 0; i < spread; ++i) kept.push_back(static_cast<uint32_t>(i * count / spread));
    std::vector<uint32_t> rest;
    std::set_difference(chosen.begin(), chosen.end(), kept.begin(), kept.end(),
                        std::back_inserter(rest));
    const auto slowest = static_cast<std::ptrdiff_t>(budget_.timings - spread);
    std::nth_element(rest.begin(), rest.begin() + slowest - 1, rest.end(),
                     [&](uint32_t a, uint32_t b) { return records[a].value > records[b].value; });
    kept.insert(kept.end(), rest.begin(), rest.begin() + slowest);
    std::sort(kept.begin(), kept.end());
    chosen = std::move(kept);
  }
  for (const uint32_t i : chosen) {
    const SeriesInfo* const info = table_.Find(records[i].series);
    if (info == nullptr) {
      ++detail->corrupt;
      continue;
    }
    detail->timings.push_back(
        {info->key, clock_.UnixNs(records[i].start_ticks), static_cast<int64_t>(records[i].value)});
  }
  detail->not_sampled += count - chosen.size();
}

Status RingDrain::Requests(uint32_t lane, uint64_t head, uint64_t written, LaneCursor* cursor,
                           Detail* detail) {
  const proto::Geometry& g = segment_.geometry();
  const uint64_t bytes = head - cursor->request_bytes;
  if (bytes == 0) return Status();
  if (bytes > g.request_ring_bytes || bytes % 8 != 0) {
    return Corrupt(lane, "the request ring's head");
  }
  const uint64_t base = g.request_rings_offset + uint64_t{lane} * g.request_ring_bytes;
  if (Status s = CopyRing(base, g.request_ring_bytes, cursor->request_bytes, head); !s) return s;
  const auto* const copy = reinterpret_cast<const std::byte*>(scratch_.data());
  uint64_t at = 0;
  uint32_t taken = 0;
  while (at < bytes) {
    uint32_t words[2];  // total_bytes, flags
    std::memcpy(words, copy + at, sizeof words);
    const uint64_t size = words[0];
    const uint64_t room =
        g.request_ring_bytes - ((cursor->request_bytes + at) & (g.request_ring_bytes - 1));
    if (size < 8 || size % 8 != 0 || size > bytes - at || size > room) break;
    if ((words[1] & proto::kRequestPadding) == 0) {
      ++cursor->requests;
      if (taken == budget_.requests) {
        ++detail->not_sampled;
      } else if (Request(copy + at, size, detail)) {
        ++taken;
      } else {
        ++detail->corrupt;
      }
    }
    at += size;
  }
  if (at < bytes) {
    // No way to find the next record: give up what is here, by the writer's own count.
    const uint64_t lost = written > cursor->requests ? written - cursor->requests : 0;
    detail->corrupt += lost;
    cursor->requests += lost;
  }
  cursor->request_bytes = head;
  return Status();
}

bool RingDrain::Request(const std::byte* bytes, size_t size, Detail* detail) {
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
  if (!DecodeRequest(source, table_, clock_, &row)) return false;
  detail->requests.push_back(std::move(row));
  return true;
}

}  // namespace ringside::agent
