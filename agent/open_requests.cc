#include "agent/open_requests.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "agent/request_decoder.h"

namespace ringside::agent {
namespace {

using proto::Result;
using proto::SlotHead;
using proto::Status;

void AddAborted(const SeriesInfo& info, uint64_t duration_ns, OpenRequests* open) {
  proto::SeriesDelta sample;
  proto::SeriesKey key = info.key;
  key.outcome = proto::Outcome::kAborted;
  key.error_type.clear();
  sample.key = std::move(key);
  sample.delta.histogram = proto::Histogram(info.scale);
  sample.delta.resolution = info.key.resolution;
  sample.delta.Record(static_cast<int64_t>(duration_ns));
  open->samples.push_back(std::move(sample));
}

void AddAbortedSteps(const proto::RequestRow& row, const std::vector<OpenStep>& steps,
                     const SeriesTable& table, OpenRequests* open) {
  for (const OpenStep& step : steps) {
    const SeriesInfo* const info = table.Find(step.series);
    if (info != nullptr && info->key.kind == proto::Kind::kDuration) {
      AddAborted(*info, row.steps[step.index].duration_ns, open);
    }
  }
}

}  // namespace

Result<OpenRequests> FoldOpenRequests(const SegmentFile& segment, uint32_t slots_used,
                                      const SeriesTable& table, const TickMapper& clock,
                                      uint64_t died_unix_ns) {
  const proto::Geometry& g = segment.geometry();
  OpenRequests open;
  std::vector<uint64_t> words(g.slot_bytes / 8);
  auto* const bytes = reinterpret_cast<std::byte*>(words.data());
  for (uint32_t slot = 0; slot < slots_used; ++slot) {
    const uint64_t offset = g.slots_offset + uint64_t{slot} * g.slot_bytes;
    if (Status s = segment.Read(offset, g.slot_bytes, bytes); !s) return s;
    const auto& head = *reinterpret_cast<const SlotHead*>(bytes);
    const uint64_t lifecycle = head.lifecycle.load(std::memory_order_relaxed);
    if ((lifecycle & proto::kSlotOpen) == 0 || (lifecycle & proto::kSlotEnded) != 0) continue;
    RequestSource source;
    std::memcpy(source.id.bytes.data(), head.id, sizeof head.id);
    source.start_ticks = head.start_ticks;
    source.series = head.series_ok;
    source.entries = bytes + sizeof(SlotHead);
    source.entry_bytes = std::min<size_t>(head.used_bytes.load(std::memory_order_relaxed),
                                          g.slot_bytes - sizeof(SlotHead));
    const uint64_t start = clock.UnixNs(head.start_ticks);
    source.duration_ns = died_unix_ns > start ? died_unix_ns - start : 0;
    proto::RequestRow row;
    std::vector<OpenStep> open_steps;
    if (!DecodeOpenRequest(source, table, clock, &row, &open_steps)) {
      ++open.corrupt;
      continue;
    }
    AddAborted(*table.Find(source.series), row.duration_ns, &open);
    AddAbortedSteps(row, open_steps, table, &open);
    open.rows.push_back(std::move(row));
  }
  return open;
}

}  // namespace ringside::agent
