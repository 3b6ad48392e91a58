#include "cli/inflight_text.h"

#include <cstdint>

#include <fmt/format.h>

#include "aggregator/units.h"
#include "cli/query_text.h"
#include "cli/text_table.h"

namespace ringside::cli {
namespace {

using aggregator::Json;

std::string Text(const Json& row, const char* name) {
  const auto found = row.find(name);
  return found != row.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// "transcribe/decode", and since when that stage where it is not the whole request's age.
std::string WhatText(const Json& row) {
  const std::string stage = Text(row, "stage");
  const std::string operation = Text(row, "operation");
  return stage.empty() ? operation : operation + "/" + stage;
}

// "STUCK 12x": beside its p99.
std::string StuckText(const Json& row) {
  if (!row.value("stuck", false)) return "";
  const auto ratio = row.find("ratio");
  return ratio != row.end() && ratio->is_number()
             ? fmt::format("STUCK {:.0f}x p99", ratio->get<double>())
             : "STUCK";
}

uint64_t Sum(const Json& agents, const char* name) {
  uint64_t sum = 0;
  for (const Json& agent : agents) sum += agent.value(name, uint64_t{0});
  return sum;
}

std::string Counted(uint64_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string Footer(const Json& answer) {
  const Json& agents = answer.at("agents");
  std::string text = Counted(Sum(agents, "requests"), "request") + " and " +
                     Counted(Sum(agents, "operations"), "operation") + " in flight on " +
                     Counted(agents.size(), "host");
  const uint64_t matched = answer.value("matched", uint64_t{0});
  const uint64_t shown = answer.at("rows").size();
  if (shown < matched) text += fmt::format("; the oldest {} of {} that match", shown, matched);
  if (const uint64_t omitted = Sum(agents, "omitted"); omitted > 0) {
    text += fmt::format("; {} younger ones were only counted", omitted);
  }
  for (const Json& agent : agents) {
    constexpr double kOldSeconds = 3;
    const double ago = agent.value("sampled_ago", 0.0);
    if (ago >= kOldSeconds) {
      text += "; " + Text(agent, "host") + " was last heard of " +
              aggregator::FormatValue(ago, "s") + " ago";
    }
  }
  return text + "\n";
}

}  // namespace

std::string InFlightText(const Json& answer, size_t width) {
  if (answer.at("agents").empty()) {
    return "no agent says what is in flight (is one running, and not older than this?)\n";
  }
  const Json& rows = answer.at("rows");
  if (rows.empty()) return "nothing that matches; " + Footer(answer);
  TextTable table;
  table.AddColumn("age", TextTable::Align::kRight);
  for (const char* title : {"operation", "labels", "host", "service"}) {
    table.AddColumn(title, TextTable::Align::kLeft);
  }
  table.AddColumn("pid", TextTable::Align::kRight);
  table.AddColumn("in stage", TextTable::Align::kRight);
  for (const char* title : {"id", "", "evidence"}) table.AddColumn(title, TextTable::Align::kLeft);
  for (const Json& row : rows) {
    table.AddRow({NumberText(row, "age", "s"), WhatText(row), LabelsText(row.at("labels")),
                  Text(row, "host"), Text(row, "service"), row.at("pid").dump(),
                  Text(row, "stage").empty() ? "" : NumberText(row, "stage_age", "s"),
                  Text(row, "id"), StuckText(row), Text(row, "evidence")});
  }
  return table.Format(width) + "\n" + Footer(answer);
}

}  // namespace ringside::cli
