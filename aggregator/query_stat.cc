#include "aggregator/query_stat.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "aggregator/query_select.h"

namespace ringside::aggregator {
namespace {

constexpr std::array<std::pair<std::string_view, StatKind>, 11> kNamedStats = {{
    {"count", StatKind::kCount},
    {"ok", StatKind::kOk},
    {"errors", StatKind::kErrors},
    {"aborted", StatKind::kAborted},
    {"rate", StatKind::kRate},
    {"sum", StatKind::kSum},
    {"mean", StatKind::kMean},
    {"min", StatKind::kMin},
    {"max", StatKind::kMax},
    {"error_rate", StatKind::kErrorRate},
    {"last", StatKind::kLast},
}};

// "p99.9": digits, and at most two after the point; 0 to 100.
std::optional<double> ParsePercentile(std::string_view text) {
  if (text.size() < 2 || text.size() > 6 || text.front() != 'p') return std::nullopt;
  text.remove_prefix(1);
  const size_t point = text.find('.');
  const size_t digits = point == std::string_view::npos ? text.size() : point;
  if (digits == 0 || digits > 3 || digits + 1 == text.size()) return std::nullopt;
  if (digits < text.size() && text.size() - digits > 3) return std::nullopt;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i != point && (text[i] < '0' || text[i] > '9')) return std::nullopt;
  }
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  if (value > 100) return std::nullopt;
  return value / 100;
}

// From the row's integers to its unit. Divided, not multiplied by 1e-9: only so 12.3 ms is 0.0123.
double ToReal(const Row& row, double integers) {
  return row.kind == proto::Kind::kDuration ? integers / 1e9
                                            : std::ldexp(integers, row.timed.resolution);
}

std::optional<double> RateOf(const Row& row) {
  if (row.covered_seconds <= 0) return std::nullopt;
  const double amount = row.kind == proto::Kind::kCounter
                            ? ToReal(row, static_cast<double>(row.timed.sum))
                            : static_cast<double>(row.Count());
  return amount / row.covered_seconds;
}

// Statistics of the samples themselves.
std::optional<double> SampleStat(const Stat& stat, const Row& row) {
  const proto::Distribution& timed = row.timed;
  const uint64_t count = timed.Count();
  switch (stat.kind) {
    case StatKind::kSum: {
      if (count == 0 && row.kind != proto::Kind::kCounter) return std::nullopt;
      return ToReal(row, static_cast<double>(timed.sum));
    }
    case StatKind::kMean:
      if (count == 0) return std::nullopt;
      return ToReal(row, static_cast<double>(timed.sum)) / static_cast<double>(count);
    case StatKind::kMin:
      if (!timed.has_extremes) return std::nullopt;
      return ToReal(row, static_cast<double>(timed.min));
    case StatKind::kMax:
      if (!timed.has_extremes) return std::nullopt;
      return ToReal(row, static_cast<double>(timed.max));
    case StatKind::kQuantile: {
      const std::optional<double> quantile = timed.Quantile(stat.quantile);
      if (!quantile) return std::nullopt;
      return ToReal(row, *quantile);
    }
    case StatKind::kLast:
      if (row.kind != proto::Kind::kGauge || timed.last_unix_ns == 0) return std::nullopt;
      return ToReal(row, static_cast<double>(timed.last));
    default:
      return std::nullopt;
  }
}

std::optional<double> CountStat(const Stat& stat, const Row& row) {
  // A counter keeps what was added, not how often.
  if (row.kind == proto::Kind::kCounter) return std::nullopt;
  switch (stat.kind) {
    case StatKind::kCount:
      return static_cast<double>(row.Count());
    case StatKind::kOk:
      return static_cast<double>(row.ok);
    case StatKind::kErrors:
      return static_cast<double>(row.errors);
    case StatKind::kAborted:
      return static_cast<double>(row.aborted);
    case StatKind::kErrorRate:
      if (row.kind != proto::Kind::kDuration || row.Count() == 0) return std::nullopt;
      return static_cast<double>(row.errors + row.aborted) / static_cast<double>(row.Count());
    default:
      return std::nullopt;
  }
}

}  // namespace

proto::Result<Stat> ParseStat(std::string_view text) {
  for (const auto& [name, kind] : kNamedStats) {
    if (text == name) return Stat{kind, 0, std::string(text)};
  }
  if (const std::optional<double> quantile = ParsePercentile(text)) {
    return Stat{StatKind::kQuantile, *quantile, std::string(text)};
  }
  return proto::Status::Error(
      "unknown statistic \"" + std::string(text.substr(0, 32)) +
      "\" (known: count, rate, sum, mean, min, max, p0 to p100 such as p99.9, error_rate, ok, "
      "errors, aborted, last)");
}

std::optional<double> ValueOf(const Stat& stat, const Row& row) {
  if (stat.kind == StatKind::kRate) return RateOf(row);
  const std::optional<double> count = CountStat(stat, row);
  return count ? count : SampleStat(stat, row);
}

std::string UnitOf(const Stat& stat, const Row& row) {
  switch (stat.kind) {
    case StatKind::kCount:
    case StatKind::kOk:
    case StatKind::kErrors:
    case StatKind::kAborted:
      return "";
    case StatKind::kRate:
      return row.kind == proto::Kind::kCounter && row.unit == "By" ? "By/s" : "1/s";
    case StatKind::kErrorRate:
      return "%";
    default:
      return row.unit;
  }
}

}  // namespace ringside::aggregator
