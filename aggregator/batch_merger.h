// Merges batches into fewer ones with longer intervals: what coarser copies of the archive hold.
//
// Of one agent's epoch, batches whose intervals end in the same bucket of the new width become one
// batch that stands for all their sequences. Series and sums merge exactly; the counts of a
// producer are those of its newest batch. Requests and timings go to batches of their own. Nothing
// is dropped: the ledger and every total are the same afterwards. Not thread-safe.
#ifndef RINGSIDE_AGGREGATOR_BATCH_MERGER_H_
#define RINGSIDE_AGGREGATOR_BATCH_MERGER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "aggregator/archived_batch.h"
#include "aggregator/store_coverage.h"
#include "aggregator/store_series.h"

namespace ringside::aggregator {

class BatchMerger {
 public:
  using Emit = std::function<void(const ArchivedBatch&)>;
  struct Sinks {
    Emit statistics;
    Emit requests;
    Emit timings;
  };

  // Beyond `most_bytes` a group is given out before its bucket is over: a little less is merged.
  BatchMerger(uint64_t width_ns, Sinks sinks, size_t most_bytes)
      : width_ns_(width_ns), sinks_(std::move(sinks)), most_bytes_(most_bytes) {}

  void Add(const ArchivedBatch& batch);
  // Gives out what is left.
  void Flush();

 private:
  struct Producer {
    proto::ProducerDelta said;  // identity and newest counts, without rows
    MergedProducer merged;
    std::map<proto::SharedKey, StoredInterval> series;
    std::vector<proto::RequestRow> requests;
    std::vector<proto::TimingRow> timings;
  };
  struct Group {
    uint64_t bucket = 0;
    AppliedSet sequences;
    uint64_t start_unix_ns = UINT64_MAX;
    uint64_t end_unix_ns = 0;
    std::vector<CoveredInterval> covered;
    std::vector<Producer> producers;
    size_t bytes = 0;
  };
  using Key = std::tuple<proto::Uuid, uint64_t, std::string>;  // agent, epoch, host

  bool Fits(const Group& group, const ArchivedBatch& batch) const;
  void AddProducer(const ArchivedBatch& batch, size_t place, Group* group);
  void EmitGroup(const Key& key, Group* group);
  void EmitDetail(const ArchivedBatch& form, Group* group) const;

  const uint64_t width_ns_;
  const Sinks sinks_;
  const size_t most_bytes_;
  std::map<Key, Group> groups_;
  size_t bytes_ = 0;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_BATCH_MERGER_H_
