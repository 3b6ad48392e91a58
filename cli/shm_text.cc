#include "cli/shm_text.h"

#include <cstdint>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "aggregator/units.h"
#include "cli/query_text.h"
#include "cli/text_table.h"

namespace ringside::cli {
namespace {

using aggregator::FormatValue;
using aggregator::Json;
using Align = TextTable::Align;

std::string Text(const Json& object, const char* name) {
  const Json& value = object.at(name);
  if (value.is_null()) return "-";
  return value.is_string() ? Printable(value.get_ref<const std::string&>()) : value.dump();
}

std::string Seconds(const Json& object, const char* name) {
  return FormatValue(object.at(name).get<double>(), "s");
}

std::string Bytes(const Json& object, const char* name) {
  const Json& value = object.at(name);
  return value.is_null() ? "-" : FormatValue(value.get<double>(), "By");
}

// "k=v k=v", of labels or attributes.
std::string Pairs(const Json& pairs) {
  std::string text;
  for (const auto& item : pairs.items()) {
    const Json& value = item.value();
    text += (text.empty() ? "" : " ") + Printable(item.key()) + "=" +
            (value.is_string() ? Printable(value.get_ref<const std::string&>()) : value.dump());
  }
  return text;
}

std::string Time(const Json& object, const char* name) {
  return object.at(name).is_null() ? "-" : TimeText(object.at(name));
}

// "a 3, b 1": those that are not zero.
std::string NonZero(const Json& counts) {
  std::string text;
  for (const auto& item : counts.items()) {
    if (item.value().get<uint64_t>() == 0) continue;
    text += (text.empty() ? "" : ", ") + item.key() + " " + item.value().dump();
  }
  return text.empty() ? "none" : text;
}

std::string OperationText(const Json& row) {
  const std::string labels = Pairs(row.at("labels"));
  return Text(row, "operation") + (labels.empty() ? "" : " " + labels);
}

std::string OutcomeText(const Json& row) {
  const std::string type = row.contains("error_type") ? Text(row, "error_type") : "";
  return Text(row, "outcome") + (type.empty() ? "" : " (" + type + ")");
}

std::string Headline(const Json& report, size_t width) {
  const Json& p = report.at("producer");
  const Json& s = report.at("segment");
  TextTable table;
  table.AddColumn("", Align::kLeft);
  table.AddColumn("", Align::kLeft);
  const std::string holder = p.at("lock_holder").is_null() || p.at("lock_holder") == p.at("pid")
                                 ? ""
                                 : ", its lock is held by process " + p.at("lock_holder").dump();
  table.AddRow({"worker", fmt::format("{}, pid {}, {}{}", Text(p, "service"), Text(p, "pid"),
                                      Text(p, "state"), holder)});
  table.AddRow({"command", Text(p, "command")});
  table.AddRow({"started", Time(p, "started") + " (" + Seconds(p, "age") + " ago)"});
  if (!p.at("labels").empty()) table.AddRow({"labels", Pairs(p.at("labels"))});
  table.AddRow({"segment", fmt::format("{} ({}, {} of it real)", Text(s, "path"), Bytes(s, "bytes"),
                                       Bytes(s, "resident_bytes"))});
  table.AddRow({"probe", fmt::format("{}, format {}, clock {} ({:.3f} ns a tick)",
                                     Text(p, "probe_version"), Text(p, "format"), Text(p, "clock"),
                                     p.at("ns_per_tick").get<double>())});
  const bool was_met = p.at("interval").get<uint64_t>() != 0;
  table.AddRow(
      {"agent", fmt::format("{}{}{}", was_met ? "interval " + Text(p, "interval") : "none so far",
                            p.at("enabled").get<bool>() ? "" : ", switched off",
                            p.at("retired").get<bool>() ? ", retired" : "")});
  return table.Format(width);
}

std::string Counters(const Json& c, size_t width) {
  TextTable table;
  table.AddColumn("", Align::kLeft);
  table.AddColumn("", Align::kLeft);
  table.AddRow({"samples", Text(c, "recorded") + " recorded; lost: " + NonZero(c.at("lost"))});
  table.AddRow({"requests", fmt::format("{} begun, {} ended", Text(c, "requests_started"),
                                        Text(c, "requests_ended"))});
  table.AddRow({"raw detail", "dropped: " + NonZero(c.at("dropped"))});
  table.AddRow({"odd values", NonZero({{"clamped", c.at("clamped")},
                                       {"negative clock", c.at("negative_clock")},
                                       {"in coarse cells", c.at("coarse_samples")},
                                       {"overflow series", c.at("overflow_series")}})});
  table.AddRow(
      {"used",
       fmt::format("{} of {} series, {} of {} lanes, {} of {} slots, {} of {} pool",
                   Text(c, "series_used"), Text(c, "series_capacity"), Text(c, "lanes_used"),
                   Text(c, "lanes_capacity"), Text(c, "slots_used"), Text(c, "slots_capacity"),
                   Bytes(c, "pool_used"), Bytes(c, "pool_capacity"))});
  return table.Format(width);
}

using Columns = std::vector<std::pair<const char*, Align>>;
using CellsOf = std::vector<std::string> (*)(const Json& row);

// A titled part, left out where there is nothing to show.
std::string Part(const std::string& title, const Json& rows, const Columns& columns,
                 CellsOf cells_of, size_t width) {
  if (rows.empty()) return "";
  TextTable table;
  for (const auto& [name, align] : columns) table.AddColumn(name, align);
  for (const Json& row : rows) table.AddRow(cells_of(row));
  return "\n" + title + "\n" + table.Format(width);
}

std::vector<std::string> LaneCells(const Json& row) {
  return {Text(row, "lane"),           Text(row, "state"),       Text(row, "tid"),
          Text(row, "recorded"),       Text(row, "timing_head"), Text(row, "timing_unread"),
          Text(row, "timing_dropped"), Text(row, "requests"),    Text(row, "requests_dropped")};
}

std::vector<std::string> InFlightCells(const Json& row) {
  return {OperationText(row), Text(row, "tid"), Time(row, "started"), Seconds(row, "age")};
}

std::vector<std::string> RequestCells(const Json& row) {
  return {Text(row, "id"),
          OperationText(row),
          Text(row, "stage"),
          std::to_string(row.at("steps").size()),
          Time(row, "started"),
          Seconds(row, "age"),
          Pairs(row.at("attributes"))};
}

std::vector<std::string> SeriesCells(const Json& row) {
  const auto number = [&row](const char* name) {
    return NumberText(row, name, row.at("unit").get<std::string>());
  };
  const bool has_count = row.contains("count");
  return {OperationText(row),       OutcomeText(row),          has_count ? Text(row, "count") : "-",
          Printable(number("sum")), Printable(number("mean")), Printable(number("p50")),
          Printable(number("p90")), Printable(number("p99")),  Printable(number("max")),
          Printable(number("last"))};
}

std::vector<std::string> RecordCells(const Json& row) {
  std::string detail = OutcomeText(row);
  if (row.contains("attributes") && !row.at("attributes").empty()) {
    detail += " " + Pairs(row.at("attributes"));
  }
  return {Time(row, "time"), OperationText(row),
          Printable(NumberText(row, "value", row.at("unit").get<std::string>())),
          std::move(detail)};
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F, which some terminals obey, are C2 80 to C2 9F.
    const bool is_c1 =
        byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (byte >= 0x20 && byte != 0x7f && !is_c1) {
      clean += text[i];
      continue;
    }
    clean += "\xEF\xBF\xBD";
    i += is_c1 ? 1 : 0;
  }
  return clean;
}

std::string ShmText(const Json& report, size_t width) {
  constexpr Align kLeft = Align::kLeft;
  constexpr Align kRight = Align::kRight;
  std::string text = Headline(report, width) + "\n" + Counters(report.at("counters"), width);
  text += Part("open requests", report.at("open_requests"),
               {{"id", kLeft},
                {"operation", kLeft},
                {"stage", kLeft},
                {"steps", kRight},
                {"began", kLeft},
                {"age", kRight},
                {"attributes", kLeft}},
               RequestCells, width);
  text += Part("in flight", report.at("in_flight"),
               {{"operation", kLeft}, {"thread", kRight}, {"began", kLeft}, {"age", kRight}},
               InFlightCells, width);
  const std::string bound = BoundText(report);
  text += Part("series, since the worker began" + (bound.empty() ? "" : "; " + bound),
               report.at("series"),
               {{"operation", kLeft},
                {"outcome", kLeft},
                {"count", kRight},
                {"sum", kRight},
                {"mean", kRight},
                {"p50", kRight},
                {"p90", kRight},
                {"p99", kRight},
                {"max", kRight},
                {"last", kRight}},
               SeriesCells, width);
  text += Part("last records", report.at("records"),
               {{"time", kLeft}, {"operation", kLeft}, {"value", kRight}, {"outcome", kLeft}},
               RecordCells, width);
  text += Part("lanes", report.at("lanes"),
               {{"lane", kRight},
                {"state", kLeft},
                {"thread", kRight},
                {"samples", kRight},
                {"timings", kRight},
                {"unread", kRight},
                {"dropped", kRight},
                {"requests", kRight},
                {"dropped", kRight}},
               LaneCells, width);
  return text;
}

std::string ShmListText(const Json& summaries, size_t width) {
  TextTable table;
  for (const char* title : {"service", "instance", "state"}) table.AddColumn(title, Align::kLeft);
  for (const char* title : {"age", "samples", "lost", "open", "in flight", "real"}) {
    table.AddColumn(title, Align::kRight);
  }
  table.AddColumn("segment", Align::kLeft);
  for (const Json& row : summaries) {
    const Json& p = row.at("producer");
    uint64_t lost = 0;
    for (const Json& count : row.at("counters").at("lost")) lost += count.get<uint64_t>();
    table.AddRow({Text(p, "service"), Text(p, "instance"), Text(p, "state"), Seconds(p, "age"),
                  Text(row.at("counters"), "recorded"), std::to_string(lost),
                  Text(row, "open_requests"), Text(row, "in_flight"),
                  Bytes(row.at("segment"), "resident_bytes"), Text(row.at("segment"), "path")});
  }
  return table.Format(width);
}

}  // namespace ringside::cli
