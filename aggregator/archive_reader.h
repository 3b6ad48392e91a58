// Reads an archive: every committed batch once, in the order of the files, then raw detail that
// lies in files of its own. Modifies nothing, so it
// may read the archive of an aggregator that runs.
//
// What is damaged is skipped, counted and named with file and line; the rest counts, since each
// batch proves itself (archive_format.h).
#ifndef RINGSIDE_AGGREGATOR_ARCHIVE_READER_H_
#define RINGSIDE_AGGREGATOR_ARCHIVE_READER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "aggregator/applied_set.h"
#include "aggregator/archive_format.h"
#include "aggregator/archive_listing.h"
#include "aggregator/archived_batch.h"
#include "proto/status.h"

namespace ringside::aggregator {

struct ArchiveProblem {
  std::string file;
  uint64_t line = 0;  // from 1; 0: the file as a whole
  std::string what;
  bool is_tail = false;  // lines behind the last commit: torn, or on their way

  std::string ToString() const;  // "20250301-120000-000001.jsonl:17: ..."
};

// How a file was found.
struct ArchiveFileState {
  ArchiveFileName name;
  uint64_t size = 0;
  uint64_t good_bytes = 0;   // up to the end of the last intact batch, or of the head
  uint64_t chain = 0;        // there
  uint64_t batches = 0;      // intact ones
  uint64_t commits = 0;      // commit lines, damaged ones too
  bool has_head = false;     // and it is good
  bool is_readable = false;  // of our format: what follows good_bytes is known to be no batch
  ArchiveLink previous;      // as its head names it
  ArchiveLink end;           // of a copy: how what it stands for ends

  // What the head of the next file must name as `previous`.
  ArchiveLink EndLink() const {
    return end.file.empty() ? ArchiveLink{name.FileName(), good_bytes, chain} : end;
  }
};

struct ArchiveReport {
  static constexpr size_t kMaxProblems = 100;

  std::string directory;                // the archive's own: dir itself, or dir/archive
  std::vector<ArchiveFileState> files;  // as they were read, without those of raw detail
  std::vector<ArchiveFileState> detail_files;
  uint64_t batches = 0;          // given to `apply`
  uint64_t duplicates = 0;       // committed batches that were applied before
  uint64_t corrupt_batches = 0;  // committed, but damaged or not understood
  uint64_t chain_breaks = 0;     // places where something is missing
  uint64_t skipped_lines = 0;    // lines that belong to no committed batch
  uint64_t unknown_lines = 0;    // types of a newer version
  uint64_t problem_count = 0;
  std::vector<ArchiveProblem> problems;  // the first kMaxProblems
  AppliedSets applied;
  AppliedSets requests;  // whose requests were read, and whose timings
  AppliedSets timings;
  // If set: told of every problem, at once.
  std::function<void(const ArchiveProblem&)> on_problem;

  bool IsClean() const { return problem_count == 0; }
  void Add(ArchiveProblem problem);
};

using ApplyBatch = std::function<void(const ArchivedBatch&)>;
// Called once before the first batch: what was applied before the oldest file that is there.
using ApplyHistory = std::function<void(const AppliedSets&)>;

struct ReadOptions {
  ArchiveView view = ArchiveView::kFinest;
  // Of files with raw detail: whether timings are read; and how many requests are enough, the
  // newest files first.
  bool timings = true;
  size_t enough_requests = SIZE_MAX;
};

// `dir`: an archive, or a data directory that holds one as "archive". An error means that there is
// none to read; everything less is in the report.
proto::Status ReadArchive(const std::string& dir, const ApplyBatch& apply, ArchiveReport* report,
                          const ApplyHistory& history = nullptr, const ReadOptions& options = {});
// How a closed file ends, as the file after it says: after a failed fsync it names the last byte
// that is known to be durable. nullopt where no such file is there, or damage hides it.
std::optional<ArchiveLink> FindEnd(const std::string& directory, const ArchiveFileName& name);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVE_READER_H_
