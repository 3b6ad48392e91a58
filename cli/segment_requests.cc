#include "cli/segment_requests.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <utility>
#include <variant>
#include <vector>

#include "agent/open_slot.h"
#include "aggregator/utc_time.h"
#include "proto/inflight_word.h"
#include "proto/tick_clock.h"

namespace ringside::cli {
namespace {

using aggregator::FormatUtc;
using aggregator::Json;
using proto::Result;
using proto::SlotHead;
using proto::Status;

double Seconds(uint64_t ns) { return static_cast<double>(ns) * 1e-9; }

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

// False: no request that a probe writes.
bool RequestToJson(const SegmentLook& look, const std::byte* slot, Json* json) {
  const auto& head = *reinterpret_cast<const SlotHead*>(slot);
  proto::RequestRow row;
  std::vector<agent::OpenStep> open;
  if (!agent::DecodeOpenSlot(look.file, slot, look.table, look.clock, &row, &open)) return false;
  const agent::OpenStep* const stage = agent::CurrentStage(slot, open);
  const uint32_t used = head.used_bytes.load(std::memory_order_relaxed);
  *json = {{"id", row.id},
           {"operation", row.operation},
           {"labels", aggregator::LabelsToJson(row.labels)},
           {"stage", stage == nullptr ? Json(nullptr) : Json(row.steps[stage->index].name)},
           {"started", FormatUtc(row.start_unix_ns)},
           {"age", Seconds(row.duration_ns)},
           {"too_large", used > look.file.geometry().slot_bytes - sizeof(SlotHead)},
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
    const Result<bool> is_open = agent::CopyOpenSlot(look->file, slot, bytes);
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
    const auto* const series = look.table.Find(proto::SeriesOfInFlight(word));
    const uint64_t start = proto::StartOfInFlight(word, look.clock.now_ticks());
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
