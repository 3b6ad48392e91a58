// Batches that become durable together, and who waits for them.
#ifndef RINGSIDE_AGGREGATOR_INTAKE_GROUP_H_
#define RINGSIDE_AGGREGATOR_INTAKE_GROUP_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "aggregator/applied_set.h"
#include "aggregator/receiver.h"
#include "proto/batch.h"

namespace ringside::aggregator {

struct IntakeGroup {
  bool empty() const { return batches.empty(); }

  std::vector<Arrival> arrivals;  // histograms of the batches lie in these frames
  std::vector<proto::Batch> batches;
  AppliedSets ids;
  uint64_t taken_unix_ns = 0;
  // A resent batch may come by another connection.
  std::vector<std::pair<std::string, proto::BatchId>> waiting;
  std::vector<std::string> frames;  // for the parent, where there is one
  bool is_handed_on = false;        // they were
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_INTAKE_GROUP_H_
