// The store in a state file. Its limits and the pressure on memory are those of whoever reads it.
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "aggregator/state_parts.h"
#include "aggregator/store.h"
#include "proto/wire.h"

namespace ringside::aggregator {
namespace {

constexpr uint64_t kEver = UINT64_MAX;
// Requests of one producer that are written as one batch.
constexpr size_t kRequestsAtATime = 64;
constexpr size_t kKeyBytes = size_t{4} << 20;

void Put(const ProducerInfo& producer, StateWriter* out) {
  Put(producer.uuid, out);
  out->Number(producer.pid);
  out->Text(producer.host);
  out->Text(producer.service);
  out->Text(producer.instance);
  Put(producer.labels, out);
  out->Number(producer.is_agent ? 1 : 0);
}

// Returns the host.
std::string Get(StateReader* in, proto::ProducerDelta* producer) {
  Get(in, &producer->uuid);
  producer->pid = in->Number();
  std::string host(in->Text());
  producer->service = in->Text();
  producer->instance = in->Text();
  Get(in, &producer->labels);
  producer->is_agent = in->Number() != 0;
  return host;
}

void Put(const proto::SeriesKey& key, StateWriter* out) {
  out->Text(key.path);
  out->Number(static_cast<uint64_t>(key.kind));
  out->Number(static_cast<uint64_t>(key.outcome));
  out->Text(key.error_type);
  out->Text(key.unit);
  out->Number(static_cast<uint8_t>(key.resolution));
  out->Number(key.is_signed ? 1 : 0);
  Put(key.labels, out);
}

void Get(StateReader* in, proto::SeriesKeyView* key) {
  key->path = in->Text();
  key->kind = static_cast<proto::Kind>(in->Number());
  key->outcome = static_cast<proto::Outcome>(in->Number());
  key->error_type = in->Text();
  key->unit = in->Text();
  key->resolution = static_cast<int8_t>(in->Number());
  key->is_signed = in->Number() != 0;
  key->labels.clear();
  for (uint64_t left = in->Number(); left != 0 && in->ok(); --left) {
    const std::string_view name = in->Text();
    key->labels.emplace_back(name, in->Text());
  }
}

}  // namespace

void Store::Save(StateWriter* out) const {
  const std::shared_lock lock(mutex_);
  for (const uint64_t number :
       {last_closed_unix_ns_, expected_unix_ns_, overflowed_samples_, folded_series_, too_old_}) {
    out->Number(number);
  }
  out->Number(closed_unix_ns_.size());
  for (const auto& [host, end] : closed_unix_ns_) {
    out->Text(host);
    out->Number(end);
  }
  out->Number(coverage_.size());
  out->EndRow();
  for (const auto& [host, tiers] : coverage_) {
    out->Text(host);
    out->EndRow();
    tiers.Save(out);
  }
  // Producers have numbers, and are described where they first come.
  std::map<const ProducerInfo*, uint64_t> producers;
  out->Number(index_.size());
  out->EndRow();
  index_.ForEach("", [&](const StoredSeries& series) {
    const auto [producer, is_new] = producers.try_emplace(&series.producer(), producers.size());
    out->Number(producer->second);
    if (is_new) Put(series.producer(), out);
    Put(series.key(), out);
    out->EndRow();
    series.intervals().Save(out);
  });
  SaveRequests(out);
}

// As batches, which need no form of their own.
void Store::SaveRequests(StateWriter* out) const {
  proto::Batch batch;
  const ProducerInfo* whose = nullptr;
  const auto flush = [&] {
    if (whose != nullptr) out->Text(proto::EncodeBatch(batch));
    out->EndRow();
  };
  requests_.Visit({0, kEver}, [&](const StoredRequest& request) {
    const ProducerInfo& info = *request.producer;
    if (whose != &info || batch.producers[0].requests.size() == kRequestsAtATime) {
      flush();
      whose = &info;
      batch.host = info.host;
      batch.producers.assign(1, {});
      proto::ProducerDelta& producer = batch.producers[0];
      producer.uuid = info.uuid;
      producer.pid = info.pid;
      producer.service = info.service;
      producer.instance = info.instance;
      producer.labels = info.labels;
      producer.is_agent = info.is_agent;
    }
    batch.producers[0].requests.push_back(request.row);
    return true;
  });
  flush();
  out->Text({});
  out->EndRow();
}

void Store::Load(StateReader* in) {
  const std::unique_lock lock(mutex_);
  in->BeginRow();
  for (uint64_t* number : {&last_closed_unix_ns_, &expected_unix_ns_, &overflowed_samples_,
                           &folded_series_, &too_old_}) {
    *number = in->Number();
  }
  for (uint64_t left = in->Number(); left != 0 && in->ok(); --left) {
    std::string host(in->Text());
    closed_unix_ns_[std::move(host)] = in->Number();
  }
  for (uint64_t left = in->Number(); left != 0 && in->ok(); --left) {
    in->BeginRow();
    std::string host(in->Text());
    const auto tiers = coverage_.try_emplace(std::move(host), MergeRule::kCoverage).first;
    tiers->second.Load(in, &coverage_use_);
  }
  LoadSeries(in);
  LoadRequests(in);
}

void Store::LoadSeries(StateReader* in) {
  std::vector<std::shared_ptr<const ProducerInfo>> producers;
  proto::SeriesKeyTable keys(kKeyBytes);
  proto::SeriesKeyView key;
  in->BeginRow();
  for (uint64_t left = in->Number(); left != 0 && in->ok(); --left) {
    in->BeginRow();
    const uint64_t number = in->Number();
    if (number == producers.size()) {
      proto::ProducerDelta producer;
      const std::string host = Get(in, &producer);
      producers.push_back(index_.InternProducer(host, producer));
    }
    Get(in, &key);
    if (!in->ok() || number >= producers.size()) return in->Fail();
    StoredSeries* const series = index_.FindOrAdd(producers[number], keys.Find(key));
    series->mutable_intervals()->Load(in, &use_);
  }
}

void Store::LoadRequests(StateReader* in) {
  while (in->ok()) {
    in->BeginRow();
    const std::string_view bytes = in->Text();
    if (bytes.empty()) return;
    const proto::Result<proto::FrameView> frame = proto::OpenFrame(bytes);
    if (!frame.ok()) return in->Fail();
    const proto::Result<proto::Batch> batch = proto::DecodeBatch(*frame);
    if (!batch.ok()) return in->Fail();
    for (const proto::ProducerDelta& delta : batch->producers) {
      const auto producer = index_.InternProducer(batch->host, delta);
      for (const proto::RequestRow& row : delta.requests) requests_.Add(producer, row);
    }
  }
}

}  // namespace ringside::aggregator
