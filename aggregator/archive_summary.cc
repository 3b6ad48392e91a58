#include "aggregator/archive_summary.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "aggregator/archive_file_reader.h"
#include "aggregator/archive_text.h"

namespace ringside::aggregator {
namespace {

constexpr size_t kReadBytes = size_t{1} << 20;

bool IsOfType(std::string_view line, std::string_view type) {
  constexpr std::string_view kBegin = R"({"type":")";
  if (!line.starts_with(kBegin)) return false;
  line.remove_prefix(kBegin.size());
  return line.starts_with(type) && line.substr(type.size()).starts_with('"');
}

// `line` has kPadding bytes behind it.
void CountLine(std::string_view line, ArchiveParser* parser, ArchiveSummary* summary) {
  ++summary->lines;
  const std::array<std::pair<std::string_view, uint64_t*>, 4> counts = {{
      {"interval", &summary->intervals},
      {"series", &summary->series},
      {"request", &summary->requests},
      {"timing", &summary->timings},
  }};
  for (const auto& [type, count] : counts) {
    if (IsOfType(line, type)) ++*count;
  }
  if (!IsOfType(line, "commit")) return;
  const auto commit = parser->ParseCommit(line);
  if (!commit.ok()) return;
  const bool is_first = summary->batches++ == 0;
  const uint64_t start = commit->interval_start_unix_ns;
  summary->first_unix_ns = is_first ? start : std::min(summary->first_unix_ns, start);
  summary->last_unix_ns = std::max(summary->last_unix_ns, commit->interval_end_unix_ns);
}

// A file that no view takes: read by itself.
void ReadAlone(const std::string& directory, const ArchiveFileName& name, ArchiveReport* report) {
  report->applied = {};
  report->requests = {};
  report->timings = {};
  auto text = ArchiveText::Open(directory, name);
  if (!text.ok())
    return report->Add({name.DiskName(), 0, "cannot be read: " + text.message(), false});
  ArchiveFileReader reader(name, &*text, report);
  static_cast<void>(reader.ReadHead());  // what is wrong with it is in the report
  reader.Read([](const ArchivedBatch&) {});
}

}  // namespace

ArchiveSummary Summarize(const std::string& directory, const ArchiveFileName& name) {
  ArchiveSummary summary;
  auto text = ArchiveText::Open(directory, name);
  if (!text.ok()) {
    summary.problem = text.message();
    return summary;
  }
  ArchiveParser parser;
  std::string window;
  size_t end = 0;
  while (true) {
    window.resize(end + kReadBytes + ArchiveParser::kPadding);
    const size_t got = text->Read(window.data() + end, kReadBytes);
    if (got == 0) break;
    summary.text_bytes += got;
    end += got;
    size_t begin = 0;
    while (true) {
      const size_t newline = std::string_view(window).substr(0, end).find('\n', begin);
      if (newline == std::string::npos) break;
      CountLine(std::string_view(window).substr(begin, newline - begin), &parser, &summary);
      begin = newline + 1;
    }
    window.erase(0, begin);
    end -= begin;
  }
  summary.disk_bytes = text->disk_bytes();
  summary.problem = text->TakeProblem();
  return summary;
}

proto::Result<ArchiveVerdict> VerifyArchive(
    const std::string& dir, bool is_served,
    const std::function<void(const ArchiveProblem&)>& on_problem) {
  ArchiveReport report;
  const std::string directory = ArchiveDirectory(dir);
  const auto entries = ListArchive(directory);
  if (!entries.ok()) return entries.status();
  ArchiveVerdict verdict;
  std::string newest;
  for (const ArchiveEntry& entry : *entries) {
    if (entry.name.kind == ArchiveKind::kRaw) newest = entry.name.FileName();
  }
  report.on_problem = [&](const ArchiveProblem& problem) {
    if (is_served && problem.is_tail && problem.file == newest) return;
    ++verdict.problems;
    on_problem(problem);
  };
  const proto::Status read = ReadArchive(
      dir, [](const ArchivedBatch&) {}, &report);
  if (!read.ok()) return read;
  std::set<std::string> done;
  for (const auto* files : {&report.files, &report.detail_files}) {
    for (const ArchiveFileState& file : *files) done.insert(file.name.stem);
  }
  for (const ArchiveEntry& entry : *entries) {
    if (!done.contains(entry.name.stem)) ReadAlone(directory, entry.name, &report);
  }
  verdict.files = entries->size();
  verdict.batches = report.batches;
  verdict.damaged_batches = report.corrupt_batches;
  verdict.skipped_lines = report.skipped_lines;
  verdict.chain_breaks = report.chain_breaks;
  return verdict;
}

}  // namespace ringside::aggregator
