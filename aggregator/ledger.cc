#include "aggregator/ledger.h"

#include <algorithm>
#include <cstdlib>
#include <tuple>

#include <nlohmann/json.hpp>

namespace ringside::aggregator {
namespace {

constexpr uint64_t kFoldEveryNs = 10ull * 1000000000ull;
constexpr size_t kBaseline = static_cast<size_t>(proto::LossReason::kBaseline);
constexpr size_t kNotSampled = static_cast<size_t>(proto::DropReason::kNotSampled);
constexpr size_t kSpool = static_cast<size_t>(proto::LossReason::kSpool);
constexpr size_t kDetailSpool = static_cast<size_t>(proto::DropReason::kSpool);
constexpr size_t kQuarantined = static_cast<size_t>(proto::LossReason::kQuarantined);

template <size_t Count>
uint64_t Sum(const std::array<uint64_t, Count>& counts) {
  uint64_t sum = 0;
  for (uint64_t count : counts) sum += count;
  return sum;
}

template <size_t Count>
void AddTo(const std::array<uint64_t, Count>& counts, std::array<uint64_t, Count>* sums) {
  for (size_t i = 0; i < Count; ++i) (*sums)[i] += counts[i];
}

template <size_t Count>
nlohmann::json ReasonsToJson(const std::array<uint64_t, Count>& counts,
                             const std::array<const char*, Count>& names) {
  nlohmann::json reasons = nlohmann::json::object();
  for (size_t i = 0; i < Count; ++i) reasons[names[i]] = counts[i];
  return reasons;
}

uint64_t CountOf(const proto::ProducerDelta& delta) {
  uint64_t count = 0;
  for (const proto::SeriesDelta& series : delta.series) count += series.delta.Count();
  return count;
}

uint64_t DetailOf(const proto::ProducerDelta& delta) {
  return delta.requests.size() + delta.timings.size();
}

nlohmann::json RowToJson(const LedgerRow& row) {
  nlohmann::json lost = ReasonsToJson(row.lost, proto::kLossReasonNames);
  lost.erase(proto::ToString(proto::LossReason::kQuarantined));
  return {{"recorded", row.recorded},
          {"merged", row.merged},
          {"in_flight", row.in_flight},
          {"quarantined", row.quarantined},
          {"lost", std::move(lost)},
          {"imbalance", row.imbalance},
          {"detail",
           {{"written", row.detail_written},
            {"archived", row.detail_archived},
            {"in_flight", row.detail_in_flight},
            {"dropped", ReasonsToJson(row.dropped, proto::kDropReasonNames)},
            {"imbalance", row.detail_imbalance}}},
          {"balanced", row.Balanced()}};
}

}  // namespace

void LedgerRow::Add(const LedgerRow& other) {
  recorded += other.recorded;
  merged += other.merged;
  in_flight += other.in_flight;
  quarantined += other.quarantined;
  AddTo(other.lost, &lost);
  imbalance += other.imbalance;
  detail_written += other.detail_written;
  detail_archived += other.detail_archived;
  detail_in_flight += other.detail_in_flight;
  AddTo(other.dropped, &dropped);
  detail_imbalance += other.detail_imbalance;
  unbalanced += other.unbalanced;
}

void Ledger::Resume(const AppliedSets& applied_before) {
  const std::lock_guard lock(mutex_);
  applied_before_.Merge(applied_before);
  applied_.Merge(applied_before);
}

void Ledger::Apply(const proto::Batch& batch) {
  const std::lock_guard lock(mutex_);
  newest_end_unix_ns_ = std::max(newest_end_unix_ns_, batch.interval_end_unix_ns);
  for (const proto::ProducerDelta& delta : batch.producers) {
    ApplyProducer(batch, delta, {batch.id.sequence, DetailOf(delta)});
  }
  applied_.Add(batch.id, batch.interval_end_unix_ns);
  FoldWhenDue();
}

void Ledger::Apply(const ArchivedBatch& batch) {
  if (batch.part == ArchivedBatch::Part::kDetail) return;
  if (batch.part == ArchivedBatch::Part::kWhole) {
    return Apply(static_cast<const proto::Batch&>(batch));
  }
  const std::lock_guard lock(mutex_);
  newest_end_unix_ns_ = std::max(newest_end_unix_ns_, batch.interval_end_unix_ns);
  for (size_t i = 0; i < batch.producers.size(); ++i) {
    ApplyProducer(batch, batch.producers[i], batch.merged[i]);
  }
  applied_.Restore({batch.id.agent, batch.id.epoch}, {batch.sequences, batch.interval_end_unix_ns});
  FoldWhenDue();
}

void Ledger::FoldWhenDue() {
  if (newest_end_unix_ns_ < next_fold_unix_ns_) return;
  FoldEnded();
  next_fold_unix_ns_ = newest_end_unix_ns_ + kFoldEveryNs;
}

void Ledger::ApplyProducer(const proto::Batch& batch, const proto::ProducerDelta& delta,
                           const MergedProducer& merged) {
  auto found = producers_.find(delta.uuid);
  if (found == producers_.end()) {
    if (producers_.size() >= most_producers_) FoldIdlest();
    found = producers_.try_emplace(delta.uuid).first;
  }
  Producer& producer = found->second;
  producer.host = batch.host;
  producer.service = delta.service;
  producer.instance = delta.instance;
  producer.pid = delta.pid;
  producer.is_agent = delta.is_agent;
  producer.is_final |= delta.is_final;
  producer.last_end_unix_ns = std::max(producer.last_end_unix_ns, batch.interval_end_unix_ns);

  Account* account = AccountOf(batch, delta, merged.detail_rows, &producer);
  account->merged += CountOf(delta);
  account->archived += merged.detail_rows;
  if (merged.totals_sequence < account->totals_sequence) return;
  account->totals_sequence = merged.totals_sequence;
  account->totals = delta.totals;
  producer.quarantine = delta.quarantine;
}

Ledger::Account* Ledger::AccountOf(const proto::Batch& batch, const proto::ProducerDelta& delta,
                                   uint64_t detail_rows, Producer* producer) const {
  // What the agent had counted before this batch.
  const uint64_t recorded_before = delta.totals.recorded - CountOf(delta);
  const uint64_t sent_before = delta.totals.detail_sent - detail_rows;
  const bool has_before = recorded_before != 0 || sent_before != 0;
  Account account;
  account.agent = batch.id.agent;
  account.epoch = batch.id.epoch;
  account.lowest_sequence = batch.id.sequence;
  account.recorded_before = recorded_before;
  account.sent_before = sent_before;
  for (auto it = producer->accounts.rbegin(); it != producer->accounts.rend(); ++it) {
    if (it->agent != account.agent || it->epoch != account.epoch) continue;
    if (batch.id.sequence < it->first_sequence) continue;
    // Of a producer whose baseline alone was lost the agent counts from 0 again, in the same epoch.
    const bool restarts = !has_before && batch.id.sequence > it->totals_sequence &&
                          (it->totals.recorded != 0 || it->totals.detail_sent != 0);
    if (!restarts) {
      if (batch.id.sequence < it->lowest_sequence) {
        it->lowest_sequence = batch.id.sequence;
        it->recorded_before = recorded_before;
        it->sent_before = sent_before;
      }
      return &*it;
    }
    account.first_sequence = batch.id.sequence;
    break;
  }
  if (!producer->accounts.empty()) {
    account.continues = has_before;
  } else if (has_before && applied_before_.Contains({batch.id.agent, batch.id.epoch, 1}) &&
             applied_.Contiguous(batch.id.agent, batch.id.epoch) + 1 >= batch.id.sequence) {
    // Applied before the archive begins: nobody can add it up again.
    account.merged = recorded_before;
    account.archived = sent_before;
  }
  producer->accounts.push_back(account);
  return &producer->accounts.back();
}

std::vector<Ledger::Life> Ledger::LivesOf(const Producer& producer) const {
  const auto gap = [](uint64_t before, uint64_t known) { return before - std::min(before, known); };
  std::vector<Life> lives;
  for (const Account& account : producer.accounts) {
    if (lives.empty() || !account.continues) lives.emplace_back();
    Life& life = lives.back();
    const bool is_begun =
        applied_.Contiguous(account.agent, account.epoch) + 1 >= account.lowest_sequence;
    if (account.continues && is_begun) {
      life.lost_in_spool += gap(account.recorded_before, life.merged + life.lost_in_spool);
      life.detail_lost_in_spool +=
          gap(account.sent_before, life.archived + life.detail_lost_in_spool);
    }
    life.newest = &account;
    life.merged += account.merged;
    life.archived += account.archived;
  }
  return lives;
}

// All batches up to the one that carried the counts are applied.
bool Ledger::IsSettled(const Account& account) const {
  return applied_.Contiguous(account.agent, account.epoch) >= account.totals_sequence;
}

void Ledger::AddLife(const Life& life, LedgerRow* row) const {
  const proto::ProducerTotals& totals = life.newest->totals;
  row->recorded += totals.recorded - life.lost_in_spool;
  row->merged += life.merged;
  row->detail_archived += life.archived;

  const auto missing = static_cast<int64_t>(totals.recorded - life.merged - life.lost_in_spool);
  const auto detail_missing =
      static_cast<int64_t>(totals.detail_sent - life.archived - life.detail_lost_in_spool);
  if (IsSettled(*life.newest)) {
    row->imbalance += missing;
    row->detail_imbalance += detail_missing;
  } else {
    // More than was ever recorded cannot be in flight.
    (missing >= 0 ? row->in_flight : row->recorded) += static_cast<uint64_t>(std::abs(missing));
  }
}

LedgerRow Ledger::RowOf(const Producer& producer) const {
  LedgerRow row;
  const std::vector<Life> lives = LivesOf(producer);
  uint64_t recorded_in_older_lives = 0;
  uint64_t sent_in_older_lives = 0;
  uint64_t lost_in_spool = 0;
  uint64_t detail_lost_in_spool = 0;
  for (const Life& life : lives) {
    AddLife(life, &row);
    lost_in_spool += life.lost_in_spool;
    detail_lost_in_spool += life.detail_lost_in_spool;
    if (&life == &lives.back()) break;
    recorded_in_older_lives += life.newest->totals.recorded;
    sent_in_older_lives += life.newest->totals.detail_sent;
  }
  const proto::ProducerTotals& totals = lives.back().newest->totals;
  row.lost = totals.lost;
  row.quarantined = std::exchange(row.lost[kQuarantined], 0);
  // An agent without a baseline cannot know what of the producer's counts was delivered before: it
  // calls all of it lost. We know.
  row.lost[kSpool] += lost_in_spool;
  row.lost[kBaseline] -= std::min(row.lost[kBaseline], recorded_in_older_lives);
  row.recorded += Sum(row.lost) + row.quarantined;
  row.dropped = totals.dropped;
  row.dropped[kDetailSpool] += detail_lost_in_spool;
  // The producer's own counters go on from life to life; what it wrote before is among what the new
  // one calls passed over.
  row.detail_written = totals.detail_written;
  row.dropped[kNotSampled] -= std::min(row.dropped[kNotSampled], sent_in_older_lives);
  const uint64_t accounted = row.detail_archived + Sum(row.dropped);
  row.detail_in_flight = row.detail_written - std::min(row.detail_written, accounted);
  row.unbalanced = row.imbalance != 0 || row.detail_imbalance != 0 ? 1 : 0;
  return row;
}

// Producers that ended a while ago and whose counts are settled.
void Ledger::FoldEnded() {
  for (auto it = producers_.begin(); it != producers_.end();) {
    const Producer& producer = it->second;
    const bool is_old = producer.last_end_unix_ns + kKeepFinalNs < newest_end_unix_ns_;
    if (producer.is_final && is_old && IsSettled(producer.accounts.back())) {
      Fold(producer);
      it = producers_.erase(it);
    } else {
      ++it;
    }
  }
}

// Only when there are more producers than the ledger can hold: several at once, since finding them
// takes a look at all.
void Ledger::FoldIdlest() {
  constexpr size_t kPart = 16;
  std::vector<std::pair<uint64_t, proto::Uuid>> idlest;
  idlest.reserve(producers_.size());
  for (const auto& [uuid, producer] : producers_) {
    idlest.emplace_back(producer.last_end_unix_ns, uuid);
  }
  const size_t count = std::max<size_t>(1, idlest.size() / kPart);
  const auto last = idlest.begin() + static_cast<std::ptrdiff_t>(count);
  std::nth_element(idlest.begin(), last - 1, idlest.end());
  for (auto it = idlest.begin(); it != last; ++it) {
    const auto found = producers_.find(it->second);
    Fold(found->second);
    producers_.erase(found);
  }
}

void Ledger::Fold(const Producer& producer) {
  ServiceKey key(producer.host, producer.service);
  if (folded_.size() >= kMaxFolded && !folded_.contains(key)) key = {"(other)", "(other)"};
  Folded& folded = folded_[key];
  folded.row.Add(RowOf(producer));
  ++folded.producers;
}

LedgerRow Ledger::Total() const {
  const std::lock_guard lock(mutex_);
  LedgerRow total;
  for (const auto& [uuid, producer] : producers_) total.Add(RowOf(producer));
  for (const auto& [key, folded] : folded_) total.Add(folded.row);
  return total;
}

LedgerView Ledger::View(size_t most) const {
  const std::lock_guard lock(mutex_);
  LedgerView view;
  for (const auto& [key, folded] : folded_) view.total.Add(folded.row);
  for (const bool ended : {false, true}) {
    for (const auto& [uuid, producer] : producers_) {
      if (producer.is_final != ended) continue;
      const LedgerRow row = RowOf(producer);
      view.total.Add(row);
      if (view.producers.size() == most) {
        ++view.left_out;
        continue;
      }
      view.producers.push_back({uuid, producer.host, producer.service, producer.instance,
                                !producer.quarantine.empty(), row});
    }
  }
  return view;
}

std::map<std::string, LedgerHost, std::less<>> Ledger::ByHost() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, LedgerHost, std::less<>> hosts;
  for (const auto& [uuid, producer] : producers_) {
    LedgerHost& host = hosts[producer.host];
    host.row.Add(RowOf(producer));
    if (!producer.is_final && !producer.is_agent) ++host.producers;
  }
  for (const auto& [key, folded] : folded_) hosts[key.first].row.Add(folded.row);
  return hosts;
}

