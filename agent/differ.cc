#include "agent/differ.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

namespace ringside::agent {
namespace {

using proto::BlockHead;
using proto::BlockTable;
using proto::Distribution;
using proto::Histogram;
using proto::kOctaveCount;
using proto::kPoolUnitBytes;
using proto::Result;
using proto::Status;

// Memory for what one producer changed in one interval: 2000 series of which each fills every
// bucket between a nanosecond and a century. A histogram spans all between its least and greatest
// value, so a hostile pool of this size would make 30 times as much of it.
constexpr uint64_t kMostBytes = uint64_t{64} << 20;
constexpr uint64_t kSeriesBytes = 512;  // of a series beside its buckets

constexpr uint64_t kBackwards = uint64_t{1} << 63;

uint64_t Load(const std::atomic<uint64_t>& cell) { return cell.load(std::memory_order_relaxed); }
int64_t Load(const std::atomic<int64_t>& cell) { return cell.load(std::memory_order_relaxed); }

// One series' change, while its lanes are added up.
struct Change {
  explicit Change(int scale) : fine(scale), coarse(0) {}

  void Widen(int64_t value) {
    min = has_extremes ? std::min(min, value) : value;
    max = has_extremes ? std::max(max, value) : value;
    has_extremes = true;
  }
  bool Empty() const { return count == 0 && sum == 0 && !has_extremes && last_ticks == 0; }

  Histogram fine;
  Histogram coarse;
  uint64_t count = 0;
  proto::Int128 sum = 0;
  int64_t min = 0;
  int64_t max = 0;
  bool has_extremes = false;
  int64_t last = 0;
  uint64_t last_ticks = 0;
};

class Walker {
 public:
  Walker(const SlotImage& newer, const SlotImage& older, const SeriesTable& table)
      : newer_(newer), older_(older), table_(table) {}

  // False: nothing there. `change` may stay empty.
  Result<bool> AddSeries(uint32_t series, const SeriesInfo** info, Change* change);

 private:
  uint32_t OlderUnit(uint32_t lane, uint32_t series) const {
    const bool is_there = lane < older_.head->lanes_used && series < older_.head->series_count;
    return is_there ? older_.Unit(lane, series) : 0;
  }
  Status AddBlock(uint32_t series, const SeriesInfo& info, uint32_t unit, bool in_older,
                  Change* change);
  Status AddTable(const SeriesInfo& info, const BlockTable& now, const BlockTable* before,
                  bool negative, Change* change);
  Status AddPage(int scale, size_t octave, uint32_t unit, bool in_older, bool negative,
                 Change* change);
  void AddExtremes(const SeriesInfo& info, const BlockHead& now, const BlockHead* before,
                   bool has_samples, Change* change);
  // Every unit of a pool has one owner: who visits more than there are walks in circles.
  bool Visit(uint64_t units) {
    visited_ += units;
    return visited_ <= newer_.head->pool_used / kPoolUnitBytes;
  }
  static bool Covers(const SlotImage& image, uint64_t unit, uint64_t bytes) {
    return unit * kPoolUnitBytes + bytes <= image.head->pool_used;
  }
  template <typename T>
  static const T* At(const SlotImage& image, uint64_t unit) {
    return reinterpret_cast<const T*>(image.pool + unit * kPoolUnitBytes);
  }
  static Status Backwards(uint32_t series) {
    return Status::Error("a counter of series " + std::to_string(series) + " went backwards");
  }

