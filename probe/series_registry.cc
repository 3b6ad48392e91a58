#include "probe/series_registry.h"

#include <cmath>
#include <cstring>
#include <new>

#include "probe/arena.h"
#include "probe/short_text.h"
#include "probe/stage_table.h"
#include "proto/segment_format.h"

namespace ringside::probe {
namespace {

constexpr std::string_view kOverflowLabels{"\x08overflow\x04true", 14};
constexpr uint32_t kTableSize = 2 * kMaxSeries;  // open addressing, never more than half full

Arena arena{size_t{8} << 20};
std::atomic<uint32_t> next_id{1 + proto::kGlobalOverflowEntries};
// SYNC registry-slot: a series is complete before its pointer is stored with release; readers
// acquire. Never cleared. Constant-initialised, as all here: series are made by static
// constructors.
std::atomic<Series*> series_table[kTableSize];

// Entries 0 .. 3 of every segment. Values and gauges of any sign may end here.
struct GlobalSeries {
  Series series[proto::kGlobalOverflowEntries];

  constexpr GlobalSeries() noexcept {
    for (uint32_t i = 0; i < proto::kGlobalOverflowEntries; ++i) {
      Series& one = series[i];
      one.id = 1 + i;
      one.kind = static_cast<proto::Kind>(static_cast<uint32_t>(proto::Kind::kDuration) + i);
      one.scale = proto::kDefaultScale;
      one.is_signed = one.kind == proto::Kind::kValue || one.kind == proto::Kind::kGauge;
      one.is_overflow = true;
      one.path = proto::kGlobalOverflowPath;
      one.labels = kOverflowLabels;
    }
  }
};
GlobalSeries global_series;

uint64_t Hash(const SeriesSpec& spec) noexcept {
  uint64_t hash = static_cast<uint64_t>(spec.kind) | static_cast<uint64_t>(spec.outcome) << 8 |
                  static_cast<uint64_t>(spec.scale) << 16 |
                  static_cast<uint64_t>(static_cast<uint8_t>(spec.resolution)) << 24 |
                  static_cast<uint64_t>(spec.is_signed) << 32 |
                  static_cast<uint64_t>(spec.is_overflow) << 40;
  hash = HashText(hash, spec.path);
  hash = HashText(hash, spec.labels);
  hash = HashText(hash, spec.error_type);
  return HashText(hash, spec.unit);
}

bool Equals(const Series& series, const SeriesSpec& spec, uint64_t hash) noexcept {
  return series.hash == hash && series.kind == spec.kind && series.outcome == spec.outcome &&
         series.scale == spec.scale && series.resolution == spec.resolution &&
         series.is_signed == spec.is_signed && series.is_overflow == spec.is_overflow &&
         series.path == spec.path && series.labels == spec.labels &&
         series.error_type == spec.error_type && series.unit == spec.unit;
}

SeriesSpec SpecOf(const Series& series) noexcept {
  SeriesSpec spec;
  spec.kind = series.kind;
  spec.outcome = series.outcome;
  spec.scale = series.scale;
  spec.resolution = series.resolution;
  spec.is_signed = series.is_signed;
  spec.is_overflow = series.is_overflow;
  spec.path = series.path;
  spec.labels = series.labels;
  spec.error_type = series.error_type;
  spec.unit = series.unit;
  return spec;
}

bool TakeId(uint32_t limit, uint32_t* id) noexcept {
  uint32_t next = next_id.load(std::memory_order_relaxed);
  do {
    if (next >= limit) return false;
  } while (!next_id.compare_exchange_weak(next, next + 1, std::memory_order_relaxed));
  *id = next;
  return true;
}

Series* Make(const SeriesSpec& spec, uint64_t hash) noexcept {
  void* memory = arena.Take(sizeof(Series));
  if (memory == nullptr) return nullptr;
  auto* series = new (memory) Series;
  if (!arena.Copy(spec.path, &series->path) || !arena.Copy(spec.labels, &series->labels) ||
      !arena.Copy(spec.error_type, &series->error_type) || !arena.Copy(spec.unit, &series->unit) ||
      !TakeId(spec.is_overflow ? kMaxSeries : kMaxOrdinarySeries, &series->id)) {
    return nullptr;
  }
  series->kind = spec.kind;
  series->outcome = spec.outcome;
  series->scale = spec.scale;
  series->resolution = spec.resolution;
  series->is_signed = spec.is_signed;
  series->is_overflow = spec.is_overflow;
  series->factor = std::ldexp(1.0, -spec.resolution);
  series->hash = hash;
  return series;
}

// Where a series is, or would be put. `made` is put there, if given, when there is none.
Series* Probe(const SeriesSpec& spec, uint64_t hash, Series* made) noexcept {
  for (uint32_t i = static_cast<uint32_t>(hash >> 32);; ++i) {
    std::atomic<Series*>& slot = series_table[i % kTableSize];
    Series* there = slot.load(std::memory_order_acquire);  // SYNC registry-slot (reader)
    if (there == nullptr) {
      if (made == nullptr) return nullptr;
      // SYNC registry-slot (writer)
      if (slot.compare_exchange_strong(there, made, std::memory_order_acq_rel)) return made;
    }
    if (Equals(*there, spec, hash)) return there;
  }
}

// `<parent>/<name>`, cut; the buffer is the caller's.
std::string_view JoinPath(std::string_view parent, std::string_view name,
                          char (&buffer)[proto::kMaxPathBytes + 1]) noexcept {
  name = CutText(name, proto::kMaxPathBytes - 2);
  parent = CutText(parent, proto::kMaxPathBytes - 1 - name.size());
  memcpy(buffer, parent.data(), parent.size());
  buffer[parent.size()] = '/';
  if (!name.empty()) memcpy(buffer + parent.size() + 1, name.data(), name.size());
  return {buffer, parent.size() + 1 + name.size()};
}

const Series* FindError(const Series& series, std::string_view error_type) noexcept {
  // SYNC series-link (reader)
  const Series* error = series.first_error.load(std::memory_order_acquire);
  while (error != nullptr && error->error_type != error_type) error = error->next_error;
  return error;
}

// Puts an error series into the list of its ok series, once.
void ListError(Series& series, Series& error) noexcept {
  if (error.listed.exchange(1, std::memory_order_relaxed) != 0) return;
  error.next_error = series.first_error.load(std::memory_order_relaxed);
  // SYNC series-link (writer)
  while (!series.first_error.compare_exchange_weak(error.next_error, &error,
                                                   std::memory_order_release)) {
  }
  series.error_types.fetch_add(1, std::memory_order_relaxed);
}

StageTable* StagesOf(Series& request) noexcept {
  StageTable* table = request.stages.load(std::memory_order_acquire);  // SYNC series-link (reader)
  if (table != nullptr) return table;
  void* memory = arena.Take(sizeof(StageTable));
  if (memory == nullptr) return nullptr;
  auto* made = new (memory) StageTable;
  // SYNC series-link (writer)
  const bool is_ours =
      request.stages.compare_exchange_strong(table, made, std::memory_order_acq_rel);
  return is_ours ? made : table;
}

// For the table of `request`. nullptr: no memory, or `series` is not `<request>/<name>` in full (a
// cut or overflow series must not be found under this name).
const StageTable::Stage* MakeTableEntry(const Series& request, std::string_view name,
                                        const Series& series) noexcept {
  const size_t prefix = request.path.size() + 1;
  if (series.is_overflow || series.path.size() != prefix + name.size() ||
      series.path.substr(prefix) != name) {
    return nullptr;
  }
  void* memory = arena.Take(sizeof(StageTable::Stage));
  if (memory == nullptr) return nullptr;
  return new (memory) StageTable::Stage{TextEnds::Of(name), series.path.substr(prefix), &series};
}

// Found or made in the registry, and put into its request's table if there is room.
[[gnu::noinline]] const Series* MakeStage(const Series& request, std::string_view name) noexcept {
  LabelSet none;
  const Series* series = SeriesRegistry::Stage(request, name, none);
  StageTable* table = StagesOf(const_cast<Series&>(request));
  const uint64_t hash = TextEnds::Of(name).Hash();
  for (uint32_t i = 0; table != nullptr && i < StageTable::kProbes; ++i) {
    auto& slot = table->stages[(hash + i) % StageTable::kSize];
    if (slot.load(std::memory_order_relaxed) != nullptr) continue;
    const StageTable::Stage* stage = MakeTableEntry(request, name, *series);
    if (stage != nullptr)
      slot.store(stage, std::memory_order_release);  // SYNC series-link (writer)
    break;
  }
  return series;
}

}  // namespace

const Series* SeriesRegistry::Global(proto::Kind kind) noexcept {
  return &global_series
              .series[static_cast<uint32_t>(kind) - static_cast<uint32_t>(proto::Kind::kDuration)];
}

const Series* SeriesRegistry::Find(SeriesSpec spec) noexcept {
  spec.path = spec.path.empty() ? "(unnamed)" : CutText(spec.path, proto::kMaxPathBytes);
  spec.unit = CutText(spec.unit, proto::kMaxUnitBytes);
  spec.error_type = CutText(spec.error_type, proto::kMaxErrorTypeBytes);
  const uint64_t hash = Hash(spec);
  if (const Series* known = Probe(spec, hash, nullptr)) return known;
  const Series* overflow = Global(spec.kind);
  if (!spec.is_overflow) {
    SeriesSpec over = spec;
    over.is_overflow = true;
    over.labels = kOverflowLabels;
    over.error_type = {};
    overflow = Find(over);
  }
  Series* made = Make(spec, hash);
  if (made == nullptr) return overflow;
  made->overflow.store(overflow, std::memory_order_relaxed);  // not yet published
  return Probe(spec, hash, made);
}

const Series* SeriesRegistry::OverflowOf(const Series& series) noexcept {
  const Series* overflow = series.overflow.load(std::memory_order_relaxed);
  return overflow != nullptr ? overflow : Global(series.kind);
}

const Series* SeriesRegistry::WithLabels(const Series& series, LabelSet& labels) noexcept {
  SeriesSpec spec = SpecOf(series);
  if (spec.is_overflow) return &series;
  spec.labels = labels.Encode();
  return Find(spec);
}

const Series* SeriesRegistry::WithOutcome(const Series& series, proto::Outcome outcome,
                                          std::string_view error_type) noexcept {
  // The links are caches of a series that is otherwise constant.
  auto& links = const_cast<Series&>(series);
  SeriesSpec spec = SpecOf(series);
  spec.outcome = outcome;
  switch (outcome) {
    case proto::Outcome::kOk:
      return &series;
    case proto::Outcome::kAborted: {
      // SYNC series-link (reader)
      const Series* aborted = links.aborted.load(std::memory_order_acquire);
      if (aborted == nullptr) {
        aborted = Find(spec);
        links.aborted.store(aborted, std::memory_order_release);  // SYNC series-link (writer)
      }
      return aborted;
    }
    case proto::Outcome::kError:
      break;
  }
  error_type = CutText(error_type, proto::kMaxErrorTypeBytes);
  if (const Series* known = FindError(series, error_type)) return known;
  if (links.error_types.load(std::memory_order_relaxed) >= kMaxErrorTypes) {
    error_type = kOtherErrorType;
    if (const Series* other = FindError(series, error_type)) return other;
  }
  spec.error_type = error_type;
  const Series* error = Find(spec);
  if (!error->is_overflow) ListError(links, const_cast<Series&>(*error));
  return error;
}

const Series* SeriesRegistry::Stage(const Series& request, std::string_view name,
                                    LabelSet& labels) noexcept {
  char path[proto::kMaxPathBytes + 1];
  SeriesSpec spec;
  spec.path = JoinPath(request.path, name, path);
  spec.labels = labels.Encode();
  return Find(spec);
}

const Series* SeriesRegistry::Stage(const Series& request, std::string_view name) noexcept {
  const Series* known = FindStage(request, name);
  return __builtin_expect(known != nullptr, 1) ? known : MakeStage(request, name);
}

const Series* SeriesRegistry::ValueOf(const Series& parent, std::string_view name,
                                      std::string_view unit) noexcept {
  char path[proto::kMaxPathBytes + 1];
  SeriesSpec spec;
  spec.kind = proto::Kind::kValue;
  spec.path = JoinPath(parent.path, name, path);
  spec.labels = parent.labels;
  spec.unit = unit;
  spec.resolution = DefaultResolution(unit);
  spec.is_signed = true;
  return Find(spec);
}

int8_t DefaultResolution(std::string_view unit) noexcept {
  const bool is_counted = unit == "By" || (!unit.empty() && unit.front() == '{');
  return is_counted ? 0 : -20;
}

}  // namespace ringside::probe
