#include "cli/report_text.h"

#include <fmt/format.h>

#include "aggregator/units.h"
#include "cli/query_text.h"
#include "cli/text_table.h"

namespace ringside::cli {
namespace {

using aggregator::Json;
using Align = TextTable::Align;

constexpr const char* kTimes[] = {"mean", "min", "max", "p50", "p95", "p99"};
constexpr std::string_view kIndent = "  ";

// Attributes that count bytes are shown as bytes; that is what their names say.
std::string UnitOfAttribute(std::string_view name) {
  if (name.ends_with("_bytes")) {
    return "By";
  }
  return name.ends_with("_seconds") ? "s" : "";
}

std::string ValueText(const Json& value) {
  if (value.is_number_float()) {
    return fmt::format("{:.4g}", value.get<double>());
  }
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string AttributesText(const Json& attributes) {
  std::string text;
  for (const auto& item : attributes.items()) {
    text += (text.empty() ? "" : " ") + item.key() + "=" + ValueText(item.value());
  }
  return text;
}

std::string TotalsText(const Json& totals) {
  std::string text =
      fmt::format("{} requests, {} successful, {} failed\n", totals.at("requests").dump(),
                  totals.at("successful").dump(), totals.at("failed").dump());
  TextTable table;
  table.AddColumn("attribute", Align::kLeft);
  for (const char* title : {"mean", "min", "max", "sum"}) {
    table.AddColumn(title, Align::kRight);
  }
  for (const auto& item : totals.at("attributes").items()) {
    const std::string unit = UnitOfAttribute(item.key());
    std::vector<std::string> cells = {item.key()};
    for (const char* name : {"mean", "min", "max", "sum"}) {
      cells.push_back(aggregator::FormatValue(item.value().at(name).get<double>(), unit));
    }
    table.AddRow(std::move(cells));
  }
  return table.empty() ? text : text + "\n" + table.Format(0);
}

std::string ErrorsText(const Json& row) {
  std::string text;
  const Json errors = row.value("errors_by_type", Json::object());
  for (const auto& item : errors.items()) {
    text += (text.empty() ? "" : ", ") + item.key() + " " + item.value().dump();
  }
  const uint64_t aborted = row.value("aborted", uint64_t{0});
  if (aborted > 0) {
    text += (text.empty() ? "" : ", ") + fmt::format("aborted {}", aborted);
  }
  return text;
}

void AddStatsRow(const std::string& name, const Json& row, TextTable* table) {
  std::vector<std::string> cells = {name, NumberText(row, "share", "%"),
                                    NumberText(row, "count", "")};
  for (const char* time : kTimes) {
    cells.push_back(NumberText(row, time, "s"));
  }
  cells.push_back(ErrorsText(row));
  table->AddRow(std::move(cells));
}

std::string Title(const Json& operation) {
  std::string title = operation.at("operation").get<std::string>();
  if (const std::string labels = LabelsText(operation.at("labels")); !labels.empty()) {
    title += " {" + labels + "}";
  }
  return title;
}

std::string BottleneckText(const Json& operation) {
  if (!operation.at("bottleneck").is_string()) {
    return "";
  }
  const std::string name = operation.at("bottleneck").get<std::string>();
  std::string text = "bottleneck: " + name;
  for (const Json& stage : operation.at("stages")) {
    if (stage.at("stage") == name) {
      text += " (" + NumberText(stage, "share", "%") + " of the time)";
    }
  }
  for (const Json& other : operation.at("bottlenecks")) {
    if (other != name) {
      text += ", then " + other.get<std::string>();
    }
  }
  return text + "\n";
}

// One table for all, so that columns line up: operations, and their stages indented below.
std::string OperationsText(const Json& operations, size_t width) {
  TextTable table;
  table.AddColumn("operation", Align::kLeft);
  table.AddColumn("share", Align::kRight);
  table.AddColumn("count", Align::kRight);
  for (const char* time : kTimes) {
    table.AddColumn(time, Align::kRight);
  }
  table.AddColumn("errors", Align::kLeft);
  std::string bottlenecks;
  for (const Json& operation : operations) {
    AddStatsRow(Title(operation), operation, &table);
    for (const Json& stage : operation.at("stages")) {
      AddStatsRow(std::string(kIndent) + stage.at("stage").get<std::string>(), stage, &table);
    }
    if (const std::string text = BottleneckText(operation); !text.empty()) {
      bottlenecks += Title(operation) + ": " + text;
    }
  }
  return table.Format(width) + (bottlenecks.empty() ? "" : "\n" + bottlenecks);
}

std::string StepsText(const Json& steps, size_t width) {
  TextTable table;
  table.AddColumn("", Align::kLeft);
  table.AddColumn("", Align::kRight);
  table.AddColumn("", Align::kRight);
  table.AddColumn("", Align::kLeft);
  for (const Json& step : steps) {
    std::string detail = AttributesText(step.at("attributes"));
    if (step.at("error").is_object()) {
      detail =
          step.at("error").at("type").get<std::string>() + (detail.empty() ? "" : " ") + detail;
    }
    table.AddRow({step.at("name").get<std::string>(), NumberText(step, "duration", "s"),
                  aggregator::FormatValue(step.at("percent").get<double>() / 100, "%"), detail});
  }
  return table.empty() ? std::string() : table.Format(width, "    ");
}

std::string RequestText(const Json& request, size_t width) {
  std::string result = request.at("outcome").get<std::string>();
  if (request.at("error").is_object()) {
    const Json& error = request.at("error");
    result += " " + error.at("type").get<std::string>();
    const std::string message = error.at("message").get<std::string>();
    result += message.empty() ? "" : ": " + message;
  }
  std::string text = fmt::format("{}  {}  {}  {}\n", TimeText(request.at("timestamp")),
                                 Title(request), NumberText(request, "duration", "s"), result);
  if (const std::string attributes = AttributesText(request.at("attributes"));
      !attributes.empty()) {
    text += std::string(kIndent) + attributes + "\n";
  }
  return text + StepsText(request.at("steps"), width);
}

}  // namespace

std::string ReportText(const Json& report, size_t width) {
  const Json& operations = report.at("operations");
  if (operations.empty()) {
    return "no operations in " + WindowText(report.at("window")) + "\n";
  }
  std::string text = WindowText(report.at("window"));
  if (const std::string bound = BoundText(report); !bound.empty()) {
    text += ", " + bound;
  }
  text += "\n" + TotalsText(report.at("totals")) + "\n" + OperationsText(operations, width);
  if (!report.at("requests").empty()) {
    text += "\nlast requests, newest first\n";
    for (const Json& request : report.at("requests")) {
      text += RequestText(request, width);
    }
  }
  return text;
}

}  // namespace ringside::cli
