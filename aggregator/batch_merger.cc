#include "aggregator/batch_merger.h"

#include <algorithm>
#include <utility>

namespace ringside::aggregator {
namespace {

bool IsSameProducer(const proto::ProducerDelta& a, const proto::ProducerDelta& b) {
  return a.uuid == b.uuid && a.pid == b.pid && a.service == b.service && a.instance == b.instance &&
         a.labels == b.labels && a.started_unix_ns == b.started_unix_ns && a.is_agent == b.is_agent;
}

proto::ProducerDelta WithoutRows(const proto::ProducerDelta& producer) {
  proto::ProducerDelta said;
  said.uuid = producer.uuid;
  said.pid = producer.pid;
  said.service = producer.service;
  said.instance = producer.instance;
  said.labels = producer.labels;
  said.started_unix_ns = producer.started_unix_ns;
  said.is_agent = producer.is_agent;
  said.is_final = producer.is_final;
  said.quarantine = producer.quarantine;
  said.totals = producer.totals;
  return said;
}

MergedProducer MergedOf(const ArchivedBatch& batch, size_t place) {
  if (!batch.merged.empty()) return batch.merged[place];
  const proto::ProducerDelta& delta = batch.producers[place];
  return {batch.id.sequence, delta.requests.size() + delta.timings.size()};
}

uint64_t CountOf(const proto::ProducerDelta& delta) {
  uint64_t count = 0;
  for (const proto::SeriesDelta& series : delta.series) count += series.delta.Count();
  return count;
}

size_t BytesOf(const proto::SeriesKey& key, const StoredInterval& interval) {
  constexpr size_t kNode = 64;
  size_t bytes = kNode + sizeof key + key.path.size() + key.error_type.size() + interval.Bytes();
  for (const auto& [name, value] : key.labels) bytes += kNode + name.size() + value.size();
  return bytes;
}

}  // namespace

// Whether the batch may join: the same bucket, nobody in it has changed who he is, and everybody's
// counts go on from those of the group. They do not where batches are missing in between, or where
// the agent lost a producer's baseline and counts from 0 again.
bool BatchMerger::Fits(const Group& group, const ArchivedBatch& batch) const {
  if (group.bucket != (batch.interval_end_unix_ns + width_ns_ - 1) / width_ns_) return false;
  for (size_t i = 0; i < batch.producers.size(); ++i) {
    const proto::ProducerDelta& delta = batch.producers[i];
    for (const Producer& producer : group.producers) {
      if (producer.said.uuid != delta.uuid) continue;
      const proto::ProducerTotals& before = producer.said.totals;
      const bool goes_on =
          before.recorded + CountOf(delta) == delta.totals.recorded &&
          before.detail_sent + MergedOf(batch, i).detail_rows == delta.totals.detail_sent;
      if (!goes_on || !IsSameProducer(producer.said, delta)) return false;
    }
  }
  return true;
}

void BatchMerger::Add(const ArchivedBatch& batch) {
  Key key{batch.id.agent, batch.id.epoch, batch.host};
  Group& group = groups_[key];
  if (!group.sequences.empty() && !Fits(group, batch)) EmitGroup(key, &group);
  const uint64_t end = batch.interval_end_unix_ns;
  group.bucket = (end + width_ns_ - 1) / width_ns_;
  group.sequences.Merge(batch.sequences);
  group.start_unix_ns = std::min({group.start_unix_ns, batch.interval_start_unix_ns, end});
  group.end_unix_ns = std::max(group.end_unix_ns, end);
  group.covered.push_back({end - std::min(end, batch.covered_ns), end, batch.covered_ns});
  const size_t before = group.bytes;
  for (size_t i = 0; i < batch.producers.size(); ++i) AddProducer(batch, i, &group);
  bytes_ += group.bytes - before;
  if (bytes_ > most_bytes_) Flush();
}

void BatchMerger::AddProducer(const ArchivedBatch& batch, size_t place, Group* group) {
  const proto::ProducerDelta& delta = batch.producers[place];
  const MergedProducer merged = MergedOf(batch, place);
  auto found = std::find_if(group->producers.begin(), group->producers.end(),
                            [&](const Producer& p) { return p.said.uuid == delta.uuid; });
  if (found == group->producers.end()) {
    found = group->producers.insert(found, Producer{WithoutRows(delta), {}, {}, {}, {}});
  }
  if (merged.totals_sequence >= found->merged.totals_sequence) {
    found->merged.totals_sequence = merged.totals_sequence;
    found->said.totals = delta.totals;
    found->said.quarantine = delta.quarantine;
  }
  found->merged.detail_rows += merged.detail_rows;
  found->said.is_final |= delta.is_final;
  for (const proto::SeriesDelta& series : delta.series) {
    StoredInterval interval = StoredInterval::From(series.delta, batch.interval_start_unix_ns,
                                                   batch.interval_end_unix_ns);
    const auto [entry, is_new] = found->series.try_emplace(series.key);
    if (is_new) {
      entry->second = std::move(interval);
      group->bytes += BytesOf(series.key, entry->second);
    } else {
      entry->second.Merge(interval.View());
    }
  }
  for (const proto::RequestRow& row : delta.requests) {
    constexpr size_t kRequest = 2048;  // with its steps, about
    found->requests.push_back(row);
    group->bytes += kRequest;
  }
  for (const proto::TimingRow& row : delta.timings) {
    found->timings.push_back(row);
    group->bytes += sizeof row + row.key->path.size();
  }
}

void BatchMerger::Flush() {
  for (auto& [key, group] : groups_) {
    if (!group.sequences.empty()) EmitGroup(key, &group);
  }
  groups_.clear();
  bytes_ = 0;
}

void BatchMerger::EmitDetail(const ArchivedBatch& form, Group* group) const {
  ArchivedBatch requests = form;
  ArchivedBatch timings = form;
  requests.part = timings.part = ArchivedBatch::Part::kDetail;
  for (Producer& producer : group->producers) {
    const MergedProducer whose{producer.merged.totals_sequence, 0};
    if (!producer.requests.empty()) {
      requests.producers.push_back(producer.said);
      requests.producers.back().requests = std::move(producer.requests);
      requests.merged.push_back(whose);
    }
    if (!producer.timings.empty()) {
      timings.producers.push_back(producer.said);
      timings.producers.back().timings = std::move(producer.timings);
      timings.merged.push_back(whose);
    }
  }
  if (!requests.producers.empty()) sinks_.requests(requests);
  if (!timings.producers.empty()) sinks_.timings(timings);
}

void BatchMerger::EmitGroup(const Key& key, Group* group) {
  ArchivedBatch batch;
  batch.part = ArchivedBatch::Part::kStatistics;
  batch.id = {std::get<0>(key), std::get<1>(key), group->sequences.First()};
  batch.host = std::get<2>(key);
  batch.interval_start_unix_ns = group->start_unix_ns;
  batch.interval_end_unix_ns = group->end_unix_ns;
  batch.sequences = group->sequences;
  batch.covered_ns = UnionNanoseconds(std::move(group->covered));
  EmitDetail(batch, group);
  for (Producer& producer : group->producers) {
    batch.merged.push_back(producer.merged);
    batch.producers.push_back(std::move(producer.said));
    proto::ProducerDelta& delta = batch.producers.back();
    for (auto& [series, interval] : producer.series) {
      proto::Distribution distribution = EmptyDistribution(interval.resolution);
      interval.AddTo(&distribution);
      if (distribution.histogram.empty()) distribution.histogram = proto::Histogram();
      delta.series.push_back({series, std::move(distribution)});
    }
  }
  sinks_.statistics(batch);
  bytes_ -= group->bytes;
  *group = {};
}

}  // namespace ringside::aggregator
