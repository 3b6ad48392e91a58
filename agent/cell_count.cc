#include "agent/cell_count.h"

#include <numeric>
#include <optional>

namespace ringside::agent {
namespace {

using proto::BlockHead;
using proto::BlockTable;
using proto::kPoolUnitBytes;

// A sample costs nanoseconds: this many take one thread half a day.
constexpr uint64_t kMostGrowth = uint64_t{1} << 44;
constexpr uint64_t kBackwards = uint64_t{1} << 63;

uint64_t Load(const std::atomic<uint64_t>& cell) { return cell.load(std::memory_order_relaxed); }

// Of cells in a private copy, as plain words: the compiler adds several at once.
uint64_t SumOf(const void* cells, size_t count, uint64_t sum) {
  const auto* const words = static_cast<const uint64_t*>(cells);
  return std::accumulate(words, words + count, sum);
}

class CellCounter {
 public:
  CellCounter(const SlotImage& newer, const SlotImage* older, const SeriesTable& table)
      : newer_(newer), older_(older), table_(table) {}

  // Samples of one lane in one series since `older`. None: it is not what a probe writes.
  std::optional<uint64_t> CountBlock(uint32_t lane, uint32_t series);

 private:
  uint32_t OlderUnit(uint32_t lane, uint32_t series) const {
    const bool is_there =
        older_ != nullptr && lane < older_->head->lanes_used && series < older_->head->series_count;
    return is_there ? older_->Unit(lane, series) : 0;
  }
  static bool Covers(const SlotImage& image, uint64_t unit, uint64_t bytes) {
    return unit * kPoolUnitBytes + bytes <= image.head->pool_used;
  }
  template <typename T>
  static const T* At(const SlotImage& image, uint64_t unit) {
    return reinterpret_cast<const T*>(image.pool + unit * kPoolUnitBytes);
  }
  // Every unit has one owner: who visits more than there are would count some twice.
  bool Visit(uint64_t bytes) {
    visited_bytes_ += bytes;
    return visited_bytes_ <= newer_.head->pool_used;
  }
  bool AddTable(int scale, const BlockTable& now, const BlockTable* before);
  bool AddPage(int scale, uint32_t unit, uint32_t old_unit);
  bool Add(const std::atomic<uint64_t>& now, const std::atomic<uint64_t>* before) {
    const uint64_t growth = Load(now) - (before != nullptr ? Load(*before) : 0);
    count_ += growth;
    return older_ == nullptr || growth < kBackwards;
  }

  const SlotImage& newer_;
  const SlotImage* older_;  // null: since the beginning
  const SeriesTable& table_;
  uint64_t visited_bytes_ = 0;
  uint64_t count_ = 0;  // of the block at hand
};

std::optional<uint64_t> CellCounter::CountBlock(uint32_t lane, uint32_t series) {
  const uint32_t unit = newer_.Unit(lane, series);
  const uint32_t old_unit = OlderUnit(lane, series);
  if (unit == 0 && old_unit == 0) return 0;
  const SeriesInfo* const info = table_.Find(series);
  if (info == nullptr || (old_unit != 0 && old_unit != unit)) return std::nullopt;
  const size_t units = proto::BlockUnits(info->sign_count);
  const size_t bytes = units * kPoolUnitBytes;
  if (uint64_t{unit} * kPoolUnitBytes + bytes > newer_.pool_bytes) return std::nullopt;
  if (!Covers(newer_, unit, bytes)) return 0;  // it was taken after the extent was copied
  const auto& now = *At<BlockHead>(newer_, unit);
  if (now.series != series || now.units != units || now.sign_count != info->sign_count ||
      now.kind != static_cast<uint8_t>(info->key.kind) || !Visit(bytes)) {
    return std::nullopt;
  }
  if (info->sign_count == 0) return 0;
  const bool has_before = old_unit != 0 && Covers(*older_, unit, bytes);
  const BlockHead* const before = has_before ? At<BlockHead>(*older_, unit) : nullptr;
  count_ = 0;
  if (!Add(now.zero_count, before != nullptr ? &before->zero_count : nullptr)) return std::nullopt;
  const auto* const tables = reinterpret_cast<const BlockTable*>(&now + 1);
  const auto* const old_tables =
      before != nullptr ? reinterpret_cast<const BlockTable*>(before + 1) : nullptr;
  for (int sign = 0; sign < info->sign_count; ++sign) {
    const BlockTable* const old = old_tables != nullptr ? old_tables + sign : nullptr;
    if (!AddTable(info->scale, tables[sign], old)) return std::nullopt;
  }
  return count_;
}

bool CellCounter::AddTable(int scale, const BlockTable& now, const BlockTable* before) {
  if (older_ == nullptr) {
    count_ = SumOf(now.coarse, proto::kOctaveCount, count_);
  }
  for (size_t octave = 0; octave < proto::kOctaveCount; ++octave) {
    if (older_ != nullptr &&
        !Add(now.coarse[octave], before != nullptr ? &before->coarse[octave] : nullptr)) {
      return false;
    }
    const uint32_t unit = now.page[octave].load(std::memory_order_relaxed);
    const uint32_t old_unit =
        before != nullptr ? before->page[octave].load(std::memory_order_relaxed) : 0;
    if (old_unit != 0 && old_unit != unit) return false;
    if (unit != 0 && !AddPage(scale, unit, old_unit)) return false;
  }
  return true;
}

bool CellCounter::AddPage(int scale, uint32_t unit, uint32_t old_unit) {
  const size_t bytes = proto::PageBytes(scale);
  if (uint64_t{unit} * kPoolUnitBytes + bytes > newer_.pool_bytes) return false;
  if (!Covers(newer_, unit, bytes)) return true;
  if (!Visit(bytes)) return false;
  if (older_ == nullptr) {
    count_ = SumOf(At<std::byte>(newer_, unit), size_t{1} << scale, count_);
    return true;
  }
  const auto* const now = At<std::atomic<uint64_t>>(newer_, unit);
  const bool has_before = old_unit != 0 && Covers(*older_, unit, bytes);
  const auto* const before = has_before ? At<std::atomic<uint64_t>>(*older_, unit) : nullptr;
  for (uint32_t cell = 0; cell < (uint32_t{1} << scale); ++cell) {
    if (!Add(now[cell], before != nullptr ? before + cell : nullptr)) return false;
  }
  return true;
}

}  // namespace

proto::Result<uint64_t> CountSamples(const SlotImage& image, const SeriesTable& table) {
  CellCounter counter(image, nullptr, table);
  uint64_t samples = 0;
  for (uint32_t series = 0; series < image.head->series_count; ++series) {
    for (uint32_t lane = 0; lane < image.head->lanes_used; ++lane) {
      const std::optional<uint64_t> count = counter.CountBlock(lane, series);
      if (!count) {
        return proto::Status::Error("a block of series " + std::to_string(series) +
                                    " is none that a probe writes");
      }
      samples += *count;
    }
  }
  return samples;
}

Undelivered CountUndelivered(const SlotImage& newer, const SlotImage& delivered,
                             const SeriesTable& table) {
  CellCounter counter(newer, &delivered, table);
  Undelivered result;
  for (uint32_t series = 0; series < newer.head->series_count; ++series) {
    for (uint32_t lane = 0; lane < newer.head->lanes_used; ++lane) {
      const std::optional<uint64_t> count = counter.CountBlock(lane, series);
      if (count && *count <= kMostGrowth) {
        result.samples += *count;
      } else {
        result.is_whole = false;
      }
    }
  }
  return result;
}

}  // namespace ringside::agent
