// What is to be done to an archive's closed files, from their names and sizes alone. The file with
// the highest number is the writer's and is left alone.
#ifndef RINGSIDE_AGGREGATOR_ARCHIVE_PLAN_H_
#define RINGSIDE_AGGREGATOR_ARCHIVE_PLAN_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "aggregator/archive_listing.h"
#include "aggregator/archive_policy.h"

namespace ringside::aggregator {

struct ArchiveStep {
  enum class Action : uint8_t {
    kDropPlain,  // the compressed form is there too
    kRemove,     // too old, or too many
    kCompress,
    kCopy,  // `files` become one coarser file of `kind`
  };
  Action action;
  ArchiveKind kind = ArchiveKind::kRaw;
  std::vector<ArchiveFileName> files;  // in order
  size_t merge_bytes = 0;              // kCopy: memory for what becomes one
};

// All that is due, what frees space first. `left_alone`: stems of files that are damaged: they get
// no copy, since a copy would make others forget that something is missing.
std::vector<ArchiveStep> PlanArchive(const std::vector<ArchiveEntry>& entries,
                                     const ArchivePolicy& policy, uint64_t now_unix_ns,
                                     const std::set<std::string>& left_alone);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVE_PLAN_H_
