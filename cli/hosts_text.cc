#include "cli/hosts_text.h"

#include <cstdint>
#include <vector>

#include <fmt/format.h>

#include "aggregator/units.h"
#include "cli/query_text.h"
#include "cli/text_table.h"

namespace ringside::cli {
namespace {

using aggregator::Json;

// "?" where it is not known.
std::string Text(const Json& row, const char* name) {
  const auto found = row.find(name);
  return found != row.end() && found->is_string() ? found->get<std::string>() : "?";
}

std::string Number(const Json& row, const char* name, const char* unit) {
  const auto found = row.find(name);
  return found != row.end() && found->is_number() ? NumberText(row, name, unit) : "?";
}

std::string OffsetText(const Json& row) {
  const auto found = row.find("clock_offset");
  if (found == row.end() || !found->is_number()) return "?";
  const double offset = found->get<double>();
  return (offset < 0 ? "-" : "+") + aggregator::FormatValue(offset < 0 ? -offset : offset, "s");
}

// "?" for the versions of an agent that has not greeted yet.
std::string VersionText(const Json& row) {
  const std::string software = Text(row, "software_version");
  return software == "?" ? software : software + " (wire " + Text(row, "wire_version") + ")";
}

void AddNote(const std::string& note, std::string* notes) {
  *notes += (notes->empty() ? "" : "; ") + note;
}

std::string NotesText(const Json& row) {
  std::string notes;
  if (const std::string refusal = Text(row, "refusal"); refusal != "?") AddNote(refusal, &notes);
  if (!row.value("balanced", true)) AddNote("NOT BALANCED", &notes);
  const uint64_t missing = row.value("missing_batches", uint64_t{0});
  if (missing != 0) AddNote(fmt::format("{} batches never came", missing), &notes);
  if (const auto& backlog = row.at("backlog_batches"); backlog.is_number() && backlog != 0) {
    AddNote(backlog.dump() + " batches to come", &notes);
  }
  if (!row.value("heard", true)) AddNote("not heard of since this aggregator started", &notes);
  return notes;
}

std::string Footer(const Json& answer) {
  std::string text;
  for (const auto& [state, count] : answer.at("states").items()) {
    if (count != 0) text += (text.empty() ? "" : ", ") + count.dump() + " " + state;
  }
  const uint64_t matched = answer.value("matched", uint64_t{0});
  const uint64_t shown = answer.at("hosts").size();
  if (shown < matched) text += fmt::format("; {} of {} that match are shown", shown, matched);
  if (const uint64_t left_out = answer.value("left_out", uint64_t{0}); left_out != 0) {
    text += fmt::format("; {} times an agent was one too many to be listed", left_out);
  }
  return text + "\n";
}

}  // namespace

std::string HostsText(const Json& answer, size_t width) {
  const Json& hosts = answer.at("hosts");
  if (hosts.empty()) {
    const std::string footer = Footer(answer);
    return footer == "\n" ? "no agent has reported yet\n" : "none that matches; " + footer;
  }
  TextTable table;
  for (const char* title : {"host", "state"}) table.AddColumn(title, TextTable::Align::kLeft);
  for (const char* title : {"lag", "seen", "clock", "workers", "lost", "spool"}) {
    table.AddColumn(title, TextTable::Align::kRight);
  }
  for (const char* title : {"version", "agent", ""}) {
    table.AddColumn(title, TextTable::Align::kLeft);
  }
  constexpr size_t kShortId = 8;
  for (const Json& row : hosts) {
    table.AddRow({Text(row, "host"), Text(row, "state"), Number(row, "lag", "s"),
                  Number(row, "seen_ago", "s") + " ago", OffsetText(row),
                  row.at("producers").dump(), row.at("lost").dump(),
                  Number(row, "spool_bytes", "By"), VersionText(row),
                  Text(row, "agent").substr(0, kShortId), NotesText(row)});
  }
  return table.Format(width) + "\n" + Footer(answer);
}

}  // namespace ringside::cli
