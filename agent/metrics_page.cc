#include "agent/metrics_page.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "proto/loss.h"
#include "proto/metrics_text.h"

namespace ringside::agent {
namespace {

using proto::LabelList;
using proto::MetricsText;
using proto::ProducerTotals;

template <size_t Count>
uint64_t Sum(const std::array<uint64_t, Count>& counts) {
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

struct Column {
  const char* name;
  const char* help;
  uint64_t (*value)(const ProducerTotals& totals);
};

constexpr Column kColumns[] = {
    {"samples_recorded_total", "Samples recorded by workers: delivered, or lost for a reason",
     [](const ProducerTotals& t) { return t.recorded + Sum(t.lost); }},
    {"samples_delivered_total", "Samples in histograms that are committed to the spool",
     [](const ProducerTotals& t) { return t.recorded; }},
    {"detail_written_total", "Raw records (requests and timings) that workers wrote or dropped",
     [](const ProducerTotals& t) { return t.detail_written; }},
    {"detail_delivered_total", "Raw records that are committed to the spool",
     [](const ProducerTotals& t) { return t.detail_sent; }},
};

// What was dropped may run ahead of what was written: a slot's counter is read a moment later.
uint64_t InRings(const ProducerTotals& totals) {
  const uint64_t accounted = totals.detail_sent + Sum(totals.dropped);
  return totals.detail_written - std::min(totals.detail_written, accounted);
}

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

// One row per entry of `rows`; names begin with `prefix`.
void AddLedger(const std::string& prefix,
               const std::vector<std::pair<LabelList, const ProducerTotals*>>& rows, bool all,
               MetricsText* page) {
  for (const Column& column : kColumns) {
    page->Counter(prefix + column.name, column.help);
    for (const auto& [labels, totals] : rows) page->Sample(labels, column.value(*totals));
  }
  page->Gauge(prefix + "detail_in_rings", "Raw records that still lie in workers' rings");
  for (const auto& [labels, totals] : rows) page->Sample(labels, InRings(*totals));
  page->Counter(prefix + "samples_lost_total", "Samples that reach no histogram, by reason");
  for (const auto& [labels, totals] : rows) {
    AddReasons(labels, totals->lost, proto::kLossReasonNames, all, page);
  }
  page->Counter(prefix + "detail_dropped_total", "Raw records that are not delivered, by reason");
  for (const auto& [labels, totals] : rows) {
    AddReasons(labels, totals->dropped, proto::kDropReasonNames, all, page);
  }
}

void AddProducers(const MetricsSnapshot& snapshot, MetricsText* page) {
  std::vector<std::pair<LabelList, const ProducerTotals*>> rows;
  for (const MetricsSnapshot::Producer& producer : snapshot.producers) {
    rows.push_back({{{"host", snapshot.host},
                     {"instance", producer.instance},
                     {"producer", proto::ToString(producer.uuid)},
                     {"service", producer.service}},
                    &producer.totals});
  }
  AddLedger("ringside_agent_producer_", rows, false, page);
  page->Gauge("ringside_agent_producer_quarantined",
              "1: nothing is taken from this producer any more, the log says why");
  for (size_t i = 0; i < rows.size(); ++i) {
    page->Sample(rows[i].first, snapshot.producers[i].is_quarantined ? 1 : 0);
  }
  page->Gauge("ringside_agent_producers_left_out", "Producers that this page does not list");
  page->Sample(snapshot.producers_left_out);
}

void AddCounters(const MetricsSnapshot& snapshot, MetricsText* page) {
  const AgentCounters& c = snapshot.counters;
  const auto gauge = [&](const char* name, const char* help, uint64_t value) {
    page->Gauge(name, help);
    page->Sample(value);
  };
  const auto counter = [&](const char* name, const char* help, uint64_t value) {
    page->Counter(name, help);
    page->Sample(value);
  };
  gauge("ringside_agent_active", "1: this agent drains the directory; 0: it stands by",
        c.is_active ? 1 : 0);
  gauge("ringside_agent_interval_end_timestamp_seconds", "End of the last interval",
        snapshot.interval_end_unix_ns / 1000000000);
  counter("ringside_agent_intervals_total", "Intervals committed", c.intervals);
  counter("ringside_agent_postponed_intervals_total",
          "Intervals that were not committed; their time joined the next", c.postponed);
  gauge("ringside_agent_joined_intervals", "Intervals that the next batch covers",
        c.joined_intervals);
  gauge("ringside_agent_producers", "Producers that are followed", c.producers);
  gauge("ringside_agent_quarantined", "Producers and files that are refused", c.quarantined);
  counter("ringside_agent_wrong_version_total", "Segments of a version that cannot be read",
          c.wrong_version);
  counter("ringside_agent_removed_total", "Segments of dead producers that were removed",
          c.removed);
  gauge("ringside_agent_spool_bytes", "Bytes of the spool", c.spool_bytes);
  gauge("ringside_agent_spool_limit_bytes", "Bytes that the spool may have",
        snapshot.spool_limit_bytes);
  gauge("ringside_agent_unacknowledged_frames", "Frames that the aggregator has not acknowledged",
        c.unacknowledged);
  counter("ringside_agent_greetings_total", "Greetings sent to the aggregator", c.uplink.greetings);
  counter("ringside_agent_frames_sent_total", "Frames sent", c.uplink.frames_sent);
  counter("ringside_agent_frames_resent_total", "Frames sent more than once",
          c.uplink.frames_resent);
  counter("ringside_agent_frames_acknowledged_total", "Frames acknowledged", c.uplink.frames_acked);
  counter("ringside_agent_refusals_total", "Times that the aggregator refused this agent",
          c.uplink.refusals);
  counter("ringside_agent_bad_frames_total", "Answers that could not be read", c.uplink.bad_frames);
  counter("ringside_agent_disconnects_total", "Connections lost", c.uplink.disconnects);
}

void AddAggregators(const MetricsSnapshot& snapshot, MetricsText* page) {
  const auto each = [&](auto&& value) {
    for (const UplinkState& state : snapshot.counters.aggregators) {
      page->Sample({{"aggregator", state.endpoint}}, value(state));
    }
  };
  page->Gauge("ringside_agent_aggregator_connected", "1: this aggregator answers");
  each([](const UplinkState& state) { return uint64_t{state.is_streaming}; });
  page->Gauge("ringside_agent_aggregator_unacknowledged_frames",
              "Frames that this aggregator has not acknowledged");
  each([](const UplinkState& state) { return state.unacknowledged; });
  page->Counter("ringside_agent_aggregator_given_up_frames_total",
                "Frames that this aggregator will not get: it was away for too long");
  each([](const UplinkState& state) { return state.given_up; });
}

}  // namespace

std::string MetricsPage(const MetricsSnapshot& snapshot) {
  MetricsText page;
  AddLedger("ringside_agent_", {{{}, &snapshot.total}}, true, &page);
  AddProducers(snapshot, &page);
  AddCounters(snapshot, &page);
  AddAggregators(snapshot, &page);
  return page.text();
}

}  // namespace ringside::agent
