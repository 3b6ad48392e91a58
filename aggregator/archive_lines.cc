#include "aggregator/archive_lines.h"

#include <array>

#include "aggregator/json_text.h"
#include "aggregator/utc_time.h"
#include "proto/checksum.h"
#include "proto/uuid.h"

namespace ringside::aggregator {
namespace {

template <size_t kCount>
void AppendReasons(std::string_view key, const std::array<uint64_t, kCount>& counts,
                   const std::array<const char*, kCount>& names, JsonObject* object) {
  JsonObject reasons(object->Key(key));
  for (size_t i = 0; i < kCount; ++i) {
    if (counts[i] != 0) reasons.Integer(names[i], counts[i]);
  }
  reasons.Close();
}

// [[first,last],...]
template <typename Ranges>
void AppendRanges(std::string_view key, const Ranges& ranges, JsonObject* object) {
  std::string* out = object->Key(key);
  out->push_back('[');
  bool is_first = true;
  for (const auto& [first, last] : ranges) {
    out->append(is_first ? "[" : ",[");
    is_first = false;
    AppendJsonInteger(uint64_t{first}, out);
    out->push_back(',');
    AppendJsonInteger(uint64_t{last}, out);
    out->push_back(']');
  }
  out->push_back(']');
}

void AppendLink(std::string_view key, const ArchiveLink& link, JsonObject* object) {
  JsonObject place(object->Key(key));
  place.String("file", link.file);
  place.Integer("bytes", link.bytes);
  place.Hex("chain", link.chain);
  place.Close();
}

void AppendApplied(const AppliedSets& applied, JsonObject* head) {
  std::string* out = head->Key("applied");
  char separator = '[';
  for (const auto& [key, entry] : applied.entries()) {
    out->push_back(separator);
    separator = ',';
    JsonObject object(out);
    object.String("agent", proto::ToString(key.first));
    object.Hex("epoch", key.second);
    object.Integer("through", entry.set.Contiguous());
    AppendRanges("ranges", entry.set.ranges(), &object);
    object.Integer("active_unix_ns", entry.active_unix_ns);
    object.Close();
  }
  if (separator == '[') out->push_back('[');
  out->push_back(']');
}

// Ends a head or commit line, whose object is open: the chain value over `covered` and the line.
uint64_t CloseChained(std::string_view stem, uint64_t previous, size_t covered_from,
                      std::string* out) {
  const uint64_t chain =
      proto::Checksum(std::string_view(*out).substr(covered_from), ChainSeed(stem, previous));
  out->append(kChainKey.substr(0, kChainKey.size() - 1));
  AppendJsonHex(chain, out);
  out->append("}\n");
  return chain;
}

void Pack(std::string_view text, std::string* out) {
  const auto size = static_cast<uint32_t>(text.size());
  out->append(reinterpret_cast<const char*>(&size), sizeof size);
  out->append(text);
}

// Equal text for equal series of one producer; that of the producer is the same for all of them.
void PackProducer(const proto::ProducerDelta& producer, std::string* out) {
  out->assign(reinterpret_cast<const char*>(producer.uuid.bytes.data()),
              producer.uuid.bytes.size());
  Pack(producer.instance, out);
  Pack(producer.service, out);
}

void PackKey(const proto::SeriesKey& key, std::string* out) {
  out->push_back(static_cast<char>(key.kind));
  out->push_back(static_cast<char>(key.outcome));
  out->push_back(static_cast<char>(key.resolution));
  out->push_back(static_cast<char>(key.is_signed));
  Pack(key.path, out);
  Pack(key.error_type, out);
  Pack(key.unit, out);
  for (const auto& [name, value] : key.labels) {
    Pack(name, out);
    Pack(value, out);
  }
}

}  // namespace

std::string HeadLine(const ArchiveFileName& name, ArchiveHead* head) {
  std::string line;
  JsonObject object(&line);
  object.String("type", "head");
  object.Integer("format", static_cast<uint64_t>(head->format));
  if (name.kind != ArchiveKind::kRaw) object.String("kind", ToString(name.kind));
  object.String("software_version", head->software_version);
  object.String("created", FormatUtc(head->created_unix_ns));
  object.Integer("created_unix_ns", head->created_unix_ns);
  AppendLink("previous", head->previous, &object);
  if (!head->end.file.empty()) AppendLink("end", head->end, &object);
  AppendApplied(head->applied, &object);
  head->chain = CloseChained(name.stem, head->previous.chain, 0, &line);
  return line;
}

ArchiveLines::ArchiveLines(std::string stem, size_t expected_series)
    : stem_(std::move(stem)), seeds_{proto::NewRandom64(), proto::NewRandom64()} {
  series_.reserve(expected_series);
  met_.reserve(expected_series);
}

ArchiveLines::Digest ArchiveLines::DigestOf(std::string_view packed) const {
  return {proto::Checksum(packed, seeds_.first), proto::Checksum(packed, seeds_.second)};
}

void ArchiveLines::AppendLines(const proto::Batch& batch, const ArchivedBatch* merged,
                               std::string* out) {
  interval_start_ = FormatUtc(batch.interval_start_unix_ns);
  interval_end_ = FormatUtc(batch.interval_end_unix_ns);
  intervals_.Begin(interval_start_, interval_end_);
  for (size_t i = 0; i < batch.producers.size(); ++i) {
    const proto::ProducerDelta& producer = batch.producers[i];
    AppendProducer(batch, producer, merged == nullptr ? nullptr : &merged->merged[i], out);
    definitions_.Begin(batch.host, producer);
    PackProducer(producer, &packed_);
    packed_producer_ = packed_.size();
    producer_ = DigestOf(packed_).first;
    for (const proto::SeriesDelta& delta : producer.series) {
      intervals_.Append(Define(delta.key, out), delta, out);
    }
    for (const proto::RequestRow& request : producer.requests) {
      AppendRequestLine(batch.host, producer, request, out);
      out->push_back('\n');
    }
    for (const proto::TimingRow& timing : producer.timings) {
      const uint64_t series = Define(timing.key, out);
      JsonObject object(out);
      object.String("type", "timing");
      object.Integer("series", series);
      object.String("timestamp", FormatUtc(timing.start_unix_ns));
      object.Integer("start_unix_ns", timing.start_unix_ns);
      object.Signed("value", timing.value);
      object.Close();
      out->push_back('\n');
    }
  }
}

uint64_t ArchiveLines::Append(const proto::Batch& batch, const ArchivedBatch* merged,
                              uint64_t previous, std::string* out) {
  const size_t begin = out->size();
  AppendLines(batch, merged, out);
  const uint64_t bytes = out->size() - begin;
  JsonObject commit(out);
  commit.String("type", "commit");
  commit.String("agent", proto::ToString(batch.id.agent));
  commit.Hex("epoch", batch.id.epoch);
  commit.Integer("sequence", batch.id.sequence);
  if (merged != nullptr) AppendRanges("sequences", merged->sequences.AllRanges(), &commit);
  commit.String("host", batch.host);
  commit.String("start", interval_start_);
  commit.String("end", interval_end_);
  commit.Integer("start_unix_ns", batch.interval_start_unix_ns);
  commit.Integer("end_unix_ns", batch.interval_end_unix_ns);
  if (merged != nullptr) commit.Integer("covered_ns", merged->covered_ns);
  commit.Integer("bytes", bytes);
  commit.Hex("previous", previous);
  return CloseChained(stem_, previous, begin, out);
}

uint64_t ArchiveLines::Define(const proto::SharedKey& key, std::string* out) {
  const auto is = [&](const Met& met) {
    return met.producer == producer_ && met.key == key.identity();
  };
  const uint64_t guess = last_ == 0 ? 0 : met_[last_ - 1].next;
  if (guess != 0 && is(met_[guess - 1])) return last_ = guess;
  const auto [number, is_new] = Number(key);
  if (is_new) {
    const size_t before = out->size();
    definitions_.Append(number, key, out);
    definition_bytes_ += out->size() - before;
    met_.emplace_back();
  }
  Met& met = met_[number - 1];
  met.producer = producer_;
  met.key = key.identity();
  if (last_ != 0) met_[last_ - 1].next = number;
  return last_ = number;
}

std::pair<uint64_t, bool> ArchiveLines::Number(const proto::SeriesKey& key) {
  packed_.resize(packed_producer_);
  PackKey(key, &packed_);
  const auto [found, is_new] = series_.try_emplace(DigestOf(packed_), series_.size() + 1);
  return {found->second, is_new};
}

void ArchiveLines::AppendProducer(const proto::Batch& batch, const proto::ProducerDelta& producer,
                                  const MergedProducer* merged, std::string* out) {
  JsonObject object(out);
  object.String("type", "producer");
  object.String("producer", proto::ToString(producer.uuid));
  object.String("host", batch.host);
  object.String("service", producer.service);
  object.String("instance", producer.instance);
  object.Integer("pid", producer.pid);
  object.Labels("resource_labels", producer.labels);
  object.Integer("started_unix_ns", producer.started_unix_ns);
  object.Bool("is_agent", producer.is_agent);
  object.Bool("is_final", producer.is_final);
  if (merged != nullptr) {
    object.Integer("sequence", merged->totals_sequence);
    if (merged->detail_rows != 0) object.Integer("detail_rows", merged->detail_rows);
  }
  if (!producer.quarantine.empty()) object.String("quarantine", producer.quarantine);
  const proto::ProducerTotals& totals = producer.totals;
  object.Integer("recorded", totals.recorded);
  AppendReasons("lost", totals.lost, proto::kLossReasonNames, &object);
  object.Integer("detail_written", totals.detail_written);
  object.Integer("detail_sent", totals.detail_sent);
  AppendReasons("dropped", totals.dropped, proto::kDropReasonNames, &object);
  object.Close();
  out->push_back('\n');
}

}  // namespace ringside::aggregator
