// Counts the samples in an image of a producer's statistics, cell by cell and without a histogram.
//
// On purpose not the code that makes deltas (differ.h): what a batch says was recorded comes from
// here, what it delivers from there, and the aggregator compares the two. Works on private copies;
// what the image says is untrusted. The work is bounded by the size of the pool.
#ifndef RINGSIDE_AGENT_CELL_COUNT_H_
#define RINGSIDE_AGENT_CELL_COUNT_H_

#include <cstdint>

#include "agent/baseline_file.h"
#include "agent/series_table.h"
#include "proto/status.h"

namespace ringside::agent {

// Samples in all histograms of `image`, modulo 2^64. Error: a block that no probe writes.
proto::Result<uint64_t> CountSamples(const SlotImage& image, const SeriesTable& table);

// What a producer recorded that will never be delivered, as far as that can be said.
struct Undelivered {
  uint64_t samples = 0;
  bool is_whole = true;  // false: it may be more
};

// What `newer` holds beyond `delivered`, of a producer that is quarantined. A block that no probe
// writes counts nothing, nor does one that grew by more than a thread can record in half a day.
Undelivered CountUndelivered(const SlotImage& newer, const SlotImage& delivered,
                             const SeriesTable& table);

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_CELL_COUNT_H_
