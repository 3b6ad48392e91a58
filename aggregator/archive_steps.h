// Does what archive_plan.h says: compresses, makes coarser copies, removes. Killed at any point,
// the archive counts each batch once before, in between and after; what is left over is dealt with
// by the next round. docs/archive.md, "Copies".
#ifndef RINGSIDE_AGGREGATOR_ARCHIVE_STEPS_H_
#define RINGSIDE_AGGREGATOR_ARCHIVE_STEPS_H_

#include <atomic>
#include <string>

#include "aggregator/archive_plan.h"
#include "proto/status.h"

namespace ringside::aggregator {

struct StepOutcome {
  enum class Kind : uint8_t {
    kDone,
    kBusy,     // a reader is at work: later
    kDamaged,  // the files of the step hold damage: they stay as they are
    kFailed,
    kStopped,
  };
  Kind kind = Kind::kDone;
  // A line for people: what was done, or why not.
  std::string text;
  std::string damaged_stem;
};

// `stop`, if given and true, ends a long step early; nothing of it is seen then.
StepOutcome DoArchiveStep(const std::string& directory, const ArchiveStep& step,
                          const std::atomic<bool>* stop);

// Takes away what killed steps left: temporary files, and raw detail whose statistics never became
// visible. Nobody else may be doing steps here.
proto::Status SweepArchive(const std::string& directory);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVE_STEPS_H_
