// What the aggregator does to its archive at start, before it appends: takes away what a kill or a
// full disk left behind. Readers never do this. Needs the data directory's lock.
#ifndef RINGSIDE_AGGREGATOR_ARCHIVE_REPAIR_H_
#define RINGSIDE_AGGREGATOR_ARCHIVE_REPAIR_H_

#include <string>
#include <vector>

#include "aggregator/archive_reader.h"
#include "aggregator/archive_writer.h"
#include "proto/status.h"

namespace ringside::aggregator {

// `report` comes from ReadArchive on the same archive, just now. Cuts the last file after its last
// intact batch, makes it durable (it may have been read from a cache that no fsync has written:
// only then may its batches be acknowledged again), and removes unfinished files and a last file
// without batches. `notes`: what was done, a line each.
proto::Result<ArchivePosition> RepairArchive(const ArchiveReport& report,
                                             std::vector<std::string>* notes);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVE_REPAIR_H_
