#include "aggregator/archive_replay.h"

#include "aggregator/host_board.h"

namespace ringside::aggregator {

proto::Status ReplayArchive(const std::string& dir, const ReadOptions& options, Store* store,
                            Ledger* ledger, ArchiveReport* report, HostBoard* hosts) {
  const ApplyBatch apply = [&](const ArchivedBatch& batch) {
    if (batch.part == ArchivedBatch::Part::kDetail) {
      store->AddRequests(batch);
    } else {
      store->Apply(batch, batch.covered_ns);
      ledger->Apply(batch);
      if (hosts != nullptr) hosts->Restore(batch);
    }
  };
  return ReadArchive(
      dir, apply, report, [&](const AppliedSets& before) { ledger->Resume(before); }, options);
}

}  // namespace ringside::aggregator
