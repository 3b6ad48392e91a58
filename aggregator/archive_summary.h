// What an archive file holds, in numbers, without decoding its batches; and whether all files of an
// archive are whole.
#ifndef RINGSIDE_AGGREGATOR_ARCHIVE_SUMMARY_H_
#define RINGSIDE_AGGREGATOR_ARCHIVE_SUMMARY_H_

#include <cstdint>
#include <functional>
#include <string>

#include "aggregator/archive_listing.h"
#include "aggregator/archive_reader.h"
#include "proto/status.h"

namespace ringside::aggregator {

struct ArchiveSummary {
  uint64_t disk_bytes = 0;
  uint64_t text_bytes = 0;
  uint64_t lines = 0;
  uint64_t series = 0;
  uint64_t batches = 0;
  uint64_t intervals = 0;
  uint64_t requests = 0;
  uint64_t timings = 0;
  uint64_t first_unix_ns = 0;  // start of the first interval, end of the last; 0: no batch
  uint64_t last_unix_ns = 0;
  std::string problem;  // empty: it could be read to its end
};
ArchiveSummary Summarize(const std::string& directory, const ArchiveFileName& name);

struct ArchiveVerdict {
  uint64_t files = 0;
  uint64_t batches = 0;
  uint64_t damaged_batches = 0;
  uint64_t skipped_lines = 0;
  uint64_t chain_breaks = 0;
  uint64_t problems = 0;
};
// Reads every file, also those that no reader takes at the moment. `is_served`: an aggregator is
// writing, the end of the newest file may be on its way.
proto::Result<ArchiveVerdict> VerifyArchive(
    const std::string& dir, bool is_served,
    const std::function<void(const ArchiveProblem&)>& on_problem);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVE_SUMMARY_H_
