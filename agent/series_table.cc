#include "agent/series_table.h"

#include <atomic>
#include <string>
#include <utility>

#include "agent/text.h"

namespace ringside::agent {
namespace {

using proto::EntryState;
using proto::Kind;
using proto::Outcome;
using proto::Result;
using proto::SeriesEntry;
using proto::Status;

// Beyond this no double can hold the factor 2^resolution.
constexpr int kMaxResolution = 64;

Status Corrupt(uint32_t index, const char* what) {
  return Status::Error("series " + std::to_string(index) + " " + what);
}

const char* CheckNumbers(const SeriesEntry& entry) {
  if (entry.kind < static_cast<uint8_t>(Kind::kDuration) ||
      entry.kind > static_cast<uint8_t>(Kind::kGauge)) {
    return "is of no known kind";
  }
  if (entry.outcome >= proto::kOutcomeCount) return "has no known outcome";
  if (entry.scale > proto::kMaxScale) return "has an absurd scale";
  if (entry.resolution < -kMaxResolution || entry.resolution > kMaxResolution) {
    return "has an absurd resolution";
  }
  if (entry.path_bytes == 0 || entry.path_bytes > proto::kMaxPathBytes ||
      entry.error_bytes > proto::kMaxErrorTypeBytes || entry.unit_bytes > proto::kMaxUnitBytes) {
    return "has a name of absurd length";
  }
  return nullptr;
}

}  // namespace

Status SeriesTable::Refresh(const SegmentFile& segment, uint32_t series_count) {
  std::vector<uint32_t> candidates = std::move(pending_);
  pending_.clear();
  for (auto i = static_cast<uint32_t>(entries_.size()); i < series_count; ++i) {
    candidates.push_back(i);
  }
  if (entries_.size() < series_count) entries_.resize(series_count);
  for (const uint32_t index : candidates) {
    if (Status status = ReadEntry(segment, index); !status) return status;
    if (entries_[index] == nullptr) pending_.push_back(index);
  }
  return Status();
}

Status SeriesTable::ReadEntry(const SegmentFile& segment, uint32_t index) {
  const proto::Geometry& g = segment.geometry();
  const uint64_t offset = g.series_offset + uint64_t{index} * sizeof(SeriesEntry);
  // SYNC series-ready (agent): the state first, then the fields that were stored before it.
  uint64_t first_word = 0;
  if (Status s = segment.Read(offset, sizeof first_word, &first_word); !s) return s;
  std::atomic_thread_fence(std::memory_order_acquire);
  if (static_cast<uint32_t>(first_word) != static_cast<uint32_t>(EntryState::kReady)) {
    return Status();
  }
  alignas(SeriesEntry) std::byte copy[sizeof(SeriesEntry)];
  if (Status s = segment.Read(offset, sizeof copy, copy); !s) return s;
  const auto& entry = *reinterpret_cast<const SeriesEntry*>(copy);
  if (const char* what = CheckNumbers(entry); what != nullptr) return Corrupt(index, what);

  const auto read = [&](uint32_t at, uint16_t bytes, std::string* out) {
    if (at > g.strings_bytes || bytes > g.strings_bytes - at) {
      return Corrupt(index, "names a string outside the string area");
    }
    out->resize(bytes);
    return segment.Read(g.strings_offset + at, bytes, out->data());
  };
  auto info = std::make_unique<SeriesInfo>();
  proto::SeriesKey& key = info->key;
  std::string labels;
  if (Status s = read(entry.path_offset, entry.path_bytes, &key.path); !s) return s;
  if (Status s = read(entry.error_offset, entry.error_bytes, &key.error_type); !s) return s;
  if (Status s = read(entry.unit_offset, entry.unit_bytes, &key.unit); !s) return s;
  if (Status s = read(entry.labels_offset, entry.labels_bytes, &labels); !s) return s;
  Result<proto::LabelList> parsed =
      ParseLabels(reinterpret_cast<const std::byte*>(labels.data()), labels.size());
  if (!parsed) return Corrupt(index, parsed.message().c_str());
  key.labels = std::move(*parsed);
  key.path = CleanText(key.path, proto::kMaxPathBytes);
  key.error_type = CleanText(key.error_type, proto::kMaxErrorTypeBytes);
  key.unit = CleanText(key.unit, proto::kMaxUnitBytes);
  key.kind = static_cast<Kind>(entry.kind);
  key.outcome = static_cast<Outcome>(entry.outcome);
  key.resolution = key.kind == Kind::kDuration ? int8_t{0} : entry.resolution;
  key.is_signed = entry.is_signed != 0;
  info->scale = entry.scale;
  info->sign_count = key.kind == Kind::kCounter ? 0 : key.is_signed ? 2 : 1;
  size_t bytes = sizeof(SeriesInfo) + key.path.size() + key.error_type.size() + key.unit.size();
  for (const auto& [name, value] : key.labels) {
    bytes += sizeof(key.labels[0]) + name.size() + value.size();
  }
  info->bytes = static_cast<uint32_t>(bytes);
  bytes_ += bytes;
  if (bytes_ > kMostBytes) {
    return Status::Error("its series' names take more than " + std::to_string(kMostBytes >> 20) +
                         " MiB");
  }
  entries_[index] = std::move(info);
  return Status();
}

}  // namespace ringside::agent
