#include "cli/segment_statistics.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include "agent/cell_count.h"
#include "agent/differ.h"
#include "proto/distribution.h"
#include "proto/series.h"

namespace ringside::cli {
namespace {

using aggregator::Json;
using proto::Distribution;
using proto::Kind;
using proto::SeriesKey;

// Duplicates are legal in a segment: by key they are one.
std::map<SeriesKey, Distribution> MergedByKey(std::vector<proto::SeriesDelta> all,
                                              bool has_all_extremes) {
  std::map<SeriesKey, Distribution> merged;
  for (proto::SeriesDelta& series : all) {
    // Extremes are kept for the last intervals alone; without an agent all is one interval.
    if (!has_all_extremes) series.delta.has_extremes = false;
    merged[series.key].Merge(series.delta);
  }
  return merged;
}

void AddQuantiles(const Distribution& total, double factor, Json* row) {
  constexpr std::array<std::pair<const char*, double>, 3> kQuantiles = {
      {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}}};
  for (const auto& [name, q] : kQuantiles) (*row)[name] = total.Quantile(q).value_or(0) * factor;
  (*row)["max"] = total.has_extremes ? static_cast<double>(total.max) * factor
                                     : total.Quantile(1).value_or(0) * factor;
  (*row)["error_bound"] = proto::ErrorBound(total.histogram.scale());
}

Json RowOf(const SeriesKey& key, const Distribution& total) {
  const double factor = proto::RealFactor(key);
  Json row = {{"operation", key.path},
              {"kind", proto::ToString(key.kind)},
              {"outcome", proto::ToString(key.outcome)},
              {"error_type", key.error_type},
              {"unit", UnitOf(key)},
              {"labels", aggregator::LabelsToJson(key.labels)}};
  const double sum = static_cast<double>(total.sum) * factor;
  row["sum"] = sum;
  if (key.kind == Kind::kCounter) return row;
  const uint64_t count = total.Count();
  row["count"] = count;
  if (count > 0) {
    row["mean"] = sum / static_cast<double>(count);
    AddQuantiles(total, factor, &row);
  }
  if (key.kind == Kind::kGauge && total.last_unix_ns != 0) {
    row["last"] = static_cast<double>(total.last) * factor;
  }
  return row;
}

std::vector<uint64_t> SamplesByLane(const SegmentLook& look) {
  std::vector<uint64_t> samples;
  for (uint32_t lane = 0; lane < look.image_head.lanes_used; ++lane) {
    agent::BaselineSlot head{};
    head.lanes_used = 1;
    head.series_count = look.image_head.series_count;
    head.pool_used = look.image_head.pool_used;
    agent::SlotImage one = look.image;
    one.head = &head;
    one.directory = look.image.directory + uint64_t{lane} * look.image.series_capacity;
    const proto::Result<uint64_t> count = agent::CountSamples(one, look.table);
    if (!count) return {};  // said already, of the whole
    samples.push_back(*count);
  }
  return samples;
}

}  // namespace

std::string UnitOf(const SeriesKey& key) { return key.kind == Kind::kDuration ? "s" : key.unit; }

SegmentStatistics ReadStatistics(SegmentLook* look) {
  SegmentStatistics statistics;
  agent::BaselineSlot no_lanes{};
  agent::SlotImage beginning = look->image;
  beginning.head = &no_lanes;
  proto::Result<std::vector<proto::SeriesDelta>> all =
      agent::Differ(look->image, beginning, look->table, look->clock);
  if (!all) {
    look->Note("statistics", all.status());
    return statistics;
  }
  const proto::Result<uint64_t> recorded = agent::CountSamples(look->image, look->table);
  if (!recorded) {
    look->Note("statistics", recorded.status());
    return statistics;
  }
  statistics.recorded = *recorded;
  statistics.by_lane = SamplesByLane(*look);
  for (const auto& [key, total] : MergedByKey(std::move(*all), look->interval() == 0)) {
    if (!total.histogram.empty()) {
      const double bound = proto::ErrorBound(total.histogram.scale());
      const Json& known = statistics.error_bound;
      if (known.is_null() || bound > known.get<double>()) statistics.error_bound = bound;
    }
    statistics.series.push_back(RowOf(key, total));
  }
  return statistics;
}

}  // namespace ringside::cli
