// Structs to frames: docs/wire.md describes every array.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>

#include "proto/segment_format.h"
#include "proto/wire.h"
#include "proto/wire_limits.h"
#include "proto/wire_payload.h"

namespace ringside::proto {
namespace {

void PackSum(Int128 sum, Packer* packer) {
  const auto low = static_cast<uint64_t>(sum);
  const auto high = static_cast<int64_t>(sum >> 64);
  if (high == static_cast<int64_t>(low) >> 63) {
    packer->pack_int64(static_cast<int64_t>(low));
    return;
  }
  std::string bytes;
  PutLittleEndian(low, &bytes);
  PutLittleEndian(high, &bytes);
  PackBinary(bytes, packer);
}

// Packs one batch. Strings go into a table, in the order of their first use; rows hold their
// places.
class BatchPacker {
 public:
  std::string Pack(const Batch& batch) {
    rows_->pack_array(static_cast<uint32_t>(batch.producers.size()));
    for (const ProducerDelta& producer : batch.producers) PackProducer(producer);

    Payload payload;
    payload.bytes().reserve(rows_.bytes().size() + table_.bytes().size() + 128);
    payload->pack_array(8);
    PackUuid(batch.id.agent, payload.packer());
    payload->pack_uint64(batch.id.epoch);
    payload->pack_uint64(batch.id.sequence);
    PackText(batch.host, payload.packer());
    payload->pack_uint64(batch.interval_start_unix_ns);
    payload->pack_uint64(batch.interval_end_unix_ns);
    payload->pack_array(static_cast<uint32_t>(places_.size()));
    payload.bytes() += table_.bytes();
    payload.bytes() += rows_.bytes();
    return std::move(payload.bytes());
  }

 private:
  // Strings are cut at what the reader accepts; probe and agent cut earlier.
  void PackInterned(std::string_view text, size_t most_bytes) {
    const std::string_view cut = Cut(text, most_bytes);
    const auto [entry, is_new] = places_.try_emplace(cut, static_cast<uint32_t>(places_.size()));
    if (is_new) PackText(cut, table_.packer());
    rows_->pack_uint32(entry->second);
  }

  void PackLabels(const LabelList& labels) {
    if (!AreSendable(labels)) return PackLabels(mended_.emplace_back(MakeSendable(labels)));
    rows_->pack_array(static_cast<uint32_t>(labels.size() * 2));
    for (const auto& [key, value] : labels) {
      PackInterned(key, kMaxLabelKeyBytes);
      PackInterned(value, kMaxLabelValueBytes);
    }
  }

  // The eight elements of a key, inside the row of what has the key.
  void PackKey(const SeriesKey& key) {
    PackInterned(key.path, kMaxPathBytes);
    rows_->pack_uint8(static_cast<uint8_t>(key.kind));
    rows_->pack_uint8(static_cast<uint8_t>(key.outcome));
    PackInterned(key.error_type, kMaxErrorTypeBytes);
    PackInterned(key.unit, kMaxUnitBytes);
    rows_->pack_int8(key.resolution);
    PackBool(key.is_signed, rows_.packer());
    PackLabels(key.labels);
  }

  void PackSeries(const SeriesDelta& series) {
    const Distribution& delta = series.delta;
    rows_->pack_array(15);
    PackKey(series.key);
    rows_->pack_int8(delta.resolution);
    histogram_bytes_.clear();
    delta.histogram.Encode(&histogram_bytes_);
    PackBinary(histogram_bytes_, rows_.packer());
    PackSum(delta.sum, rows_.packer());
    if (delta.has_extremes) {
      rows_->pack_int64(delta.min);
      rows_->pack_int64(delta.max);
    } else {
      rows_->pack_nil();
      rows_->pack_nil();
    }
    rows_->pack_int64(delta.last);
    rows_->pack_uint64(delta.last_unix_ns);
  }

  // Reasons that came after the first six are left out while they are 0, as in older minors.
  template <typename Counts>
  void PackCounts(const Counts& counts) {
    size_t size = counts.size();
    while (size > 6 && counts[size - 1] == 0) --size;
    rows_->pack_array(static_cast<uint32_t>(size));
    for (size_t i = 0; i < size; ++i) rows_->pack_uint64(counts[i]);
  }

  void PackAttribute(const std::string& value) { PackText(value, rows_.packer()); }
  void PackAttribute(int64_t value) { rows_->pack_int64(value); }
  void PackAttribute(bool value) { PackBool(value, rows_.packer()); }
  // By hand: the packer's own pack_double() turns 2.0 into the integer 2.
  void PackDouble(double value) {
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    rows_.bytes() += '\xcb';
    for (int shift = 56; shift >= 0; shift -= 8) rows_.bytes() += static_cast<char>(bits >> shift);
  }

  // JSON, where attributes end, has no such numbers: they travel under their names.
  void PackAttribute(double value) {
    if (std::isfinite(value)) {
      PackDouble(value);
    } else if (std::isnan(value)) {
      PackText("NaN", rows_.packer());
    } else {
      PackText(value > 0 ? "Infinity" : "-Infinity", rows_.packer());
    }
  }

