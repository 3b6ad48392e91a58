#include "aggregator/series_index.h"

#include <utility>

#include "aggregator/heap_size.h"
#include "proto/checksum.h"

namespace ringside::aggregator {
namespace {

size_t HashOf(const ProducerInfo* producer, const proto::SeriesKey& key) {
  uint64_t hash = reinterpret_cast<uintptr_t>(producer);
  hash ^= uint64_t{static_cast<uint8_t>(key.kind)} << 56 |
          uint64_t{static_cast<uint8_t>(key.outcome)} << 48 |
          uint64_t{static_cast<uint8_t>(key.resolution)} << 8 | uint64_t{key.is_signed};
  for (const std::string* text : {&key.path, &key.error_type, &key.unit}) {
    hash = proto::Checksum(*text, hash);
  }
  for (const auto& [name, value] : key.labels) {
    hash = proto::Checksum(value, proto::Checksum(name, hash));
  }
  return hash;
}

// The series and its places in the index: a pointer in the list, a node and a bucket in each of the
// two hash tables.
size_t BytesOf(const StoredSeries& series) {
  constexpr size_t kPlaces = 16 + (32 + 12) + (32 + 12);
  // As if nobody else had the key.
  return HeapBytes(sizeof series) + HeapBytes(sizeof(proto::SharedKey) + sizeof(proto::SeriesKey)) +
         HeapBytes(series.key()) + kPlaces;
}

size_t BytesOfPath(const std::string& path) {
  constexpr size_t kNode = 128;  // of the map, with the empty set
  return kNode + HeapBytes(path);
}

size_t BytesOf(const ProducerInfo& info) {
  constexpr size_t kPlaces = 16 + (64 + 12);  // reference counts, a node and a bucket
  return HeapBytes(sizeof info) + kPlaces + HeapBytes(info.host) + HeapBytes(info.service) +
         HeapBytes(info.instance) + HeapBytes(info.labels) + HeapBytes(info.pid_text);
}

bool Describes(const ProducerInfo& info, const std::string& host,
               const proto::ProducerDelta& delta) {
  return info.host == host && info.pid == delta.pid && info.service == delta.service &&
         info.instance == delta.instance && info.labels == delta.labels &&
         info.is_agent == delta.is_agent;
}

}  // namespace

bool NameMatches(std::string_view name, std::string_view path) {
  if (name.empty() || name == path) return true;
  return path.size() > name.size() && path.ends_with(name) &&
         path[path.size() - name.size() - 1] == '/';
}

std::shared_ptr<const ProducerInfo> SeriesIndex::FindProducer(
    const std::string& host, const proto::ProducerDelta& delta) const {
  const auto [begin, end] = producers_.equal_range(delta.uuid);
  for (auto it = begin; it != end; ++it) {
    std::shared_ptr<const ProducerInfo> known = it->second.info.lock();
    if (known != nullptr && Describes(*known, host, delta)) return known;
  }
  return nullptr;
}

std::shared_ptr<const ProducerInfo> SeriesIndex::InternProducer(const std::string& host,
                                                                const proto::ProducerDelta& delta) {
  if (auto known = FindProducer(host, delta); known != nullptr) return known;
  const auto [begin, end] = producers_.equal_range(delta.uuid);
  for (auto it = begin; it != end;) it = NextAfterForgetting(it);
  auto made = std::make_shared<const ProducerInfo>(
      ProducerInfo{delta.uuid, delta.pid, host, delta.service, delta.instance, delta.labels,
                   delta.is_agent, std::to_string(delta.pid)});
  bytes_ += BytesOf(*made);
  producers_.emplace(delta.uuid, Known{made, BytesOf(*made)});
  return made;
}

StoredSeries* SeriesIndex::FindOrAdd(const std::shared_ptr<const ProducerInfo>& producer,
                                     const proto::SharedKey& key, bool may_add) {
  if (StoredSeries* const next = FindNext(producer.get(), key); next != nullptr) return next;
  const size_t hash = HashOf(producer.get(), key);
  StoredSeries* found = FindByHash(hash, producer.get(), key);
  if (found == nullptr && !may_add) return nullptr;
  if (found == nullptr) found = Add(hash, producer, key);
  found->key_ = key;  // equal, and the one that FindNext will be asked for
  if (last_place_ < series_.size()) series_[last_place_]->next_place_ = found->place_;
  last_place_ = found->place_;
  return found;
}

// Places change hands when series are removed: what lies there is looked at before it is believed.
StoredSeries* SeriesIndex::FindNext(const ProducerInfo* producer, const proto::SharedKey& key) {
  if (last_place_ >= series_.size()) return nullptr;
  const size_t place = series_[last_place_]->next_place_;
  if (place >= series_.size()) return nullptr;
  StoredSeries* const next = series_[place].get();
  if (next->producer_.get() != producer || next->key_.identity() != key.identity()) return nullptr;
  last_place_ = place;
  if (next->next_place_ < series_.size()) {
    const StoredSeries& after = *series_[next->next_place_];
    after.intervals_.Prefetch();
    if (after.next_place_ < series_.size()) {
      __builtin_prefetch(series_[after.next_place_].get());
    }
  }
  return next;
}

StoredSeries* SeriesIndex::FindByHash(size_t hash, const ProducerInfo* producer,
                                      const proto::SeriesKey& key) const {
  const auto [begin, end] = by_hash_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    if (it->second->producer_.get() == producer && it->second->key() == key) return it->second;
  }
  return nullptr;
}

