// Which files of an archive count. What a range of files says is there in several copies (as it
// came, and coarser ones); a reader takes exactly one of them, and which one follows from the
// names alone: docs/archive.md, "Copies".
#ifndef RINGSIDE_AGGREGATOR_ARCHIVE_LISTING_H_
#define RINGSIDE_AGGREGATOR_ARCHIVE_LISTING_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/archive_format.h"
#include "proto/status.h"
#include "proto/unique_fd.h"

namespace ringside::aggregator {

struct ArchiveEntry {
  ArchiveFileName name;
  uint64_t bytes = 0;  // on disk
};

enum class ArchiveView : uint8_t {
  kFinest,    // what is left in seconds, then ten seconds, ...: for questions
  kCoarsest,  // the least to read: for a start
};

// The archive itself: `dir`, or the "archive" in it.
std::string ArchiveDirectory(const std::string& dir);
// All archive files, in order of their numbers; a file that is there compressed and not is there
// twice. An error names the directory.
proto::Result<std::vector<ArchiveEntry>> ListArchive(const std::string& directory);

struct ArchiveChoice {
  std::vector<ArchiveFileName> statistics;  // in order; raw ones hold their detail too
  std::vector<ArchiveFileName> detail;      // of what is not raw in `statistics`
};
// Each batch once, as long as the files are whole.
ArchiveChoice Choose(const std::vector<ArchiveEntry>& entries, ArchiveView view);

// Held while files of the archive are read or taken away: readers share it, whoever removes files
// has it alone. It is on the directory, which a reader need not be able to write.
class ArchiveLock {
 public:
  // Waits; a directory that cannot be locked (a read-only network) is read without.
  static ArchiveLock Share(const std::string& directory);
  // ok() is false while a reader is at work.
  static ArchiveLock TryAlone(const std::string& directory);
  bool ok() const { return fd_.ok(); }

 private:
  proto::UniqueFd fd_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVE_LISTING_H_
