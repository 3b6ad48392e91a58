#include "aggregator/archive_replay.h"

#include <algorithm>

#include "aggregator/archive_file_reader.h"
#include "aggregator/host_board.h"

namespace ringside::aggregator {
namespace {

// When the newest batch came of those before the newest file: what is not older follows, if
// anything does. 0: nothing is known.
uint64_t NewestUnixNs(const std::string& dir) {
  const auto entries = ListArchive(ArchiveDirectory(dir));
  if (!entries.ok()) return 0;
  const ArchiveEntry* last = nullptr;
  for (const ArchiveEntry& entry : *entries) {
    const bool is_raw = entry.name.kind == ArchiveKind::kRaw;
    if (is_raw && (last == nullptr || entry.name.number > last->name.number)) last = &entry;
  }
  const auto head = last == nullptr ? std::nullopt : PeekHead(ArchiveDirectory(dir), last->name);
  if (!head) return 0;
  uint64_t newest = 0;
  for (const auto& [key, entry] : head->applied.entries()) {
    newest = std::max(newest, entry.active_unix_ns);
  }
  return newest;
}

}  // namespace

proto::Status ReplayArchive(const std::string& dir, const ReadOptions& options, Store* store,
                            Ledger* ledger, ArchiveReport* report, HostBoard* hosts) {
  store->ExpectUntil(NewestUnixNs(dir));
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
