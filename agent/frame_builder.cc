#include "agent/frame_builder.h"

#include <utility>

#include "proto/wire.h"

namespace ringside::agent {
namespace {

using proto::AttributeList;
using proto::ProducerDelta;
using proto::ProducerTotals;

// Estimates only decide where to cut; the limit of the wire is 64 times the target.
size_t SizeOf(const proto::LabelList& labels) {
  size_t bytes = 1;
  for (const auto& [key, value] : labels) bytes += key.size() + value.size() + 4;
  return bytes;
}

size_t SizeOf(const proto::SeriesKey& key) {
  return 16 + key.path.size() + key.error_type.size() + key.unit.size() + SizeOf(key.labels);
}

size_t SizeOf(const AttributeList& attributes) {
  size_t bytes = 1;
  for (const auto& [key, value] : attributes) {
    const auto* text = std::get_if<std::string>(&value);
    bytes += key.size() + 12 + (text != nullptr ? text->size() : 0);
  }
  return bytes;
}

size_t SizeOf(const proto::SeriesDelta& series) {
  const proto::Histogram& h = series.delta.histogram;
  // One byte an empty bucket inside the window, up to a few a filled one.
  const size_t buckets = h.positive().counts().size() + h.negative().counts().size();
  return SizeOf(series.key) + 64 + buckets + buckets / 2;
}

size_t SizeOf(const proto::RequestRow& row) {
  size_t bytes = 96 + row.id.size() + row.operation.size() + row.error_type.size() +
                 row.error_message.size() + SizeOf(row.labels) + SizeOf(row.attributes);
  for (const proto::StepRow& step : row.steps) {
    bytes += 48 + step.name.size() + step.error_type.size() + step.error_message.size() +
             SizeOf(step.labels) + SizeOf(step.attributes);
  }
  return bytes;
}

}  // namespace

void FrameBuilder::Open(const ProducerDelta& delta, const ProducerTotals& totals) {
  ProducerDelta part;
  part.uuid = delta.uuid;
  part.pid = delta.pid;
  part.service = delta.service;
  part.instance = delta.instance;
  part.labels = delta.labels;
  part.started_unix_ns = delta.started_unix_ns;
  part.is_agent = delta.is_agent;
  part.quarantine = delta.quarantine;
  part.totals = totals;
  batch_.producers.push_back(std::move(part));
  estimated_bytes_ += 256 + delta.service.size() + SizeOf(delta.labels);
}

void FrameBuilder::Grew(size_t bytes) {
  estimated_bytes_ += bytes;
  if (estimated_bytes_ < proto::kTargetFrameBytes) return;
  const ProducerDelta last = [&] {
    ProducerDelta head = current();
    head.series.clear();
    head.requests.clear();
    head.timings.clear();
    return head;
  }();
  Flush();
  Open(last, last.totals);
}

void FrameBuilder::Add(ProducerDelta delta, const ProducerTotals& before) {
  ProducerTotals running = delta.totals;
  running.recorded = before.recorded;
  running.detail_sent = before.detail_sent;
  Open(delta, running);
  for (proto::SeriesDelta& series : delta.series) {
    const size_t bytes = SizeOf(series);
    current().totals.recorded += series.delta.Count();
    current().series.push_back(std::move(series));
    Grew(bytes);
  }
  for (proto::RequestRow& row : delta.requests) {
    const size_t bytes = SizeOf(row);
    ++current().totals.detail_sent;
    current().requests.push_back(std::move(row));
    Grew(bytes);
  }
  for (proto::TimingRow& row : delta.timings) {
    const size_t bytes = 24 + SizeOf(row.key);
    ++current().totals.detail_sent;
    current().timings.push_back(std::move(row));
    Grew(bytes);
  }
  // What the agent found in the cells has the last word: were it not the sum of the deltas, the
  // ledger would say so.
  current().totals = delta.totals;
  current().is_final = delta.is_final;
}

void FrameBuilder::Flush() {
  frames_.push_back(proto::EncodeBatch(batch_));
  batch_.producers.clear();
  ++batch_.id.sequence;
  estimated_bytes_ = 0;
}

std::vector<std::string> FrameBuilder::Finish() {
  if (!batch_.producers.empty()) Flush();
  return std::exchange(frames_, {});
}

}  // namespace ringside::agent
