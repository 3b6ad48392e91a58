// The batch among the frames (wire.h: DecodeBatch). Every byte is untrusted.
#include <algorithm>
#include <cstring>
#include <vector>

#include "proto/histogram_buckets.h"
#include "proto/msgpack_cursor.h"
#include "proto/segment_format.h"
#include "proto/wire.h"
#include "proto/wire_limits.h"

namespace ringside::proto {
namespace {

using LabelViews = std::vector<std::pair<std::string_view, std::string_view>>;

class BatchReader {
 public:
  BatchReader(std::string_view payload, const DecodeOptions& options)
      : cursor_(payload), options_(options) {}

  Result<Batch> Read(const WireHeader& header) {
    Batch batch;
    const size_t extra = cursor_.ReadRow("batch", 8);
    batch.id.agent = ReadUuid("batch.agent");
    batch.id.epoch = cursor_.ReadUnsigned("batch.epoch");
    batch.id.sequence = cursor_.ReadUnsigned("batch.sequence");
    batch.host = Text("batch.host");
    batch.interval_start_unix_ns = cursor_.ReadUnsigned("batch.interval_start");
    batch.interval_end_unix_ns = cursor_.ReadUnsigned("batch.interval_end");
    ReadTable();
    ReadRows("batch.producers", kProducerElements, &batch.producers,
             [this](ProducerDelta* row) { *row = ReadProducer(); });
    cursor_.SkipExtra("batch", extra);
    if (cursor_.ok() && cursor_.Remaining() != 0) {
      cursor_.Fail("batch", std::to_string(cursor_.Remaining()) + " trailing bytes");
    }
    CheckIdentity(header, batch.id);
    if (!cursor_.ok()) return cursor_.status();
    return batch;
  }

 private:
  static constexpr size_t kProducerElements = 13;
  static constexpr size_t kTotalsElements = 5;
  static constexpr size_t kSeriesElements = 15;
  static constexpr size_t kRequestElements = 10;
  static constexpr size_t kStepElements = 8;
  static constexpr size_t kTimingElements = 10;

  // Memory that the decoded batch takes; beyond the limit nothing more is read.
  void Charge(const char* field, size_t bytes) {
    decoded_bytes_ += bytes;
    if (decoded_bytes_ > options_.most_bytes) {
      cursor_.Fail(field, "more than " + std::to_string(options_.most_bytes) + " bytes decoded");
    }
  }

  // Rows of at least `elements` values, and so of as many bytes and one. `read_one` fills a row.
  template <typename T, typename ReadOne>
  void ReadRows(const char* field, size_t elements, std::vector<T>* rows, ReadOne read_one) {
    const size_t count = cursor_.ReadArray(field, elements + 1);
    Charge(field, count * sizeof(T));
    if (!cursor_.ok()) return;
    rows->reserve(count);
    for (size_t i = 0; i < count && cursor_.ok(); ++i) read_one(&rows->emplace_back());
  }

  void CheckIdentity(const WireHeader& header, const BatchId& id) {
    if (!cursor_.ok()) return;
    if (std::memcmp(header.agent, id.agent.bytes.data(), id.agent.bytes.size()) != 0 ||
        header.epoch != id.epoch || header.sequence != id.sequence) {
      cursor_.Fail("batch", "header and payload name different identities");
    }
  }

  Uuid ReadUuid(const char* field) {
    Uuid uuid;
    const std::string_view bytes = cursor_.ReadBinary(field, uuid.bytes.size());
    if (!cursor_.ok()) return uuid;
    if (bytes.size() == uuid.bytes.size()) {
      std::memcpy(uuid.bytes.data(), bytes.data(), bytes.size());
    } else {
      cursor_.Fail(field, std::to_string(bytes.size()) + " bytes instead of 16");
    }
    return uuid;
  }

  std::string Text(const char* field) {
    const std::string_view text = cursor_.ReadString(field, kMaxTextBytes);
    Charge(field, text.size());
    return std::string(text);
  }

