#include "agent/quiet_check.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>

#include "proto/segment_format.h"

namespace ringside::agent {
namespace {

using proto::BlockHead;
using proto::BlockTable;
using proto::kPoolUnitBytes;
using proto::Result;

// Counters have no timing record, and neither have stages, whose detail travels with their request.
// A stage's path has its request's before it, unless it ended in an overflow series.
bool IsSilent(uint32_t series, const SeriesInfo* info) {
  if (info == nullptr || series < proto::kGlobalOverflowEntries) return true;
  return info->key.kind == proto::Kind::kCounter || (info->key.kind == proto::Kind::kDuration &&
                                                     info->key.path.find('/') != std::string::npos);
}

uint64_t WordOf(const std::byte* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

}  // namespace

Result<bool> QuietCheck::IsQuiet(const SegmentFile& segment, const SegmentUse& use,
                                 const SeriesTable& table, const SlotImage& valid) {
  const BaselineSlot& head = *valid.head;
  if (head.lanes_used != use.lanes_used || head.series_count != use.series_count ||
      head.pool_used != use.pool_used ||
      std::memcmp(head.lost, use.lost.data(), sizeof use.lost) != 0 ||
      std::memcmp(head.dropped, use.dropped.data(), sizeof use.dropped) != 0) {
    return false;
  }
  if (!is_made_) Make(segment.geometry(), table, valid);
  const bool is_whole = ++checks_ % kWholeEvery == 0;
  return is_whole ? IsSame(segment, use, valid) : IsSilent(segment);
}

Result<bool> QuietCheck::IsStill(const SegmentFile& segment) {
  if (!motion_.has_value() || (checks_ + 1) % kWholeEvery == 0) return false;
  const Result<uint64_t> motion = segment.PeekMotion();
  if (!motion) return motion.status();
  if (*motion != *motion_) return false;
  ++checks_;
  return IsSilent(segment);
}

Result<bool> QuietCheck::IsSilent(const SegmentFile& segment) const {
  Result<bool> same = segment.HasCounts(silent_);
  if (same && *same) same = segment.HasNoBlocks(absent_);
  return same;
}

Result<bool> QuietCheck::IsSame(const SegmentFile& segment, const SegmentUse& use,
                                const SlotImage& valid) const {
  const proto::Geometry& g = segment.geometry();
  Result<bool> same = segment.HasMarks(marks_);
  for (size_t i = 0; i < ranges_.size() && same && *same; ++i) {
    const Range& range = ranges_[i];
    const uint64_t offset = g.pool_offset + range.offset;
    const std::byte* const image = valid.pool + range.offset;
    same = range.is_real ? segment.EqualsReal(offset, range.bytes, image)
                         : segment.Equals(offset, range.bytes, image);
  }
  // A block that was taken before the last copy and named after it.
  for (uint32_t lane = 0; lane < use.lanes_used && same && *same; ++lane) {
    const uint64_t row = uint64_t{lane} * valid.series_capacity;
    same = segment.EqualsReal(g.directory_offset + row * sizeof(uint32_t),
                              use.series_count * sizeof(uint32_t), valid.directory + row);
  }
  return same;
}

void QuietCheck::Make(const proto::Geometry& geometry, const SeriesTable& table,
                      const SlotImage& valid) {
  silent_.clear();
  absent_.clear();
  marks_.clear();
  ranges_.clear();
  for (uint32_t series = 0; series < valid.head->series_count; ++series) {
    const SeriesInfo* const info = table.Find(series);
    const bool is_silent = ringside::agent::IsSilent(series, info);
    for (uint32_t lane = 0; lane < valid.head->lanes_used; ++lane) {
      if (is_silent) AddSilent(geometry, valid, lane, series);
      const uint32_t unit = valid.Unit(lane, series);
      if (unit == 0 || info == nullptr) continue;
      AddBlock(geometry, *info, valid, uint64_t{unit} * kPoolUnitBytes);
    }
  }
  is_made_ = true;
}

void QuietCheck::AddSilent(const proto::Geometry& geometry, const SlotImage& valid, uint32_t lane,
                           uint32_t series) {
  const uint64_t at = uint64_t{valid.Unit(lane, series)} * kPoolUnitBytes;
  if (at == 0) {
    const uint64_t entry = uint64_t{lane} * valid.series_capacity + series;
    absent_.push_back(geometry.directory_offset + entry * sizeof(uint32_t));
    return;
  }
  if (at + sizeof(BlockHead) > valid.head->pool_used) return;
  silent_.push_back({geometry.pool_offset + at, WordOf(valid.pool + at + offsetof(BlockHead, sum)),
                     WordOf(valid.pool + at + offsetof(BlockHead, zero_count))});
}

// A block beyond the image is not in it yet: its row or the pool's extent will differ.
void QuietCheck::AddBlock(const proto::Geometry& geometry, const SeriesInfo& info,
                          const SlotImage& valid, uint64_t at) {
  const size_t bytes = proto::BlockUnits(info.sign_count) * kPoolUnitBytes;
  if (at + bytes > valid.head->pool_used) return;
  BlockMark mark;
  mark.offset = geometry.pool_offset + at;
  std::memcpy(mark.words, valid.pool + at, sizeof mark.words);
  const bool is_real = std::any_of(std::begin(mark.words), std::end(mark.words),
                                   [](uint64_t word) { return word != 0; });
  if (is_real && info.sign_count < 2) {
    marks_.push_back(mark);
    return;
  }
  ranges_.push_back({at, bytes, is_real});
  const auto* const tables =
      reinterpret_cast<const BlockTable*>(valid.pool + at + sizeof(BlockHead));
  for (int i = 0; i < info.sign_count; ++i) {
    for (const auto& page : tables[i].page) {
      const uint64_t unit = page.load(std::memory_order_relaxed);
      const size_t page_bytes = proto::PageBytes(info.scale);
      if (unit == 0 || unit * kPoolUnitBytes + page_bytes > valid.head->pool_used) continue;
      ranges_.push_back({unit * kPoolUnitBytes, page_bytes, is_real});
    }
  }
}

}  // namespace ringside::agent