StoredSeries* SeriesIndex::Add(size_t hash, const std::shared_ptr<const ProducerInfo>& producer,
                               const proto::SharedKey& key) {
  series_.push_back(std::make_unique<StoredSeries>(producer, key));
  StoredSeries* made = series_.back().get();
  made->place_ = static_cast<uint32_t>(series_.size() - 1);
  by_hash_.emplace(hash, made);
  const auto [path, is_new] = by_path_.try_emplace(key->path);
  path->second.insert(made);
  made->own_bytes_ = static_cast<uint32_t>(BytesOf(*made));
  bytes_ += made->own_bytes_ + (is_new ? BytesOfPath(path->first) : 0);
  return made;
}

void SeriesIndex::ForEach(std::string_view name,
                          const std::function<void(const StoredSeries&)>& visit) const {
  for (const auto& [path, all] : by_path_) {
    if (!NameMatches(name, path)) continue;
    for (const StoredSeries* series : all) visit(*series);
  }
}

void SeriesIndex::Sweep(size_t count, const std::function<bool(StoredSeries*)>& visit) {
  for (size_t done = 0; done < count && !series_.empty(); ++done) {
    if (sweep_place_ >= series_.size()) {
      sweep_place_ = 0;
      ForgetProducersWithoutSeries();
    }
    if (visit(series_[sweep_place_].get())) {
      ++sweep_place_;
    } else {
      Remove(sweep_place_);
    }
  }
}

void SeriesIndex::Remove(size_t place) {
  StoredSeries* series = series_[place].get();
  const auto [begin, end] = by_hash_.equal_range(HashOf(&series->producer(), series->key()));
  for (auto it = begin; it != end; ++it) {
    if (it->second == series) {
      by_hash_.erase(it);
      break;
    }
  }
  const auto path = by_path_.find(series->key().path);
  path->second.erase(series);
  bytes_ -= series->own_bytes_;
  if (path->second.empty()) {
    bytes_ -= BytesOfPath(path->first);
    by_path_.erase(path);
  }
  std::swap(series_[place], series_.back());
  series_[place]->place_ = static_cast<uint32_t>(place);
  series_.pop_back();
}

void SeriesIndex::ForgetProducersWithoutSeries() {
  for (auto it = producers_.begin(); it != producers_.end();) it = NextAfterForgetting(it);
}

SeriesIndex::Producers::iterator SeriesIndex::NextAfterForgetting(Producers::iterator it) {
  if (!it->second.info.expired()) return std::next(it);
  bytes_ -= it->second.bytes;
  return producers_.erase(it);
}

}  // namespace ringside::aggregator