  void ReadTable() {
    const size_t count = cursor_.ReadArray("batch.strings");
    Charge("batch.strings", count * sizeof(std::string_view));
    if (!cursor_.ok()) return;
    table_.reserve(count);
    for (size_t i = 0; i < count && cursor_.ok(); ++i) {
      table_.push_back(cursor_.ReadString("batch.strings", kMaxTextBytes));
    }
  }

  std::string Interned(const char* field, size_t most_bytes) {
    return std::string(InternedView(field, most_bytes));
  }

  std::string_view InternedView(const char* field, size_t most_bytes) {
    const uint64_t place = cursor_.ReadUnsigned(field);
    if (!cursor_.ok()) return {};
    if (place >= table_.size()) {
      cursor_.Fail(field,
                   "string " + std::to_string(place) + " of " + std::to_string(table_.size()));
      return {};
    }
    const std::string_view text = table_[place];
    if (text.size() > most_bytes) {
      cursor_.Fail(field, std::to_string(text.size()) + " bytes, at most " +
                              std::to_string(most_bytes) + " allowed");
      return {};
    }
    Charge(field, text.size());
    return text;
  }

  Kind ReadKind(const char* field) {
    const uint64_t kind = cursor_.ReadUnsigned(field, static_cast<uint64_t>(Kind::kGauge));
    if (cursor_.ok() && kind < static_cast<uint64_t>(Kind::kDuration)) {
      cursor_.Fail(field, std::to_string(kind) + " is no kind");
    }
    return cursor_.ok() ? static_cast<Kind>(kind) : Kind::kDuration;
  }

  Outcome ReadOutcome(const char* field) {
    return static_cast<Outcome>(cursor_.ReadUnsigned(field, kOutcomeCount - 1));
  }

  int8_t ReadResolution(const char* field) {
    const int64_t resolution = cursor_.ReadSigned(field);
    if (resolution < INT8_MIN || resolution > INT8_MAX) {
      cursor_.Fail(field, std::to_string(resolution) + " is out of range");
      return 0;
    }
    return static_cast<int8_t>(resolution);
  }

  LabelList ReadLabels(const char* field) {
    ReadLabelViews(field, &label_views_);
    LabelList labels;
    labels.reserve(label_views_.size());
    for (const auto& [key, value] : label_views_) labels.emplace_back(key, value);
    return labels;
  }

  void ReadLabelViews(const char* field, LabelViews* labels) {
    labels->clear();
    const size_t size = cursor_.ReadArray(field);
    if (size % 2 != 0 || size / 2 > kMaxLabels) {
      cursor_.Fail(field, std::to_string(size) + " keys and values, at most " +
                              std::to_string(kMaxLabels) + " pairs allowed");
      return;
    }
    Charge(field, size * sizeof(std::string));
    for (size_t i = 0; i < size && cursor_.ok(); i += 2) {
      const std::string_view key = InternedView(field, kMaxLabelKeyBytes);
      const std::string_view value = InternedView(field, kMaxLabelValueBytes);
      if (!labels->empty() && cursor_.ok() && key <= labels->back().first) {
        cursor_.Fail(field, "keys not in rising order");
      }
      labels->emplace_back(key, value);
    }
  }

  SharedKey ReadKey() {
    SeriesKeyView& key = key_view_;
    key.path = InternedView("series.path", kMaxPathBytes);
    key.kind = ReadKind("series.kind");
    key.outcome = ReadOutcome("series.outcome");
    key.error_type = InternedView("series.error_type", kMaxErrorTypeBytes);
    key.unit = InternedView("series.unit", kMaxUnitBytes);
    key.resolution = ReadResolution("series.resolution");
    key.is_signed = cursor_.ReadBool("series.is_signed");
    ReadLabelViews("series.labels", &key.labels);
    if (!cursor_.ok()) return {};
    return options_.keys == nullptr ? SharedKey(key.Copy()) : options_.keys->Find(key);
  }

