// The ledger: proves at run time, per producer and in total, that nothing was lost or counted twice.
//
//   statistics:  recorded = merged + in flight + quarantined + lost{reason}
//   raw detail:  written  = archived + dropped{reason} + in flight
//
// It is no tautology: `recorded` comes from the absolute counts that every batch carries, `merged`
// is our own sum of the deltas that were applied. The two are compared only when all batches up to
// the one that carried the counts are applied; until then a difference is in flight. What stays
// unexplained after that is an imbalance.
//
// Thread-safe. Memory is bounded: producers that ended and balance are folded into a row per host
// and service after a while.
#ifndef RINGSIDE_AGGREGATOR_LEDGER_H_
#define RINGSIDE_AGGREGATOR_LEDGER_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "aggregator/applied_set.h"
#include "proto/batch.h"

namespace ringside::aggregator {

// Counts of one producer, of one folded service, or of all.
struct LedgerRow {
  uint64_t recorded = 0;  // what the workers recorded, lost samples included
  uint64_t merged = 0;    // our own sum of applied deltas
  uint64_t in_flight = 0;
  uint64_t quarantined = 0;
  proto::LossCounts lost{};  // without kQuarantined, which is `quarantined`
  int64_t imbalance = 0;     // recorded - all of the above: 0, or something is wrong

  uint64_t detail_written = 0;
  uint64_t detail_archived = 0;
  uint64_t detail_in_flight = 0;
  proto::DropCounts dropped{};
  int64_t detail_imbalance = 0;

  bool Balanced() const { return imbalance == 0 && detail_imbalance == 0; }
  void Add(const LedgerRow& other);
};

class Ledger {
 public:
  // Ended producers stay listed for this long (by the batches' own time).
  static constexpr uint64_t kKeepFinalNs = 600ull * 1000000000ull;
  static constexpr size_t kMaxProducers = 65536;

  // Batches that were applied before the oldest archive file that is left: what they held is part
  // of the producers' absolute counts, but nobody can add it up again. Call before Apply.
  void Resume(const AppliedSets& applied_before);

  // Each batch exactly once.
  void Apply(const proto::Batch& batch);

  LedgerRow Total() const;
  bool Balanced() const { return Total().Balanced(); }
  // docs/http.md, /api/v1/ledger.
  nlohmann::json ToJson() const;

 private:
  // What one epoch of one agent said of a producer, and what we applied of it.
  struct Account {
    proto::Uuid agent;
    uint64_t epoch = 0;
    uint64_t totals_sequence = 0;  // of the batch that `totals` came with
    proto::ProducerTotals totals;
    uint64_t merged = 0;
    uint64_t archived = 0;
    uint64_t merged_before = 0;    // applied before the archive begins
    uint64_t archived_before = 0;
  };
  struct Producer {
    std::string host;
    std::string service;
    std::string instance;
    std::string quarantine;
    uint64_t pid = 0;
    uint64_t last_end_unix_ns = 0;
    bool is_agent = false;
    bool is_final = false;
    std::vector<Account> accounts;  // the newest epoch last
  };
  using ServiceKey = std::pair<std::string, std::string>;  // host, service

  void ApplyProducer(const proto::Batch& batch, const proto::ProducerDelta& delta);
  LedgerRow RowOf(const Producer& producer) const;
  void FoldEnded();
  void Fold(const Producer& producer);

  mutable std::mutex mutex_;
  AppliedSets applied_;
  AppliedSets applied_before_;
  uint64_t newest_end_unix_ns_ = 0;
  uint64_t next_fold_unix_ns_ = 0;
  std::unordered_map<proto::Uuid, Producer> producers_;
  std::map<ServiceKey, LedgerRow> folded_;
  std::map<ServiceKey, uint64_t> folded_producers_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_LEDGER_H_