  const SlotImage& newer_;
  const SlotImage& older_;
  const SeriesTable& table_;
  uint64_t visited_ = 0;
  uint32_t series_ = 0;
};

Result<bool> Walker::AddSeries(uint32_t series, const SeriesInfo** info, Change* change) {
  series_ = series;
  bool any = false;
  for (uint32_t lane = 0; lane < newer_.head->lanes_used; ++lane) {
    const uint32_t unit = newer_.Unit(lane, series);
    const uint32_t before = OlderUnit(lane, series);
    if (unit == 0 && before == 0) continue;
    if (before != 0 && before != unit) {
      return Status::Error("the block of series " + std::to_string(series) + " moved");
    }
    if (!any) {
      *info = table_.Find(series);
      if (*info == nullptr) {
        return Status::Error("series " + std::to_string(series) + " has a block but no name");
      }
      *change = Change((*info)->scale);
      any = true;
    }
    if (Status s = AddBlock(series, **info, unit, before != 0, change); !s) return s;
  }
  return any;
}

Status Walker::AddBlock(uint32_t series, const SeriesInfo& info, uint32_t unit, bool in_older,
                        Change* change) {
  const size_t units = proto::BlockUnits(info.sign_count);
  const size_t bytes = units * kPoolUnitBytes;
  if (uint64_t{unit} * kPoolUnitBytes + bytes > newer_.pool_bytes) {
    return Status::Error("the block of series " + std::to_string(series) +
                         " lies outside the pool");
  }
  // Taken from the pool after the pool's extent was copied: it comes with the next copy.
  if (!Covers(newer_, unit, bytes)) return Status();
  const auto& now = *At<BlockHead>(newer_, unit);
  const bool has_before = in_older && Covers(older_, unit, bytes);
  const BlockHead* before = has_before ? At<BlockHead>(older_, unit) : nullptr;
  if (now.series != series || now.units != units || now.sign_count != info.sign_count ||
      now.kind != static_cast<uint8_t>(info.key.kind)) {
    return Status::Error("the block of series " + std::to_string(series) + " is of another one");
  }
  if (!Visit(units)) return Status::Error("its blocks overlap");

  const uint64_t sum = Load(now.sum) - (before != nullptr ? Load(before->sum) : 0);
  change->sum += info.key.is_signed ? proto::Int128{static_cast<int64_t>(sum)} : proto::Int128{sum};
  const uint64_t ticks = Load(now.last_ticks);
  const bool set = ticks != 0 && (before == nullptr || ticks != Load(before->last_ticks));
  if (info.key.kind == proto::Kind::kGauge && set && ticks >= change->last_ticks) {
    change->last = Load(now.last);
    change->last_ticks = ticks;
  }
  if (info.sign_count == 0) return Status();

  const uint64_t zeros = Load(now.zero_count) - (before != nullptr ? Load(before->zero_count) : 0);
  if (zeros >= kBackwards) return Backwards(series);
  const uint64_t count_before = change->count;
  change->fine.AddZero(zeros);
  change->count += zeros;
  const auto* tables = reinterpret_cast<const BlockTable*>(&now + 1);
  const auto* old_tables =
      before != nullptr ? reinterpret_cast<const BlockTable*>(before + 1) : nullptr;
  for (int sign = 0; sign < info.sign_count; ++sign) {
    const BlockTable* old = old_tables != nullptr ? old_tables + sign : nullptr;
    if (Status s = AddTable(info, tables[sign], old, sign == 1, change); !s) return s;
  }
  AddExtremes(info, now, before, change->count != count_before, change);
  return Status();
}

Status Walker::AddTable(const SeriesInfo& info, const BlockTable& now, const BlockTable* before,
                        bool negative, Change* change) {
  // Most samples have a page: the other cells stand still, as a rule.
  const bool is_same = before != nullptr && std::memcmp(static_cast<const void*>(now.coarse),
                                                        static_cast<const void*>(before->coarse),
                                                        sizeof now.coarse) == 0;
  for (size_t octave = 0; octave < kOctaveCount; ++octave) {
    const uint64_t coarse =
        is_same ? 0
                : Load(now.coarse[octave]) - (before != nullptr ? Load(before->coarse[octave]) : 0);
    if (coarse >= kBackwards) return Backwards(series_);
    if (coarse != 0) {
      const int32_t index = static_cast<int32_t>(octave) - 1;
      if (negative) {
        change->coarse.AddNegative(index, coarse);
      } else {
        change->coarse.AddPositive(index, coarse);
      }
      change->count += coarse;
    }
    const uint32_t unit = now.page[octave].load(std::memory_order_relaxed);
    const uint32_t old_unit =
        before != nullptr ? before->page[octave].load(std::memory_order_relaxed) : 0;
    if (old_unit != 0 && old_unit != unit) {
      return Status::Error("a page of series " + std::to_string(series_) + " moved");
    }
    if (unit == 0) continue;
    if (Status s = AddPage(info.scale, octave, unit, old_unit != 0, negative, change); !s) return s;
  }
  return Status();
}

Status Walker::AddPage(int scale, size_t octave, uint32_t unit, bool in_older, bool negative,
                       Change* change) {
  const size_t bytes = proto::PageBytes(scale);
  if (uint64_t{unit} * kPoolUnitBytes + bytes > newer_.pool_bytes) {
    return Status::Error("a page of series " + std::to_string(series_) + " lies outside the pool");
  }
  if (!Covers(newer_, unit, bytes)) return Status();  // with the next copy
  if (!Visit(proto::PageUnits(scale))) return Status::Error("its pages overlap");
  const auto* now = At<std::atomic<uint64_t>>(newer_, unit);
  const std::atomic<uint64_t>* before = nullptr;
  if (in_older && Covers(older_, unit, bytes)) {
    before = At<std::atomic<uint64_t>>(older_, unit);
    if (std::memcmp(static_cast<const void*>(now), static_cast<const void*>(before), bytes) == 0) {
      return Status();
    }
  }
  for (uint32_t cell = 0; cell < (uint32_t{1} << scale); ++cell) {
    const uint64_t count = Load(now[cell]) - (before != nullptr ? Load(before[cell]) : 0);
    if (count == 0) continue;
    if (count >= kBackwards) return Backwards(series_);
    const int32_t index = proto::IndexOf({static_cast<uint32_t>(octave), cell}, scale);
    if (negative) {
      change->fine.AddNegative(index, count);
    } else {
      change->fine.AddPositive(index, count);
    }
    change->count += count;
  }
  return Status();
}

void Walker::AddExtremes(const SeriesInfo& info, const BlockHead& now, const BlockHead* before,
                         bool has_samples, Change* change) {
  // 2^63, the greatest value of an unsigned series, is no int64: it shows as the greatest there is.
  const auto widen = [&](int64_t value) {
    const bool wrapped = !info.key.is_signed && value < 0;
    change->Widen(wrapped ? std::numeric_limits<int64_t>::max() : value);
  };
  bool any = false;
  const proto::ExtremeSlot* newest = nullptr;
  for (int i = 0; i < 2; ++i) {
    const proto::ExtremeSlot& slot = now.extremes[i];
    const uint64_t tag = Load(slot.tag);
    if (tag == 0) continue;
    if (newest == nullptr || tag > Load(newest->tag)) newest = &slot;
    const proto::ExtremeSlot* old = before != nullptr ? &before->extremes[i] : nullptr;
    const bool same_interval = old != nullptr && Load(old->tag) == tag;
    // Of an interval that was delivered before, only what has widened since is news.
    if (!same_interval || Load(old->min) != Load(slot.min)) {
      widen(Load(slot.min));
      any = true;
    }
    if (!same_interval || Load(old->max) != Load(slot.max)) {
      widen(Load(slot.max));
      any = true;
    }
  }
  // Samples between a copy and the move to the next interval, inside what was delivered with that
  // copy: its extremes enclose them.
  if (has_samples && !any && newest != nullptr) {
    widen(Load(newest->min));
    widen(Load(newest->max));
  }
}

proto::SeriesDelta Finish(const SeriesInfo& info, Change&& change, const TickMapper& clock) {
  proto::SeriesDelta delta;
  delta.key = info.key;
  Distribution& d = delta.delta;
  d.histogram = std::move(change.fine);
  if (!change.coarse.empty()) d.histogram.Merge(change.coarse);
  d.sum = change.sum;
  d.min = change.min;
  d.max = change.max;
  d.has_extremes = change.has_extremes;
  d.resolution = info.key.resolution;
  if (change.last_ticks != 0) {
    d.last = change.last;
    d.last_unix_ns = std::max<uint64_t>(clock.UnixNs(change.last_ticks), 1);
  }
  return delta;
}

}  // namespace

Result<std::vector<proto::SeriesDelta>> Differ(const SlotImage& newer, const SlotImage& older,
                                               const SeriesTable& table, const TickMapper& clock) {
  std::vector<proto::SeriesDelta> deltas;
  uint64_t bytes = 0;
  Walker walker(newer, older, table);
  for (uint32_t series = 0; series < newer.head->series_count; ++series) {
    const SeriesInfo* info = nullptr;
    Change change(0);
    Result<bool> found = walker.AddSeries(series, &info, &change);
    if (!found) return found.status();
    if (!*found || change.Empty()) continue;
    bytes += kSeriesBytes + (change.fine.CellCount() + change.coarse.CellCount()) * 8;
    if (bytes > kMostBytes) {
      return Status::Error("more than " + std::to_string(kMostBytes >> 20) +
                           " MiB of histograms changed in one interval");
    }
    deltas.push_back(Finish(*info, std::move(change), clock));
  }
  return deltas;
}

}  // namespace ringside::agent