  Histogram ReadHistogram() {
    const std::string_view bytes = cursor_.ReadBinary("series.histogram", kMaxFrameBytes);
    if (!cursor_.ok()) return Histogram();
    const size_t most_cells = (options_.most_bytes - decoded_bytes_) / sizeof(uint64_t);
    Result<Histogram> histogram = options_.borrow ? Histogram::DecodeBorrowed(bytes, most_cells)
                                                  : Histogram::Decode(bytes, most_cells);
    if (!histogram) {
      cursor_.Fail("series.histogram", histogram.message());
      return Histogram();
    }
    Charge("series.histogram", bytes.size() + CellsOf(bytes) * sizeof(uint64_t));
    return std::move(*histogram);
  }

  Int128 ReadSum() {
    if (cursor_.NextType() != MsgpackType::kBinary) return cursor_.ReadSigned("series.sum");
    const std::string_view bytes = cursor_.ReadBinary("series.sum", 16);
    if (bytes.size() != 16) {
      cursor_.Fail("series.sum", std::to_string(bytes.size()) + " bytes instead of 16");
      return 0;
    }
    __extension__ unsigned __int128 sum = 0;
    for (size_t i = 16; i-- > 0;) sum = sum << 8 | static_cast<uint8_t>(bytes[i]);
    return static_cast<Int128>(sum);
  }

  void ReadExtremes(Distribution* delta) {
    delta->has_extremes = cursor_.NextType() != MsgpackType::kNil;
    if (!delta->has_extremes) {
      cursor_.ReadNil("series.min");
      cursor_.ReadNil("series.max");
      return;
    }
    delta->min = cursor_.ReadSigned("series.min");
    delta->max = cursor_.ReadSigned("series.max");
    if (cursor_.ok() && delta->min > delta->max) cursor_.Fail("series.min", "above series.max");
  }

  void ReadSeries(SeriesDelta* series) {
    Distribution& delta = series->delta;
    const size_t extra = cursor_.ReadRow("series", kSeriesElements);
    series->key = ReadKey();
    delta.resolution = ReadResolution("series.delta_resolution");
    delta.histogram = ReadHistogram();
    delta.sum = ReadSum();
    ReadExtremes(&delta);
    delta.last = cursor_.ReadSigned("series.last");
    delta.last_unix_ns = cursor_.ReadUnsigned("series.last_unix_ns");
    cursor_.SkipExtra("series", extra);
  }

  AttributeValue ReadAttributeValue(const char* field) {
    switch (cursor_.NextType()) {
      case MsgpackType::kString:
        return Text(field);
      case MsgpackType::kBool:
        return cursor_.ReadBool(field);
      case MsgpackType::kDouble:
        return cursor_.ReadDouble(field);
      default:
        return cursor_.ReadSigned(field);
    }
  }

  AttributeList ReadAttributes(const char* field) {
    const size_t size = cursor_.ReadArray(field);
    if (size % 2 != 0 || size / 2 > kMaxAttributes) {
      cursor_.Fail(field, std::to_string(size) + " keys and values, at most " +
                              std::to_string(kMaxAttributes) + " pairs allowed");
      return {};
    }
    AttributeList attributes;
    attributes.reserve(size / 2);
    Charge(field, size / 2 * sizeof(AttributeList::value_type));
    for (size_t i = 0; i < size && cursor_.ok(); i += 2) {
      std::string key = Interned(field, kMaxAttributeKeyBytes);
      attributes.emplace_back(std::move(key), ReadAttributeValue(field));
    }
    return attributes;
  }

  StepRow ReadStep() {
    StepRow step;
    const size_t extra = cursor_.ReadRow("step", kStepElements);
    step.name = Interned("step.name", kMaxPathBytes);
    step.labels = ReadLabels("step.labels");
    step.start_offset_ns = cursor_.ReadUnsigned("step.start_offset");
    step.duration_ns = cursor_.ReadUnsigned("step.duration");
    step.outcome = ReadOutcome("step.outcome");
    step.error_type = Interned("step.error_type", kMaxErrorTypeBytes);
    step.error_message = Text("step.error_message");
    step.attributes = ReadAttributes("step.attributes");
    cursor_.SkipExtra("step", extra);
    return step;
  }

