#include "cli/segment_requests.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <utility>
#include <variant>
#include <vector>

#include "agent/request_decoder.h"
#include "aggregator/utc_time.h"
#include "proto/tick_clock.h"

namespace ringside::cli {
namespace {

using aggregator::FormatUtc;
using aggregator::Json;
using proto::Result;
using proto::SlotHead;
using proto::Status;

constexpr int kTries = 4;
constexpr int kInFlightSeriesShift = 40;
constexpr uint64_t kInFlightTicksMask = (uint64_t{1} << kInFlightSeriesShift) - 1;
constexpr int kInFlightTicksShift = 8;

double Seconds(uint64_t ns) { return static_cast<double>(ns) * 1e-9; }

uint64_t LifecycleOf(const std::byte* slot) {
  return reinterpret_cast<const SlotHead*>(slot)->lifecycle.load(std::memory_order_relaxed);
}

// Of the generation that is open; users come and go.
bool IsSameRequest(uint64_t before, uint64_t after) {
  return ((before ^ after) & ~proto::kSlotUsersMask) == 0;
}

// One slot's bytes as one request had them. False: no request is open there.
Result<bool> CopySlot(const agent::SegmentFile& file, uint32_t slot, std::byte* out) {
  const proto::Geometry& g = file.geometry();
  const uint64_t offset = g.slots_offset + uint64_t{slot} * g.slot_bytes;
  for (int i = 0; i < kTries; ++i) {
    uint64_t before = 0;
    if (Status s = file.Read(offset, sizeof before, &before); !s) return s;
    if ((before & (proto::kSlotOpen | proto::kSlotEnded)) != proto::kSlotOpen) return false;
    // SYNC slot-open (reader): id, start and series were stored before the flag.
    std::atomic_thread_fence(std::memory_order_acquire);
    if (Status s = file.Read(offset, g.slot_bytes, out); !s) return s;
    // SYNC slot-free (reader): were the slot another's by now, its generation would show it.
    std::atomic_thread_fence(std::memory_order_acquire);
    uint64_t after = 0;
    if (Status s = file.Read(offset, sizeof after, &after); !s) return s;
    if (IsSameRequest(before, after) && IsSameRequest(before, LifecycleOf(out))) return true;
  }
  return false;  // busy with ever new requests
}

Json StepsToJson(const proto::RequestRow& row, const std::vector<agent::OpenStep>& open) {
  Json steps = Json::array();
  size_t next = 0;
  for (size_t i = 0; i < row.steps.size(); ++i) {
    const proto::StepRow& step = row.steps[i];
    const bool is_open = next < open.size() && open[next].index == i;
    next += is_open ? 1 : 0;
    Json json = {{"stage", step.name},
                 {"state", is_open ? "open" : proto::ToString(step.outcome)},
                 {"offset", Seconds(step.start_offset_ns)},
                 {"duration", Seconds(step.duration_ns)},
                 {"labels", aggregator::LabelsToJson(step.labels)},
                 {"attributes", AttributesToJson(step.attributes)}};
    if (!step.error_type.empty()) json["error_type"] = step.error_type;
    if (!step.error_message.empty()) json["error_message"] = step.error_message;
    steps.push_back(std::move(json));
  }
  return steps;
}

// The stage that the slot names, else the one that began last of those still open.
Json CurrentStage(const proto::RequestRow& row, const std::vector<agent::OpenStep>& open,
                  uint32_t current) {
  if (open.empty()) return nullptr;
  const auto named = std::find_if(open.begin(), open.end(), [&](const agent::OpenStep& step) {
    return step.entry_id == current;
  });
  return row.steps[named != open.end() ? named->index : open.back().index].name;
}

// False: no request that a probe writes.
bool RequestToJson(const SegmentLook& look, const std::byte* slot, Json* json) {
  const auto& head = *reinterpret_cast<const SlotHead*>(slot);
  agent::RequestSource source;
  std::memcpy(source.id.bytes.data(), head.id, sizeof head.id);
  source.start_ticks = head.start_ticks;
  source.duration_ns = look.clock.AgeNs(head.start_ticks);
  source.series = head.series_ok;
  source.entries = slot + sizeof(SlotHead);
  const uint32_t used = head.used_bytes.load(std::memory_order_relaxed);
  const size_t room = look.file.geometry().slot_bytes - sizeof(SlotHead);
  source.entry_bytes = std::min<size_t>(used, room);
  proto::RequestRow row;
  std::vector<agent::OpenStep> open;
  if (!agent::DecodeOpenRequest(source, look.table, look.clock, &row, &open)) return false;
  *json = {{"id", row.id},
           {"operation", row.operation},
           {"labels", aggregator::LabelsToJson(row.labels)},
           {"stage", CurrentStage(row, open, head.current_step.load(std::memory_order_relaxed))},
           {"started", FormatUtc(row.start_unix_ns)},
           {"age", Seconds(row.duration_ns)},
           {"too_large", used > room},
           {"attributes", AttributesToJson(row.attributes)},
           {"steps", StepsToJson(row, open)}};
  return true;
}

}  // namespace

Json AttributesToJson(const proto::AttributeList& attributes) {
  Json json = Json::object();
  for (const auto& [key, value] : attributes) {
    std::visit([&json, &name = key](const auto& typed) { json[name] = typed; }, value);
  }
  return json;
}

Json ReadOpenRequests(SegmentLook* look) {
  std::vector<uint64_t> words(look->file.geometry().slot_bytes / 8);
  auto* const bytes = reinterpret_cast<std::byte*>(words.data());
  std::vector<Json> requests;
  uint64_t corrupt = 0;
  for (uint32_t slot = 0; slot < look->use.slots_used; ++slot) {
    const Result<bool> is_open = CopySlot(look->file, slot, bytes);
    if (!is_open) {
      look->Note("open requests", is_open.status());
      break;
    }
    if (!*is_open) continue;
    Json json;
    if (RequestToJson(*look, bytes, &json)) {
      requests.push_back(std::move(json));
    } else {
      ++corrupt;
    }
  }
  if (corrupt > 0) {
    look->damage.push_back("open requests: " + std::to_string(corrupt) + " cannot be read");
  }
  std::stable_sort(requests.begin(), requests.end(), [](const Json& a, const Json& b) {
    return a.at("age").get<double>() > b.at("age").get<double>();
  });
  return requests;
}

Json ReadInFlight(const SegmentLook& look) {
  Json in_flight = Json::array();
  for (uint32_t i = 0; i < look.use.lanes_used; ++i) {
    const proto::Lane& lane = look.lanes[i];
    const uint64_t word = lane.in_flight.load(std::memory_order_relaxed);
    if (word == 0) continue;
    const auto* const series = look.table.Find(static_cast<uint32_t>(word >> kInFlightSeriesShift));
    const uint64_t now = look.clock.now_ticks();
    // Only the low bits of its start are there: it began at the last moment that has them.
    const uint64_t age_units = ((now >> kInFlightTicksShift) - word) & kInFlightTicksMask;
    const uint64_t age_ticks = age_units << kInFlightTicksShift;
    const uint64_t start = now > age_ticks ? now - age_ticks : 0;
    in_flight.push_back({{"lane", i},
                         {"tid", lane.owner_tid},
                         {"operation", series != nullptr ? Json(series->key.path) : Json(nullptr)},
                         {"labels", series != nullptr ? aggregator::LabelsToJson(series->key.labels)
                                                      : Json::object()},
                         {"started", FormatUtc(look.clock.UnixNs(start))},
                         {"age", Seconds(look.clock.AgeNs(start))}});
  }
  return in_flight;
}

}  // namespace ringside::cli
