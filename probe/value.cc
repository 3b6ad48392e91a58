// Values, counters and gauges of the C ABI.
#include "probe/value.h"

#include <cmath>

#include <ringside/probe_c.h>

#include "probe/process.h"
#include "probe/record.h"
#include "probe/series_registry.h"

namespace ringside::probe {

[[gnu::cold]] void CountClamped() noexcept {
  Segment* segment = nullptr;
  const Way way = Enter(current_lane, &segment);
  if (way == Way::kOwnLane || way == Way::kSharedLane) {
    segment->header->clamped.fetch_add(1, std::memory_order_relaxed);
  }
}

[[gnu::cold]] bool ConvertRare(const Series& series, double number, int64_t* integer) noexcept {
  if (!std::isfinite(number)) {
    Process::CountLost(proto::LossReason::kNotFinite);
    return false;
  }
  if (number < 0 && !series.is_signed) {
    Process::CountLost(proto::LossReason::kNegative);
    return false;
  }
  CountClamped();
  *integer = static_cast<int64_t>(kLargestSample);
  if (number < 0) *integer = -*integer;
  return true;
}

bool ConvertInt(const Series& series, int64_t number, int64_t* integer) noexcept {
  if (number < 0 && !series.is_signed) {
    Process::CountLost(proto::LossReason::kNegative);
    return false;
  }
  const int shift = -series.resolution;
  if (shift > 0 && Magnitude(number) >> (63 - shift) == 0) {
    *integer = number * (int64_t{1} << shift);
    return true;
  }
  return Convert(series, static_cast<double>(number), integer);
}

}  // namespace ringside::probe

using namespace ringside::probe;  // NOLINT: the C ABI stands outside the namespace it is made of
namespace proto = ringside::proto;

namespace {

template <typename Handle>
const Series* SeriesOf(const Handle* handle) noexcept {
  return reinterpret_cast<const Series*>(handle);
}

template <typename Handle>
const Handle* Get(proto::Kind kind, ringside_text path, ringside_text unit,
                  const ringside_value_options* options, const ringside_label* labels,
                  size_t label_count) noexcept {
  LabelSet set{labels, label_count};
  SeriesSpec spec;
  spec.kind = kind;
  spec.path = View(path);
  spec.unit = View(unit);
  spec.labels = set.Encode();
  if (kind != proto::Kind::kCounter) spec.resolution = DefaultResolution(spec.unit);
  if (options != nullptr && options->size >= sizeof(ringside_value_options)) {
    if (options->resolution >= -62 && options->resolution <= 62) {
      spec.resolution = static_cast<int8_t>(options->resolution);
    }
    if (options->scale >= proto::kMinScale && options->scale <= proto::kMaxScale) {
      spec.scale = static_cast<uint8_t>(options->scale);
    }
    spec.is_signed = options->is_signed != 0;
  }
  return reinterpret_cast<const Handle*>(SeriesRegistry::Find(spec));
}

template <typename Handle>
const Handle* With(const Handle* handle, const ringside_label* labels,
                   size_t label_count) noexcept {
  if (handle == nullptr) return nullptr;
  LabelSet set{labels, label_count};
  return reinterpret_cast<const Handle*>(SeriesRegistry::WithLabels(*SeriesOf(handle), set));
}

// 0 before the thread's first record, which will be the cold one.
uint64_t Now() noexcept {
  const Lane& lane = current_lane;
  return lane.attachment != kNoAttachment ? lane.Now() : 0;
}

[[gnu::noinline]] void RecordFiner(const Series& series, int64_t number) noexcept {
  int64_t integer = 0;
  if (ConvertInt(series, number, &integer)) Record<Form::kTimed>(series, {integer, 0});
}

}  // namespace

const ringside_value* ringside_value_get(ringside_text path, ringside_text unit,
                                         const ringside_value_options* options,
                                         const ringside_label* labels,
                                         size_t label_count) noexcept {
  return Get<ringside_value>(proto::Kind::kValue, path, unit, options, labels, label_count);
}

const ringside_value* ringside_value_with(const ringside_value* value, const ringside_label* labels,
                                          size_t label_count) noexcept {
  return With(value, labels, label_count);
}

void ringside_value_record(const ringside_value* value, double number) noexcept {
  int64_t integer = 0;
  if (value == nullptr || !Convert(*SeriesOf(value), number, &integer)) return;
  Record<Form::kTimed>(*SeriesOf(value), {integer, 0});
}

void ringside_value_record_int(const ringside_value* value, int64_t number) noexcept {
  if (value == nullptr) return;
  const Series& series = *SeriesOf(value);
  if (!IsPlain(series, number)) return RecordFiner(series, number);
  Record<Form::kTimed>(series, {number, 0});
}

const ringside_counter* ringside_counter_get(ringside_text path, ringside_text unit,
                                             const ringside_label* labels,
                                             size_t label_count) noexcept {
  return Get<ringside_counter>(proto::Kind::kCounter, path, unit, nullptr, labels, label_count);
}

const ringside_counter* ringside_counter_with(const ringside_counter* counter,
                                              const ringside_label* labels,
                                              size_t label_count) noexcept {
  return With(counter, labels, label_count);
}

void ringside_counter_add(const ringside_counter* counter, uint64_t number) noexcept {
  if (counter == nullptr) return;
  AddCount(*SeriesOf(counter), number);
}

const ringside_gauge* ringside_gauge_get(ringside_text path, ringside_text unit,
                                         const ringside_value_options* options,
                                         const ringside_label* labels,
                                         size_t label_count) noexcept {
  return Get<ringside_gauge>(proto::Kind::kGauge, path, unit, options, labels, label_count);
}

const ringside_gauge* ringside_gauge_with(const ringside_gauge* gauge, const ringside_label* labels,
                                          size_t label_count) noexcept {
  return With(gauge, labels, label_count);
}

void ringside_gauge_set(const ringside_gauge* gauge, double number) noexcept {
  int64_t integer = 0;
  if (gauge == nullptr || !Convert(*SeriesOf(gauge), number, &integer)) return;
  Record<Form::kGauge>(*SeriesOf(gauge), {integer, Now()});
}

void ringside_gauge_set_int(const ringside_gauge* gauge, int64_t number) noexcept {
  if (gauge == nullptr) return;
  const Series& series = *SeriesOf(gauge);
  if (!IsPlain(series, number) && !ConvertInt(series, number, &number)) return;
  Record<Form::kGauge>(series, {number, Now()});
}
