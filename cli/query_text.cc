#include "cli/query_text.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "aggregator/query_select.h"
#include "aggregator/query_stat.h"
#include "aggregator/units.h"
#include "aggregator/utc_time.h"
#include "cli/text_table.h"

namespace ringside::cli {
namespace {

using aggregator::Json;

const std::set<std::string, std::less<>> kRowFields = {"operation", "kind", "unit", "labels"};

// The statistics that rows hold, in their order.
std::vector<std::string> StatNames(const Json& rows) {
  std::vector<std::string> names;
  for (const Json& row : rows) {
    for (const auto& item : row.items()) {
      if (!kRowFields.contains(item.key()) &&
          std::find(names.begin(), names.end(), item.key()) == names.end()) {
        names.push_back(item.key());
      }
    }
  }
  return names;
}

std::vector<std::string> LabelNames(const Json& row) {
  std::vector<std::string> names;
  for (const auto& item : row.at("labels").items()) {
    names.push_back(item.key());
  }
  return names;
}

// Each label its own column where all rows have the same ones; else one column for all labels.
bool LabelsAreColumns(const Json& rows) {
  return std::all_of(rows.begin(), rows.end(),
                     [&](const Json& row) { return LabelNames(row) == LabelNames(rows.front()); });
}

std::string StatText(const Json& row, const std::string& name) {
  aggregator::Row shape;
  shape.unit = row.value("unit", "");
  proto::ParseKind(row.value("kind", ""), &shape.kind);
  const auto stat = aggregator::ParseStat(name);
  return NumberText(row, name, stat.ok() ? aggregator::UnitOf(*stat, shape) : shape.unit);
}

TextTable Table(const Json& rows) {
  const std::vector<std::string> stats = StatNames(rows);
  const bool label_columns = LabelsAreColumns(rows);
  const std::vector<std::string> labels =
      label_columns ? LabelNames(rows.front()) : std::vector<std::string>{"labels"};
  TextTable table;
  table.AddColumn("operation", TextTable::Align::kLeft);
  for (const std::string& label : labels) {
    table.AddColumn(label, TextTable::Align::kLeft);
  }
  for (const std::string& stat : stats) {
    table.AddColumn(stat, TextTable::Align::kRight);
  }
  for (const Json& row : rows) {
    std::vector<std::string> cells = {row.at("operation").get<std::string>()};
    if (label_columns) {
      for (const std::string& label : labels) {
        cells.push_back(row.at("labels").at(label).get<std::string>());
      }
    } else {
      cells.push_back(LabelsText(row.at("labels")));
    }
    for (const std::string& stat : stats) {
      cells.push_back(StatText(row, stat));
    }
    table.AddRow(std::move(cells));
  }
  return table;
}

}  // namespace

std::string NumberText(const Json& object, const std::string& name, const std::string& unit) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number()) {
    return "-";
  }
  if (unit.empty() && found->is_number_integer()) {
    return found->dump();  // counts are shown whole
  }
  return aggregator::FormatValue(found->get<double>(), unit);
}

std::string LabelsText(const Json& labels) {
  std::string text;
  for (const auto& item : labels.items()) {
    text += (text.empty() ? "" : " ") + item.key() + "=" + item.value().get<std::string>();
  }
  return text;
}

std::string BoundText(const Json& answer) {
  const auto bound = answer.find("error_bound");
  if (bound == answer.end() || !bound->is_number()) {
    return "";
  }
  return fmt::format("percentiles ±{:.2f} %", bound->get<double>() * 100);
}

std::string TimeText(const Json& time) {
  const std::string text = time.get<std::string>();
  const auto unix_ns = aggregator::ParseUtc(text);
  constexpr uint64_t kMillisecond = 1000000;
  return unix_ns.ok() ? aggregator::FormatUtc(*unix_ns / kMillisecond * kMillisecond) : text;
}

std::string WindowText(const Json& window) {
  const Json& from = window.at("from");
  const Json& to = window.at("to");
  std::string text = TimeText(from) + " to " + TimeText(to);
  const auto begin = aggregator::ParseUtc(from.get<std::string>());
  const auto end = aggregator::ParseUtc(to.get<std::string>());
  if (begin.ok() && end.ok() && *end > *begin) {
    constexpr uint64_t kSecond = 1000000000;
    const uint64_t seconds = (*end - *begin + kSecond / 2) / kSecond;
    text += " (" + aggregator::FormatDuration(std::max<uint64_t>(seconds, 1) * kSecond) + ")";
  }
  return text;
}

std::string QueryText(const Json& answer, size_t width) {
  const Json& rows = answer.at("rows");
  std::string footer = WindowText(answer.at("window"));
  if (rows.empty()) {
    return "no samples in " + footer + "\n";
  }
  if (const std::string bound = BoundText(answer); !bound.empty()) {
    footer += ", " + bound;
  }
  return Table(rows).Format(width) + "\n" + footer + "\n";
}

}  // namespace ringside::cli
