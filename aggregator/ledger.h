// The ledger: proves at run time, per producer and in total, that nothing was lost or counted
// twice.
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
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "aggregator/applied_set.h"
#include "aggregator/archived_batch.h"
#include "aggregator/refused_agents.h"
#include "proto/batch.h"

namespace ringside::aggregator {

class StateReader;
class StateWriter;

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
  uint64_t unbalanced = 0;  // producers that do not balance: two may not hide each other

  bool Balanced() const { return unbalanced == 0; }
  void Add(const LedgerRow& other);
};

// What all producers of one host come to.
struct LedgerHost {
  uint64_t producers = 0;  // that run
  LedgerRow row;
};

// A copy of the ledger's rows. Producers that run come before those that ended.
struct LedgerView {
  struct Producer {
    proto::Uuid uuid;
    std::string host;
    std::string service;
    std::string instance;
    bool is_quarantined = false;
    LedgerRow row;
  };
  LedgerRow total;
  std::vector<Producer> producers;
  uint64_t left_out = 0;
};

class Ledger {
 public:
  // What nobody can count: agents whose wire is another.
  RefusedAgents* refused() { return &refused_; }
  const RefusedAgents& refused() const { return refused_; }

  // Ended producers stay listed for this long (by the batches' own time).
  static constexpr uint64_t kKeepFinalNs = 600ull * 1000000000ull;
  static constexpr size_t kMaxProducers = 65536;
  static constexpr size_t kMaxFolded = 4096;  // beyond: one row named "(other)"

  explicit Ledger(size_t most_producers = kMaxProducers) : most_producers_(most_producers) {}

  // Batches that were applied before the oldest archive file that is left: what they held is part
  // of the producers' absolute counts, but nobody can add it up again. Call before Apply.
  void Resume(const AppliedSets& applied_before);

  // Each batch exactly once.
  void Apply(const proto::Batch& batch);
  // The same from an archive, merged or as it came; raw detail in a file of its own was counted
  // with its statistics.
  void Apply(const ArchivedBatch& batch);

  // All of it, into an empty one (checkpoint.h).
  void Save(StateWriter* out) const;
  void Load(StateReader* in);

  LedgerRow Total() const;
  // With at most `most` producers.
  LedgerView View(size_t most) const;
  std::map<std::string, LedgerHost, std::less<>> ByHost() const;
  bool Balanced() const { return Total().Balanced(); }
  // docs/http-api.md, /api/v1/ledger.
  nlohmann::json ToJson() const;

 private:
  // What one epoch of one agent said of a producer, and what we applied of it.
  struct Account {
    proto::Uuid agent;
    uint64_t epoch = 0;
    uint64_t first_sequence = 0;   // counts before it belong to the account before
    uint64_t totals_sequence = 0;  // of the batch that `totals` came with
    proto::ProducerTotals totals;
    uint64_t merged = 0;
    uint64_t archived = 0;
    // What the agent had counted before the first of its batches that we have.
    uint64_t lowest_sequence = 0;
    uint64_t recorded_before = 0;
    uint64_t sent_before = 0;
    // Its first counts were not those of its first batch: it goes on where the account before it
    // ended. Otherwise the agent lost its baseline and counts from 0 again.
    bool continues = false;

    void Save(StateWriter* out) const;
    void Load(StateReader* in);
  };
  // Accounts that go on one after the other: one count of the agent's, from 0.
  struct Life {
    const Account* newest = nullptr;
    uint64_t merged = 0;
    uint64_t archived = 0;
    // Counted in one account's epoch and unknown to those that came before: in a spool that never
    // brought it. Should it come after all, it is merged and no longer here.
    uint64_t lost_in_spool = 0;
    uint64_t detail_lost_in_spool = 0;
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
    std::vector<Account> accounts;  // in the order in which their epochs were first seen

    void Save(StateWriter* out) const;
    void Load(StateReader* in);
  };
  using ServiceKey = std::pair<std::string, std::string>;  // host, service
  struct Folded {
    LedgerRow row;
    uint64_t producers = 0;
  };

  void ApplyProducer(const proto::Batch& batch, const proto::ProducerDelta& delta,
                     const MergedProducer& merged);
  Account* AccountOf(const proto::Batch& batch, const proto::ProducerDelta& delta,
                     uint64_t detail_rows, Producer* producer) const;
  void FoldWhenDue();
  std::vector<Life> LivesOf(const Producer& producer) const;
  void AddLife(const Life& life, LedgerRow* row) const;
  bool IsSettled(const Account& account) const;
  LedgerRow RowOf(const Producer& producer) const;
  nlohmann::json ProducerToJson(const proto::Uuid& uuid, const Producer& producer) const;
  void FoldEnded();
  void FoldIdlest();
  void Fold(const Producer& producer);

  RefusedAgents refused_;
  const size_t most_producers_;
  mutable std::mutex mutex_;
  AppliedSets applied_;
  AppliedSets applied_before_;
  uint64_t newest_end_unix_ns_ = 0;
  uint64_t next_fold_unix_ns_ = 0;
  std::unordered_map<proto::Uuid, Producer> producers_;
  std::map<ServiceKey, Folded> folded_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_LEDGER_H_
