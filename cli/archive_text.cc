#include "cli/archive_text.h"

#include <utility>

#include "aggregator/units.h"
#include "aggregator/utc_time.h"
#include "cli/text_table.h"

namespace ringside::cli {
namespace {

using aggregator::Json;

std::string Bytes(uint64_t bytes) {
  return aggregator::FormatValue(static_cast<double>(bytes), "By");
}

std::string Moment(uint64_t unix_ns) {
  constexpr size_t kToSeconds = 19;
  return unix_ns == 0 ? "-" : aggregator::FormatUtc(unix_ns).substr(0, kToSeconds) + "Z";
}

std::string Files(uint64_t count) {
  return std::to_string(count) + (count == 1 ? " file" : " files");
}

}  // namespace

std::string ArchiveTable(const std::vector<ArchiveRow>& rows, size_t max_width) {
  using Align = TextTable::Align;
  TextTable table;
  table.AddColumn("file", Align::kLeft);
  table.AddColumn("kind", Align::kLeft);
  for (const char* title :
       {"from", "to", "on disk", "text", "series", "batches", "intervals", "requests", "timings"}) {
    table.AddColumn(title, Align::kRight);
  }
  uint64_t disk = 0;
  uint64_t text = 0;
  std::string problems;
  for (const auto& [name, summary] : rows) {
    table.AddRow({name.DiskName(), ToString(name.kind), Moment(summary.first_unix_ns),
                  Moment(summary.last_unix_ns), Bytes(summary.disk_bytes),
                  Bytes(summary.text_bytes), std::to_string(summary.series),
                  std::to_string(summary.batches), std::to_string(summary.intervals),
                  std::to_string(summary.requests), std::to_string(summary.timings)});
    disk += summary.disk_bytes;
    text += summary.text_bytes;
    if (!summary.problem.empty()) {
      problems += name.DiskName() + ": " + summary.problem + "\n";
    }
  }
  return (rows.empty() ? std::string() : table.Format(max_width)) + problems + Files(rows.size()) +
         ", " + Bytes(disk) + " on disk, " + Bytes(text) + " of text\n";
}

Json ArchiveJson(const std::vector<ArchiveRow>& rows) {
  Json files = Json::array();
  for (const auto& [name, summary] : rows) {
    Json file{{"file", name.DiskName()},      {"kind", ToString(name.kind)},
              {"bytes", summary.disk_bytes},  {"text_bytes", summary.text_bytes},
              {"lines", summary.lines},       {"series", summary.series},
              {"batches", summary.batches},   {"intervals", summary.intervals},
              {"requests", summary.requests}, {"timings", summary.timings}};
    if (summary.batches != 0) {
      file["from"] = aggregator::FormatUtc(summary.first_unix_ns);
      file["to"] = aggregator::FormatUtc(summary.last_unix_ns);
    }
    if (!summary.problem.empty()) {
      file["problem"] = summary.problem;
    }
    files.push_back(std::move(file));
  }
  return Json{{"files", std::move(files)}};
}

std::string VerdictText(const aggregator::ArchiveVerdict& verdict) {
  const std::string read =
      Files(verdict.files) + ", " + std::to_string(verdict.batches) + " batches: ";
  if (verdict.problems == 0) {
    return read + "whole\n";
  }
  return read + std::to_string(verdict.problems) +
         (verdict.problems == 1 ? " problem, " : " problems, ") +
         std::to_string(verdict.damaged_batches) + " damaged batches and " +
         std::to_string(verdict.skipped_lines) + " lines skipped, " +
         std::to_string(verdict.chain_breaks) + " breaks in the chain\n";
}

Json VerdictJson(const aggregator::ArchiveVerdict& verdict, Json problems) {
  return Json{{"whole", verdict.problems == 0},
              {"files", verdict.files},
              {"batches", verdict.batches},
              {"damaged_batches", verdict.damaged_batches},
              {"skipped_lines", verdict.skipped_lines},
              {"chain_breaks", verdict.chain_breaks},
              {"problems", std::move(problems)}};
}

}  // namespace ringside::cli