nlohmann::json Ledger::ProducerToJson(const proto::Uuid& uuid, const Producer& producer) const {
  nlohmann::json row = RowToJson(RowOf(producer));
  row["producer"] = proto::ToString(uuid);
  row["host"] = producer.host;
  row["service"] = producer.service;
  row["instance"] = producer.instance;
  row["pid"] = producer.pid;
  row["is_agent"] = producer.is_agent;
  row["is_final"] = producer.is_final;
  if (!producer.quarantine.empty()) row["quarantine"] = producer.quarantine;
  return row;
}

nlohmann::json Ledger::ToJson() const {
  nlohmann::json producers = nlohmann::json::array();
  nlohmann::json ended = nlohmann::json::array();
  LedgerRow total;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [uuid, producer] : producers_) {
      total.Add(RowOf(producer));
      producers.push_back(ProducerToJson(uuid, producer));
    }
    for (const auto& [key, folded] : folded_) {
      total.Add(folded.row);
      nlohmann::json row = RowToJson(folded.row);
      row["host"] = key.first;
      row["service"] = key.second;
      row["producers"] = folded.producers;
      ended.push_back(std::move(row));
    }
  }
  const auto place = [](const nlohmann::json& row) {
    return std::tuple(row["host"].get<std::string>(), row["service"].get<std::string>(),
                      row["instance"].get<std::string>());
  };
  std::sort(producers.begin(), producers.end(),
            [&](const auto& a, const auto& b) { return place(a) < place(b); });
  nlohmann::json json = RowToJson(total);
  json["producers"] = std::move(producers);
  json["ended"] = std::move(ended);
  return json;
}

}  // namespace ringside::aggregator
