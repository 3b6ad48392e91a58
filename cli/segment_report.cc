#include "cli/segment_report.h"

#include <utility>

#include <sys/stat.h>

#include "agent/producer.h"
#include "aggregator/utc_time.h"
#include "cli/segment_look.h"
#include "cli/segment_records.h"
#include "cli/segment_requests.h"
#include "cli/segment_statistics.h"
#include "proto/loss.h"

namespace ringside::cli {
namespace {

using agent::Liveness;
using aggregator::Json;

const char* StateName(Liveness::Verdict verdict) {
  switch (verdict) {
    case Liveness::Verdict::kAlive:
      return "alive";
    case Liveness::Verdict::kDead:
      return "dead";
    case Liveness::Verdict::kSuspect:
      break;
  }
  return "suspect";
}

Json FileJson(const agent::SegmentFile& file, const std::string& path) {
  struct stat info {};
  constexpr uint64_t kBlockBytes = 512;  // of st_blocks, whatever the file system
  const bool is_known = fstat(file.fd(), &info) == 0;
  return {{"path", path},
          {"uuid", proto::ToString(file.identity().uuid)},
          {"bytes", file.geometry().segment_bytes},
          {"resident_bytes",
           is_known ? Json(static_cast<uint64_t>(info.st_blocks) * kBlockBytes) : Json(nullptr)}};
}

Json ProducerJson(const SegmentLook& look) {
  const agent::SegmentIdentity& identity = look.file.identity();
  const uint64_t now = aggregator::SystemUnixNs();
  const uint64_t age = now > identity.created_unix_ns ? now - identity.created_unix_ns : 0;
  return {{"service", identity.service},
          {"instance", agent::InstanceOf(identity.pid, identity.uuid)},
          {"pid", identity.pid},
          {"state", StateName(look.verdict)},
          {"lock_holder", look.holder_pid != 0 ? Json(look.holder_pid) : Json(nullptr)},
          {"started", aggregator::FormatUtc(identity.created_unix_ns)},
          {"age", static_cast<double>(age) * 1e-9},
          {"labels", aggregator::LabelsToJson(identity.labels)},
          {"command", identity.command},
          {"probe_version", identity.probe_version},
          {"format",
           std::to_string(proto::kSegmentMajor) + "." + std::to_string(identity.minor_version)},
          {"clock", identity.clock_kind == proto::ClockKind::kTsc ? "counter" : "monotonic"},
          {"ns_per_tick", static_cast<double>(identity.ns_per_tick_q32) / 4294967296.0},
          {"interval", look.interval()},
          {"enabled", (look.control & proto::kControlEnabled) != 0},
          {"retired", (look.control & proto::kControlRetired) != 0}};
}

template <typename Counts, typename Names>
Json ReasonsJson(const Counts& counts, const Names& names) {
  Json json = Json::object();
  for (size_t i = 0; i < counts.size(); ++i) json[names[i]] = counts[i];
  return json;
}

Json CountersJson(const SegmentLook& look, uint64_t recorded) {
  const proto::Geometry& g = look.file.geometry();
  proto::DropCounts dropped = look.use.dropped;
  auto& ring_full = dropped[static_cast<size_t>(proto::DropReason::kRingFull)];
  for (uint32_t i = 0; i < look.use.lanes_used; ++i) {
    ring_full += look.lanes[i].timing_dropped.load(std::memory_order_relaxed) +
                 look.lanes[i].request_dropped.load(std::memory_order_relaxed);
  }
  return {{"recorded", recorded},
          {"requests_started", look.requests_started},
          {"requests_ended", look.requests_ended},
          {"lost", ReasonsJson(look.use.lost, proto::kLossReasonNames)},
          {"dropped", ReasonsJson(dropped, proto::kDropReasonNames)},
          {"clamped", look.clamped},
          {"negative_clock", look.negative_clock},
          {"coarse_samples", look.coarse_samples},
          {"overflow_series", look.overflow_series},
          {"series_used", look.use.series_count},
          {"series_capacity", g.series_capacity},
          {"lanes_used", look.use.lanes_used},
          {"lanes_capacity", g.lane_count},
          {"slots_used", look.use.slots_used},
          {"slots_capacity", g.slot_count},
          {"pool_used", look.use.pool_used},
          {"pool_capacity", g.pool_bytes}};
}

const char* LaneStateName(proto::LaneState state) {
  switch (state) {
    case proto::LaneState::kFree:
      return "free";
    case proto::LaneState::kOwned:
      return "owned";
    case proto::LaneState::kShared:
      return "shared";
  }
  return "unknown";
}

Json LanesJson(const SegmentLook& look, const std::vector<uint64_t>& recorded) {
  const auto load = [](const std::atomic<uint64_t>& word) {
    return word.load(std::memory_order_relaxed);
  };
  Json lanes = Json::array();
  for (uint32_t i = 0; i < look.use.lanes_used; ++i) {
    const proto::Lane& lane = look.lanes[i];
    const uint64_t head = load(lane.timing_head);
    lanes.push_back({{"lane", i},
                     {"state", LaneStateName(lane.state.load(std::memory_order_relaxed))},
                     {"tid", lane.owner_tid},
                     {"recorded", i < recorded.size() ? Json(recorded[i]) : Json(nullptr)},
                     {"timing_head", head},
                     {"timing_unread", head - load(lane.timing_tail)},
                     {"timing_dropped", load(lane.timing_dropped)},
                     {"requests", load(lane.request_records)},
                     {"requests_dropped", load(lane.request_dropped)}});
  }
  return lanes;
}

}  // namespace

Json ReportSegment(const agent::SegmentFile& file, const std::string& path, size_t records,
                   agent::ProcessMaps* processes) {
  const std::unique_ptr<SegmentLook> look = TakeLook(file, processes);
  SegmentStatistics statistics = ReadStatistics(look.get());
  Json report = {{"segment", FileJson(file, path)},
                 {"producer", ProducerJson(*look)},
                 {"counters", CountersJson(*look, statistics.recorded)},
                 {"lanes", LanesJson(*look, statistics.by_lane)},
                 {"in_flight", ReadInFlight(*look)},
                 {"open_requests", ReadOpenRequests(look.get())},
                 {"series", std::move(statistics.series)},
                 {"error_bound", std::move(statistics.error_bound)},
                 {"records", ReadLastRecords(look.get(), records)}};
  report["damage"] = look->damage;
  return report;
}

Json SummarizeSegment(const agent::SegmentFile& file, const std::string& path,
                      agent::ProcessMaps* processes) {
  const std::unique_ptr<SegmentLook> look = TakeLook(file, processes);
  const SegmentStatistics statistics = ReadStatistics(look.get());
  Json summary = {{"segment", FileJson(file, path)},
                  {"producer", ProducerJson(*look)},
                  {"counters", CountersJson(*look, statistics.recorded)}};
  summary["open_requests"] = ReadOpenRequests(look.get()).size();
  summary["in_flight"] = ReadInFlight(*look).size();
  summary["damage"] = look->damage;
  return summary;
}

}  // namespace ringside::cli
