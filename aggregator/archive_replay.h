// From an archive to what is known: the one way in which archived batches reach store and ledger,
// for the aggregator's start and for answers from an archive.
#ifndef RINGSIDE_AGGREGATOR_ARCHIVE_REPLAY_H_
#define RINGSIDE_AGGREGATOR_ARCHIVE_REPLAY_H_

#include <string>

#include "aggregator/archive_reader.h"
#include "aggregator/ledger.h"
#include "aggregator/store.h"

namespace ringside::aggregator {

class HostBoard;

// `hosts` may be null.
proto::Status ReplayArchive(const std::string& dir, const ReadOptions& options, Store* store,
                            Ledger* ledger, ArchiveReport* report, HostBoard* hosts = nullptr);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVE_REPLAY_H_
