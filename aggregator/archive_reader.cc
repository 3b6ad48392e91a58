#include "aggregator/archive_reader.h"

#include <utility>

#include "aggregator/archive_file_reader.h"
#include "aggregator/archive_text.h"

namespace ringside::aggregator {
namespace {

// Does the file that is read now go on where the one before it ended?
void CheckLink(const ArchiveHead& head, const ArchiveFileName& name, ArchiveReport* report) {
  if (report->files.empty()) return;  // older files may be gone: that is retention
  const ArchiveFileState& before = report->files.back();
  if (!before.is_readable) return;  // named already
  const ArchiveLink link = before.EndLink();
  if (head.previous.file != link.file) {
    ++report->chain_breaks;
    report->Add({name.FileName(), 1,
                 head.previous.file.empty()
                     ? std::string("does not go on from the file before it")
                     : "the file before it is missing: " + head.previous.file,
                 false});
  } else if (head.previous.chain != link.chain) {
    ++report->chain_breaks;
    report->Add({before.name.FileName(), 0,
                 "does not end where the file after it says: batches at its end are missing",
                 false});
  }
}

void ReadFile(const ArchiveFileName& name, uint64_t limit, const ApplyBatch& apply,
              const ApplyHistory& history, ArchiveReport* report) {
  auto text = ArchiveText::Open(report->directory, name, limit);
  std::vector<ArchiveFileState>* states =
      IsDetail(name.kind) ? &report->detail_files : &report->files;
  if (!text.ok()) {
    report->Add({name.FileName(), 0, "cannot be read: " + text.message(), false});
    ArchiveFileState state;
    state.name = name;
    states->push_back(std::move(state));
    return;
  }
  ArchiveFileReader reader(name, &*text, report);
  const auto head = reader.ReadHead();
  if (head && !IsDetail(name.kind)) {
    CheckLink(*head, name, report);
    if (report->files.empty() && history) history(head->applied);
    report->applied.Merge(head->applied);
  }
  states->push_back(reader.Read(apply));
}

void ReadDetail(const std::vector<ArchiveFileName>& names, const ApplyBatch& apply,
                const ReadOptions& options, ArchiveReport* report) {
  size_t requests = 0;
  const ApplyBatch count = [&](const ArchivedBatch& batch) {
    for (const proto::ProducerDelta& producer : batch.producers) {
      requests += producer.requests.size();
    }
    apply(batch);
  };
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    const bool is_wanted =
        name->kind == ArchiveKind::kTimings ? options.timings : requests < options.enough_requests;
    if (is_wanted) ReadFile(*name, UINT64_MAX, count, nullptr, report);
  }
}

}  // namespace

std::string ArchiveProblem::ToString() const {
  return file + (line == 0 ? "" : ":" + std::to_string(line)) + ": " + what;
}

void ArchiveReport::Add(ArchiveProblem problem) {
  ++problem_count;
  if (on_problem) on_problem(problem);
  if (problems.size() < kMaxProblems) problems.push_back(std::move(problem));
}

std::optional<ArchiveLink> FindEnd(const std::string& directory, const ArchiveFileName& name) {
  if (name.kind != ArchiveKind::kRaw) {
    const auto head = PeekHead(directory, name);
    if (!head || head->end.file.empty()) return std::nullopt;
    return head->end;
  }
  const auto entries = ListArchive(directory);
  if (!entries.ok()) return std::nullopt;
  for (const ArchiveEntry& next : *entries) {
    if (IsDetail(next.name.kind) || next.name.number != name.last + 1) continue;
    const auto head = PeekHead(directory, next.name);
    if (head && head->previous.file == name.FileName()) return head->previous;
  }
  return std::nullopt;
}

proto::Status ReadArchive(const std::string& dir, const ApplyBatch& apply, ArchiveReport* report,
                          const ApplyHistory& history, const ReadOptions& options) {
  report->directory = ArchiveDirectory(dir);
  const ArchiveLock lock = ArchiveLock::Share(report->directory);
  const auto entries = ListArchive(report->directory);
  if (!entries.ok()) return entries.status();
  const ArchiveChoice choice = Choose(*entries, options.view);
  for (size_t i = 0; i < choice.statistics.size(); ++i) {
    const ArchiveFileName& name = choice.statistics[i];
    uint64_t limit = UINT64_MAX;
    if (i + 1 < choice.statistics.size() && name.kind == ArchiveKind::kRaw) {
      const auto next = PeekHead(report->directory, choice.statistics[i + 1]);
      if (next && next->previous.file == name.FileName()) limit = next->previous.bytes;
    }
    ReadFile(name, limit, apply, history, report);
  }
  ReadDetail(choice.detail, apply, options, report);
  return {};
}

}  // namespace ringside::aggregator
