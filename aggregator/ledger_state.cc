// The ledger in a state file: all of it but who was refused.
#include "aggregator/ledger.h"
#include "aggregator/state_parts.h"

namespace ringside::aggregator {
namespace {

void Put(const proto::ProducerTotals& totals, StateWriter* out) {
  out->Number(totals.recorded);
  Put(totals.lost, out);
  out->Number(totals.detail_written);
  out->Number(totals.detail_sent);
  Put(totals.dropped, out);
}

void Get(StateReader* in, proto::ProducerTotals* totals) {
  totals->recorded = in->Number();
  Get(in, &totals->lost);
  totals->detail_written = in->Number();
  totals->detail_sent = in->Number();
  Get(in, &totals->dropped);
}

void Put(const LedgerRow& row, StateWriter* out) {
  for (const uint64_t count :
       {row.recorded, row.merged, row.in_flight, row.quarantined,
        static_cast<uint64_t>(row.imbalance), row.detail_written, row.detail_archived,
        row.detail_in_flight, static_cast<uint64_t>(row.detail_imbalance), row.unbalanced}) {
    out->Number(count);
  }
  Put(row.lost, out);
  Put(row.dropped, out);
}

void Get(StateReader* in, LedgerRow* row) {
  for (uint64_t* count : {&row->recorded, &row->merged, &row->in_flight, &row->quarantined}) {
    *count = in->Number();
  }
  row->imbalance = static_cast<int64_t>(in->Number());
  for (uint64_t* count : {&row->detail_written, &row->detail_archived, &row->detail_in_flight}) {
    *count = in->Number();
  }
  row->detail_imbalance = static_cast<int64_t>(in->Number());
  row->unbalanced = in->Number();
  Get(in, &row->lost);
  Get(in, &row->dropped);
}

}  // namespace

void Ledger::Account::Save(StateWriter* out) const {
  Put(agent, out);
  out->Number(epoch);
  out->Number(first_sequence);
  out->Number(totals_sequence);
  Put(totals, out);
  out->Number(merged);
  out->Number(archived);
  out->Number(continues ? 1 : 0);
  out->Number(lowest_sequence);
  out->Number(recorded_before);
  out->Number(sent_before);
}

void Ledger::Account::Load(StateReader* in) {
  Get(in, &agent);
  epoch = in->Number();
  first_sequence = in->Number();
  totals_sequence = in->Number();
  Get(in, &totals);
  merged = in->Number();
  archived = in->Number();
  continues = in->Number() != 0;
  lowest_sequence = in->Number();
  recorded_before = in->Number();
  sent_before = in->Number();
}

void Ledger::Producer::Save(StateWriter* out) const {
  for (const std::string* text : {&host, &service, &instance, &quarantine}) out->Text(*text);
  out->Number(pid);
  out->Number(last_end_unix_ns);
  out->Number(is_agent ? 1 : 0);
  out->Number(is_final ? 1 : 0);
  out->Number(accounts.size());
  for (const Account& account : accounts) account.Save(out);
}

void Ledger::Producer::Load(StateReader* in) {
  for (std::string* text : {&host, &service, &instance, &quarantine}) *text = in->Text();
  pid = in->Number();
  last_end_unix_ns = in->Number();
  is_agent = in->Number() != 0;
  is_final = in->Number() != 0;
  for (uint64_t left = in->Number(); left != 0 && in->ok(); --left) {
    accounts.emplace_back().Load(in);
  }
}

void Ledger::Save(StateWriter* out) const {
  const std::lock_guard lock(mutex_);
  Put(applied_, out);
  Put(applied_before_, out);
  out->Number(newest_end_unix_ns_);
  out->Number(next_fold_unix_ns_);
  out->Number(producers_.size());
  out->EndRow();
  for (const auto& [uuid, producer] : producers_) {
    Put(uuid, out);
    producer.Save(out);
    out->EndRow();
  }
  out->Number(folded_.size());
  out->EndRow();
  for (const auto& [service, folded] : folded_) {
    out->Text(service.first);
    out->Text(service.second);
    out->Number(folded.producers);
    Put(folded.row, out);
    out->EndRow();
  }
}

void Ledger::Load(StateReader* in) {
  const std::lock_guard lock(mutex_);
  Get(in, &applied_);
  Get(in, &applied_before_);
  in->BeginRow();
  newest_end_unix_ns_ = in->Number();
  next_fold_unix_ns_ = in->Number();
  for (uint64_t left = in->Number(); left != 0 && in->ok(); --left) {
    in->BeginRow();
    proto::Uuid uuid;
    Get(in, &uuid);
    producers_[uuid].Load(in);
  }
  in->BeginRow();
  for (uint64_t left = in->Number(); left != 0 && in->ok(); --left) {
    in->BeginRow();
    std::string host(in->Text());
    Folded& folded = folded_[{std::move(host), std::string(in->Text())}];
    folded.producers = in->Number();
    Get(in, &folded.row);
  }
}

}  // namespace ringside::aggregator
