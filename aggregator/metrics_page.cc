#include "aggregator/metrics_page.h"

#include <array>
#include <utility>
#include <vector>

#include "proto/loss.h"
#include "proto/metrics_text.h"

namespace ringside::aggregator {
namespace {

using proto::LabelList;
using proto::MetricsText;
using Rows = std::vector<std::pair<LabelList, LedgerRow>>;

struct Column {
  const char* name;
  const char* help;
  uint64_t LedgerRow::*value;
};

constexpr Column kCounters[] = {
    {"samples_recorded_total", "Samples that workers recorded, lost ones included",
     &LedgerRow::recorded},
    {"samples_merged_total", "Samples in statistics", &LedgerRow::merged},
    {"samples_quarantined_total", "Samples of producers that were refused",
     &LedgerRow::quarantined},
    {"detail_written_total", "Raw records (requests and timings) that workers wrote or dropped",
     &LedgerRow::detail_written},
    {"detail_archived_total", "Raw records in the archive", &LedgerRow::detail_archived},
};
constexpr Column kGauges[] = {
    {"samples_in_flight", "Samples that are on their way", &LedgerRow::in_flight},
    {"detail_in_flight", "Raw records that are on their way", &LedgerRow::detail_in_flight},
};
constexpr std::pair<Column, int64_t LedgerRow::*> kImbalances[] = {
    {{"samples_imbalance", "Samples that are missing (or, below 0, counted twice): 0 or a bug",
      nullptr},
     &LedgerRow::imbalance},
    {{"detail_imbalance", "Raw records that are missing (or, below 0, double): 0 or a bug",
      nullptr},
     &LedgerRow::detail_imbalance},
};

// `all`: also reasons that never happened.
template <size_t Count>
void AddReasons(const LabelList& labels, const std::array<uint64_t, Count>& counts,
                const std::array<const char*, Count>& names, bool all, MetricsText* page) {
  for (size_t i = 0; i < Count; ++i) {
    if (!all && counts[i] == 0) continue;
    LabelList with_reason = labels;
    with_reason.emplace_back("reason", names[i]);
    page->Sample(with_reason, counts[i]);
  }
}

void AddLedger(const std::string& prefix, const Rows& rows, bool all, MetricsText* page) {
  for (const Column& column : kCounters) {
    page->Counter(prefix + column.name, column.help);
    for (const auto& [labels, row] : rows) page->Sample(labels, row.*column.value);
  }
  for (const Column& column : kGauges) {
    page->Gauge(prefix + column.name, column.help);
    for (const auto& [labels, row] : rows) page->Sample(labels, row.*column.value);
  }
  for (const auto& [column, value] : kImbalances) {
    page->Gauge(prefix + column.name, column.help);
    for (const auto& [labels, row] : rows) page->SignedSample(labels, row.*value);
  }
  page->Counter(prefix + "samples_lost_total", "Samples that reach no histogram, by reason");
  for (const auto& [labels, row] : rows) {
    AddReasons(labels, row.lost, proto::kLossReasonNames, all, page);
  }
  page->Counter(prefix + "detail_dropped_total", "Raw records that are not archived, by reason");
  for (const auto& [labels, row] : rows) {
    AddReasons(labels, row.dropped, proto::kDropReasonNames, all, page);
  }
}

void AddIntake(const IntakeCounters& counters, MetricsText* page) {
  const auto add = [&](const char* name, const char* help, uint64_t value) {
    page->Counter(name, help);
    page->Sample(value);
  };
  add("ringside_aggregator_batches_total", "Batches applied", counters.batches);
  add("ringside_aggregator_duplicates_total", "Batches that came again", counters.duplicates);
  add("ringside_aggregator_hellos_total", "Greetings of agents", counters.hellos);
  add("ringside_aggregator_refused_total", "Frames answered with a refusal", counters.refused);
  add("ringside_aggregator_bad_frames_total", "Frames dropped without an answer",
      counters.bad_frames);
  add("ringside_aggregator_failed_commits_total", "Times that the archive could not be written",
      counters.failed_commits);
}

void AddStore(const StoreUse& use, MetricsText* page) {
  const auto gauge = [&](const char* name, const char* help, uint64_t value) {
    page->Gauge(name, help);
    page->Sample(value);
  };
  const auto counter = [&](const char* name, const char* help, uint64_t value) {
    page->Counter(name, help);
    page->Sample(value);
  };
  gauge("ringside_store_limit_bytes", "What the store may take; 0: no limit", use.limit_bytes);
  gauge("ringside_store_bytes", "What the store takes", use.bytes);
  gauge("ringside_store_series", "Series held", use.series);
  gauge("ringside_store_requests", "Requests held", use.requests);
  page->Gauge("ringside_store_held_seconds", "How far back each tier reaches");
  for (size_t tier = 0; tier < kTierCount; ++tier) {
    const uint64_t from = use.tiers[tier].from_unix_ns;
    page->Sample({{"tier", kTierNames[tier]}},
                 from == 0 ? 0 : (use.last_closed_unix_ns - from) / kSecondNs);
  }
  page->Gauge("ringside_store_intervals", "Series-intervals held");
  for (size_t tier = 0; tier < kTierCount; ++tier) {
    page->Sample({{"tier", kTierNames[tier]}}, use.tiers[tier].intervals);
  }
  counter("ringside_store_overflowed_samples_total",
          "Samples of series beyond the bound: in overflow series", use.overflowed_samples);
  counter("ringside_store_folded_series_total", "Idle series that were merged into overflow series",
          use.folded_series);
  counter("ringside_store_too_old_intervals_total",
          "Intervals that came when their time was not held any more", use.too_old);
}

void AddForwarding(const ForwardingState& state, MetricsText* page) {
  const LabelList parent = {{"parent", state.parent}};
  const auto gauge = [&](const char* name, const char* help, uint64_t value) {
    page->Gauge(name, help);
    page->Sample(parent, value);
  };
  gauge("ringside_forward_connected", "1: the parent aggregator is there",
        state.is_connected ? 1 : 0);
  gauge("ringside_forward_waiting_frames", "Batches that the parent has not acknowledged",
        state.waiting_frames);
  gauge("ringside_forward_waiting_bytes", "Disk that they take", state.waiting_bytes);
  gauge("ringside_forward_limit_bytes", "What they may take", state.limit_bytes);
  page->Counter("ringside_forward_acknowledged_total", "Batches that the parent acknowledged");
  page->Sample(parent, state.acknowledged_frames);
}

}  // namespace

std::string MetricsPage(const Ledger* ledger, const std::optional<IntakeCounters>& intake,
                        uint64_t now_unix_ns, const std::optional<StoreUse>& store,
                        const std::optional<ForwardingState>& forwarding) {
  MetricsText page;
  if (ledger != nullptr) {
    const LedgerView view = ledger->View(kMostMetricsProducers);
    AddLedger("ringside_", {{{}, view.total}}, true, &page);
    page.Gauge("ringside_ledger_unbalanced_producers", "Producers that do not add up: 0 or a bug");
    page.Sample(view.total.unbalanced);
    Rows rows;
    for (const LedgerView::Producer& producer : view.producers) {
      rows.push_back({{{"host", producer.host},
                       {"instance", producer.instance},
                       {"producer", proto::ToString(producer.uuid)},
                       {"service", producer.service}},
                      producer.row});
    }
    AddLedger("ringside_producer_", rows, false, &page);
    page.Gauge("ringside_producer_quarantined",
               "1: its agent takes nothing from it any more; the ledger says why");
    for (size_t i = 0; i < rows.size(); ++i) {
      page.Sample(rows[i].first, view.producers[i].is_quarantined ? 1 : 0);
    }
    page.Gauge("ringside_producers_left_out", "Producers that this page does not list");
    page.Sample(view.left_out);
    page.Gauge("ringside_refused_agents",
               "Agents of another wire version, seen in the last 10 minutes: in no other figure");
    for (const auto& [version, count] : ledger->refused().Count(now_unix_ns)) {
      page.Sample({{"wire_version", version}}, count);
    }
  }
  if (intake) AddIntake(*intake, &page);
  if (store) AddStore(*store, &page);
  if (forwarding) AddForwarding(*forwarding, &page);
  return page.text();
}

}  // namespace ringside::aggregator
