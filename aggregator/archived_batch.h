// A batch as the archive holds it: as it came, or several of one agent's epoch merged into one, as
// coarser copies and files of raw detail hold them. docs/archive.md.
#ifndef RINGSIDE_AGGREGATOR_ARCHIVED_BATCH_H_
#define RINGSIDE_AGGREGATOR_ARCHIVED_BATCH_H_

#include <cstdint>
#include <vector>

#include "aggregator/applied_set.h"
#include "proto/batch.h"

namespace ringside::aggregator {

// What a producer's part of a merged batch says besides its lines.
struct MergedProducer {
  uint64_t totals_sequence = 0;  // of the batch that its counts came with
  uint64_t detail_rows = 0;      // requests and timings that came, wherever they are now
};

// `id` holds the first sequence.
struct ArchivedBatch : proto::Batch {
  enum class Part : uint8_t {
    kWhole,       // as it came
    kStatistics,  // merged: series, and counts for the ledger
    kDetail,      // merged: requests or timings; its producers only say whose they are
  };

  Part part = Part::kWhole;
  AppliedSet sequences;                // what it stands for
  uint64_t covered_ns = 0;             // of the time from start to end
  std::vector<MergedProducer> merged;  // as `producers`; empty for kWhole
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVED_BATCH_H_