  void PackAttributes(const AttributeList& attributes) {
    const size_t count = std::min(attributes.size(), kMaxAttributes);
    rows_->pack_array(static_cast<uint32_t>(count * 2));
    for (size_t i = 0; i < count; ++i) {
      PackInterned(attributes[i].first, kMaxAttributeKeyBytes);
      std::visit([this](const auto& value) { PackAttribute(value); }, attributes[i].second);
    }
  }

  void PackStep(const StepRow& step) {
    rows_->pack_array(8);
    PackInterned(step.name, kMaxPathBytes);
    PackLabels(step.labels);
    rows_->pack_uint64(step.start_offset_ns);
    rows_->pack_uint64(step.duration_ns);
    rows_->pack_uint8(static_cast<uint8_t>(step.outcome));
    PackInterned(step.error_type, kMaxErrorTypeBytes);
    PackText(step.error_message, rows_.packer());
    PackAttributes(step.attributes);
  }

  void PackRequest(const RequestRow& request) {
    rows_->pack_array(10);
    PackText(request.id, rows_.packer());
    PackInterned(request.operation, kMaxPathBytes);
    PackLabels(request.labels);
    rows_->pack_uint64(request.start_unix_ns);
    rows_->pack_uint64(request.duration_ns);
    rows_->pack_uint8(static_cast<uint8_t>(request.outcome));
    PackInterned(request.error_type, kMaxErrorTypeBytes);
    PackText(request.error_message, rows_.packer());
    PackAttributes(request.attributes);
    rows_->pack_array(static_cast<uint32_t>(request.steps.size()));
    for (const StepRow& step : request.steps) PackStep(step);
  }

  void PackTiming(const TimingRow& timing) {
    rows_->pack_array(10);
    PackKey(timing.key);
    rows_->pack_uint64(timing.start_unix_ns);
    rows_->pack_int64(timing.value);
  }

  void PackTotals(const ProducerTotals& totals) {
    rows_->pack_array(5);
    rows_->pack_uint64(totals.recorded);
    PackCounts(totals.lost);
    rows_->pack_uint64(totals.detail_written);
    rows_->pack_uint64(totals.detail_sent);
    PackCounts(totals.dropped);
  }

  void PackProducer(const ProducerDelta& producer) {
    rows_->pack_array(13);
    PackUuid(producer.uuid, rows_.packer());
    rows_->pack_uint64(producer.pid);
    PackInterned(producer.service, kMaxTextBytes);
    PackInterned(producer.instance, kMaxTextBytes);
    PackLabels(producer.labels);
    rows_->pack_uint64(producer.started_unix_ns);
    PackBool(producer.is_agent, rows_.packer());
    PackBool(producer.is_final, rows_.packer());
    PackInterned(producer.quarantine, kMaxTextBytes);
    PackTotals(producer.totals);
    rows_->pack_array(static_cast<uint32_t>(producer.series.size()));
    for (const SeriesDelta& series : producer.series) PackSeries(series);
    rows_->pack_array(static_cast<uint32_t>(producer.requests.size()));
    for (const RequestRow& request : producer.requests) PackRequest(request);
    rows_->pack_array(static_cast<uint32_t>(producer.timings.size()));
    for (const TimingRow& timing : producer.timings) PackTiming(timing);
  }

  Payload table_;
  Payload rows_;
  std::string histogram_bytes_;
  std::deque<LabelList> mended_;
  std::unordered_map<std::string_view, uint32_t> places_;  // views of the batch's and mended_
};

}  // namespace

std::string EncodeHello(const Hello& hello) {
  Payload payload;
  payload->pack_array(7);
  PackUuid(hello.agent, payload.packer());
  payload->pack_uint64(hello.epoch);
  payload->pack_uint64(hello.next_sequence);
  PackText(hello.host, payload.packer());
  PackText(hello.software_version, payload.packer());
  PackText(hello.boot_id, payload.packer());
  payload->pack_uint64(hello.sent_unix_ns);
  return Frame(MessageType::kHello, hello.agent, hello.epoch, 0, payload.bytes());
}

std::string EncodeWelcome(const Uuid& agent, const Welcome& welcome) {
  Payload payload;
  payload->pack_array(4);
  payload->pack_uint64(welcome.epoch);
  payload->pack_uint64(welcome.applied_sequence);
  PackText(welcome.software_version, payload.packer());
  payload->pack_uint64(welcome.features);
  return Frame(MessageType::kWelcome, agent, welcome.epoch, 0, payload.bytes());
}

std::string EncodeRefuse(const Uuid& agent, const Refuse& refuse) {
  Payload payload;
  payload->pack_array(1);
  PackText(refuse.reason, payload.packer());
  return Frame(MessageType::kRefuse, agent, 0, 0, payload.bytes());
}

std::string EncodeAck(const Uuid& agent, const Ack& ack) {
  Payload payload;
  payload->pack_array(3);
  payload->pack_uint64(ack.epoch);
  payload->pack_uint64(ack.first_sequence);
  payload->pack_uint64(ack.last_sequence);
  return Frame(MessageType::kAck, agent, ack.epoch, 0, payload.bytes());
}

std::string EncodeBatch(const Batch& batch) {
  const std::string payload = BatchPacker().Pack(batch);
  return Frame(MessageType::kBatch, batch.id.agent, batch.id.epoch, batch.id.sequence, payload);
}

}  // namespace ringside::proto