  RequestRow ReadRequest() {
    RequestRow request;
    const size_t extra = cursor_.ReadRow("request", kRequestElements);
    request.id = Text("request.id");
    request.operation = Interned("request.operation", kMaxPathBytes);
    request.labels = ReadLabels("request.labels");
    request.start_unix_ns = cursor_.ReadUnsigned("request.start");
    request.duration_ns = cursor_.ReadUnsigned("request.duration");
    request.outcome = ReadOutcome("request.outcome");
    request.error_type = Interned("request.error_type", kMaxErrorTypeBytes);
    request.error_message = Text("request.error_message");
    request.attributes = ReadAttributes("request.attributes");
    ReadRows("request.steps", kStepElements, &request.steps,
             [this](StepRow* row) { *row = ReadStep(); });
    cursor_.SkipExtra("request", extra);
    return request;
  }

  TimingRow ReadTiming() {
    TimingRow timing;
    const size_t extra = cursor_.ReadRow("timing", kTimingElements);
    timing.key = ReadKey();
    timing.start_unix_ns = cursor_.ReadUnsigned("timing.start");
    timing.value = cursor_.ReadSigned("timing.value");
    cursor_.SkipExtra("timing", extra);
    return timing;
  }

  // Fewer than this side knows: an older minor, the others are 0. Reasons that this side does not
  // know are counted with the last one it knows, so that the ledger balances.
  template <typename Counts>
  void ReadCounts(const char* field, Counts* counts) {
    const size_t size = cursor_.ReadArray(field);
    for (size_t i = 0; i < size && cursor_.ok(); ++i) {
      (*counts)[std::min(i, counts->size() - 1)] += cursor_.ReadUnsigned(field);
    }
  }

  ProducerTotals ReadTotals() {
    ProducerTotals totals;
    const size_t extra = cursor_.ReadRow("totals", kTotalsElements);
    totals.recorded = cursor_.ReadUnsigned("totals.recorded");
    ReadCounts("totals.lost", &totals.lost);
    totals.detail_written = cursor_.ReadUnsigned("totals.detail_written");
    totals.detail_sent = cursor_.ReadUnsigned("totals.detail_sent");
    ReadCounts("totals.dropped", &totals.dropped);
    cursor_.SkipExtra("totals", extra);
    return totals;
  }

  ProducerDelta ReadProducer() {
    ProducerDelta producer;
    const size_t extra = cursor_.ReadRow("producer", kProducerElements);
    producer.uuid = ReadUuid("producer.uuid");
    producer.pid = cursor_.ReadUnsigned("producer.pid");
    producer.service = Interned("producer.service", kMaxTextBytes);
    producer.instance = Interned("producer.instance", kMaxTextBytes);
    producer.labels = ReadLabels("producer.labels");
    producer.started_unix_ns = cursor_.ReadUnsigned("producer.started");
    producer.is_agent = cursor_.ReadBool("producer.is_agent");
    producer.is_final = cursor_.ReadBool("producer.is_final");
    producer.quarantine = Interned("producer.quarantine", kMaxTextBytes);
    producer.totals = ReadTotals();
    ReadRows("producer.series", kSeriesElements, &producer.series,
             [this](SeriesDelta* row) { ReadSeries(row); });
    ReadRows("producer.requests", kRequestElements, &producer.requests,
             [this](RequestRow* row) { *row = ReadRequest(); });
    ReadRows("producer.timings", kTimingElements, &producer.timings,
             [this](TimingRow* row) { *row = ReadTiming(); });
    cursor_.SkipExtra("producer", extra);
    return producer;
  }

  MsgpackCursor cursor_;
  const DecodeOptions options_;
  std::vector<std::string_view> table_;  // views into the payload
  LabelViews label_views_;               // reused, likewise
  SeriesKeyView key_view_;
  size_t decoded_bytes_ = 0;
};

}  // namespace

Result<Batch> DecodeBatch(const FrameView& frame, const DecodeOptions& options) {
  if (frame.header.type != MessageType::kBatch) {
    return Status::Error("frame: expected batch, found type " +
                         std::to_string(static_cast<int>(frame.header.type)));
  }
  return BatchReader(frame.payload, options).Read(frame.header);
}

}  // namespace ringside::proto
