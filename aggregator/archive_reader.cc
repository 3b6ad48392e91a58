#include "aggregator/archive_reader.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "aggregator/archive_file_reader.h"

namespace ringside::aggregator {
namespace {

namespace fs = std::filesystem;

proto::Status ListFiles(const std::string& dir, ArchiveReport* report,
                        std::vector<ArchiveFileName>* names) {
  std::error_code error;
  report->directory = dir;
  if (fs::is_directory(dir + "/archive", error)) report->directory = dir + "/archive";
  fs::directory_iterator entries(report->directory, error);
  if (error) {
    return proto::Status::Error("archive " + report->directory + ": " + error.message() +
                                " (name the data directory of an aggregator, or its archive)");
  }
  for (; entries != fs::directory_iterator(); entries.increment(error)) {
    if (error) return proto::Status::Error("archive " + report->directory + ": " + error.message());
    auto name = ParseArchiveFileName(entries->path().filename().string());
    if (name) names->push_back(std::move(*name));
  }
  std::sort(names->begin(), names->end(), [](const auto& a, const auto& b) {
    return a.number != b.number ? a.number < b.number : a.stem < b.stem;
  });
  return {};
}

// Does the file that is read now go on where the one before it ended?
void CheckLink(const ArchiveHead& head, const ArchiveFileName& name, ArchiveReport* report) {
  if (report->files.empty()) return;  // older files may be gone: that is retention
  const ArchiveFileState& before = report->files.back();
  if (!before.is_readable) return;  // named already
  if (head.previous.file != before.name.FileName()) {
    ++report->chain_breaks;
    report->Add({name.FileName(), 1,
                 head.previous.file.empty()
                     ? std::string("does not go on from the file before it")
                     : "the file before it is missing: " + head.previous.file});
  } else if (head.previous.chain != before.chain) {
    ++report->chain_breaks;
    report->Add({before.name.FileName(), 0,
                 "does not end where the file after it says: batches at its end are missing"});
  }
}

void ReadFile(const ArchiveFileName& name, uint64_t limit, const ApplyBatch& apply,
              const ApplyHistory& history, ArchiveReport* report) {
  std::string bytes;
  std::string error;
  if (!ReadWholeFile(report->directory + "/" + name.FileName(), limit, &bytes, &error)) {
    report->Add({name.FileName(), 0, "cannot be read: " + error});
    ArchiveFileState state;
    state.name = name;
    report->files.push_back(std::move(state));
    return;
  }
  const std::string_view text(bytes.data(), bytes.size() - ArchiveParser::kPadding);
  ArchiveFileReader reader(name, text, report);
  if (const auto head = reader.ReadHead()) {
    CheckLink(*head, name, report);
    if (report->files.empty() && history) history(head->applied);
    report->applied.Merge(head->applied);
  }
  report->files.push_back(reader.Read(apply));
}

}  // namespace

std::string ArchiveProblem::ToString() const {
  return file + (line == 0 ? "" : ":" + std::to_string(line)) + ": " + what;
}

void ArchiveReport::Add(ArchiveProblem problem) {
  ++problem_count;
  if (problems.size() < kMaxProblems) problems.push_back(std::move(problem));
}

proto::Status ReadArchive(const std::string& dir, const ApplyBatch& apply, ArchiveReport* report,
                          const ApplyHistory& history) {
  std::vector<ArchiveFileName> names;
  if (proto::Status listed = ListFiles(dir, report, &names); !listed.ok()) return listed;
  for (size_t i = 0; i < names.size(); ++i) {
    // After a failed fsync the next file names the last byte of this one that is known to be
    // durable.
    uint64_t limit = UINT64_MAX;
    if (i + 1 < names.size()) {
      const auto next = PeekHead(report->directory, names[i + 1]);
      if (next && next->previous.file == names[i].FileName()) limit = next->previous.bytes;
    }
    ReadFile(names[i], limit, apply, history, report);
  }
  return {};
}

}  // namespace ringside::aggregator
