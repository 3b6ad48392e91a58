// What an aggregator knows when it stops, so that its next start need not read the archive: that
// takes seconds for each day of a fleet. The archive alone is the truth: a checkpoint counts only
// while the archive ends exactly where it ended then, and may be deleted at any time.
// docs/archive.md, "Starting again". One thread.
#ifndef RINGSIDE_AGGREGATOR_CHECKPOINT_H_
#define RINGSIDE_AGGREGATOR_CHECKPOINT_H_

#include <string>

#include "aggregator/applied_set.h"
#include "aggregator/archive_writer.h"
#include "aggregator/host_board.h"
#include "aggregator/ledger.h"
#include "aggregator/store.h"
#include "proto/status.h"

namespace ringside::aggregator {

// What is saved, and is read into when it is still empty.
struct Knowledge {
  Store* store;
  Ledger* ledger;
  HostBoard* hosts;
};

// Where the archive goes on.
struct Resumption {
  ArchivePosition position;
  AppliedSets applied;
};

class Checkpoint {
 public:
  // `archive`: the archive's directory.
  Checkpoint(std::string path, std::string archive)
      : path_(std::move(path)), archive_(std::move(archive)) {}

  // Nothing may be written to the archive after it.
  proto::Status Save(const Resumption& resumption, const Knowledge& knowledge) const;
  // An error says why it does not count; nothing was read into `knowledge` then.
  proto::Result<Resumption> Load(const Knowledge& knowledge) const;
  bool Exists() const;
  void Remove() const;

 private:
  proto::Status CheckEnd(const ArchivePosition& position) const;

  const std::string path_;
  const std::string archive_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_CHECKPOINT_H_
