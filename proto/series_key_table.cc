#include "proto/series_key_table.h"

#include <algorithm>

#include "proto/checksum.h"
#include "proto/uuid.h"

namespace ringside::proto {
namespace {

size_t BytesOf(const SeriesKey& key) {
  constexpr size_t kPlaces = 96;  // reference counts, a node, a bucket, the allocator's own
  size_t bytes = sizeof key + kPlaces + key.path.size() + key.error_type.size() + key.unit.size();
  for (const auto& [name, value] : key.labels) {
    bytes += sizeof key.labels.front() + name.size() + value.size();
  }
  return bytes;
}

}  // namespace

SeriesKey SeriesKeyView::Copy() const {
  SeriesKey key{std::string(path), kind,       outcome,   std::string(error_type),
                std::string(unit), resolution, is_signed, {}};
  key.labels.reserve(labels.size());
  for (const auto& [name, value] : labels) key.labels.emplace_back(name, value);
  return key;
}

bool SeriesKeyView::Equals(const SeriesKey& key) const {
  return key.kind == kind && key.outcome == outcome && key.resolution == resolution &&
         key.is_signed == is_signed && key.path == path && key.unit == unit &&
         key.error_type == error_type &&
         std::equal(labels.begin(), labels.end(), key.labels.begin(), key.labels.end(),
                    [](const auto& a, const auto& b) {
                      return a.first == b.first && a.second == b.second;
                    });
}

SeriesKeyTable::SeriesKeyTable(size_t most_bytes, Prepare prepare)
    : most_bytes_(most_bytes), prepare_(std::move(prepare)), seed_(NewRandom64()) {}

uint64_t SeriesKeyTable::HashOf(const SeriesKeyView& view) const {
  uint64_t hash =
      seed_ ^ (uint64_t{static_cast<uint8_t>(view.kind)} << 56 |
               uint64_t{static_cast<uint8_t>(view.outcome)} << 48 |
               uint64_t{static_cast<uint8_t>(view.resolution)} << 8 | uint64_t{view.is_signed});
  for (const std::string_view text : {view.path, view.error_type, view.unit}) {
    hash = Checksum(text, hash);
  }
  for (const auto& [name, value] : view.labels) hash = Checksum(value, Checksum(name, hash));
  return hash;
}

SharedKey SeriesKeyTable::Find(const SeriesKeyView& view) {
  // Batches name the same series in the same order, mostly.
  Known* const guess = last_ == nullptr ? nullptr : last_->next;
  Known* const found = guess != nullptr && view.Equals(*guess->key) ? guess : FindByHash(view);
  if (last_ != nullptr) last_->next = found;
  last_ = found;
  SharedKey key = found->key;
  if (bytes_ > most_bytes_) Clear();
  return key;
}

SeriesKeyTable::Known* SeriesKeyTable::FindByHash(const SeriesKeyView& view) {
  Known& known = known_[HashOf(view)];
  if (view.Equals(*known.key)) return &known;
  SeriesKey key = view.Copy();
  if (prepare_) prepare_(&key);
  bytes_ += BytesOf(key);
  known.key = std::move(key);
  return &known;
}

void SeriesKeyTable::Clear() {
  known_.clear();
  last_ = nullptr;
  bytes_ = 0;
}

}  // namespace ringside::proto
