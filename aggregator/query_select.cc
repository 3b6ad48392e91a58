#include "aggregator/query_select.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace ringside::aggregator {
namespace {

// Beyond this from the server's clock, the last interval's end says nothing about "now".
constexpr uint64_t kFreshNs = 10 * kSecondNs;
// Clocks that are kept in step may be ahead by this much.
constexpr uint64_t kAheadNs = kSecondNs;

// Orders rows; the rows' distributions are not part of it.
using RowKey = std::tuple<std::string, proto::Kind, std::string, proto::LabelList>;

// Labels of a row, once per series: what it is grouped by.
proto::LabelList GroupLabels(const StoredSeries& series,
                             const std::optional<std::vector<std::string>>& by) {
  if (!by) return series.key().labels;
  proto::LabelList labels;
  labels.reserve(by->size());
  for (const std::string& name : *by) labels.emplace_back(name, series.Label(name));
  return labels;
}

std::string UnitOfSeries(const proto::SeriesKey& key) {
  return key.kind == proto::Kind::kDuration ? "s" : key.unit;
}

void AddSeries(const StoredSeries& series, const Window& window, bool aborted_is_timed, Row* row) {
  proto::Distribution merged = EmptyDistribution(series.key().resolution);
  if (!series.MergeInto(window, &merged)) return;
  const uint64_t count = merged.Count();
  row->hosts.insert(series.producer().host);
  row->total_ns +=
      series.key().kind == proto::Kind::kDuration ? static_cast<double>(merged.sum) : 0;
  switch (series.key().outcome) {
    case proto::Outcome::kOk:
      row->ok += count;
      break;
    case proto::Outcome::kError:
      row->errors += count;
      row->errors_by_type[series.key().error_type] += count;
      break;
    case proto::Outcome::kAborted:
      row->aborted += count;
      if (!aborted_is_timed) return;
      break;
  }
  row->timed.Merge(merged);
}

}  // namespace

bool Selector::Filters(std::string_view label) const {
  return std::any_of(where.begin(), where.end(),
                     [&](const LabelMatch& match) { return match.name == label; });
}

std::vector<Row> Select(const Store& store, const Selector& selector,
                        const std::optional<std::vector<std::string>>& by, const Window& window) {
  const bool aborted_is_timed = selector.Filters("outcome") ||
                                (by && std::find(by->begin(), by->end(), "outcome") != by->end());
  const HostClocks clocks = window.is_recent ? store.Clocks() : HostClocks();
  std::map<RowKey, Row> rows;
  store.ForEachSeries(selector.name, [&](const StoredSeries& series) {
    if (!Matches(selector.where, series)) return;
    const proto::SeriesKey& key = series.key();
    RowKey row_key{key.path, key.kind, UnitOfSeries(key), GroupLabels(series, by)};
    const auto [place, is_new] = rows.try_emplace(row_key);
    if (is_new) {
      std::tie(place->second.operation, place->second.kind, place->second.unit,
               place->second.labels) = std::move(row_key);
      place->second.timed = EmptyDistribution(key.resolution);
    }
    AddSeries(series, clocks.OfHost(window, series.producer().host), aborted_is_timed,
              &place->second);
  });
  std::vector<Row> answer;
  std::map<std::set<std::string, std::less<>>, double> covered;  // most rows share their hosts
  for (auto& [key, row] : rows) {
    if (row.hosts.empty()) continue;
    const auto [place, is_new] = covered.try_emplace(row.hosts);
    if (is_new) place->second = store.CoveredSeconds(row.hosts, window);
    row.covered_seconds = place->second;
    answer.push_back(std::move(row));
  }
  return answer;
}

uint64_t WindowEnd(const Store& store, uint64_t now_unix_ns) {
  if (now_unix_ns == 0) return store.LastClosedUnixNs();
  const uint64_t closed = store.LastClosedUnixNs(now_unix_ns + kAheadNs);
  return closed + kFreshNs >= now_unix_ns ? closed : now_unix_ns;
}

}  // namespace ringside::aggregator
