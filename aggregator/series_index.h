// Finds a series by its identity and all series of a path. Most batches bring the series of the one
// before in the same order: what came next then is tried first, and its memory is asked for ahead.
// Not thread-safe: the store's lock covers it.
#ifndef RINGSIDE_AGGREGATOR_SERIES_INDEX_H_
#define RINGSIDE_AGGREGATOR_SERIES_INDEX_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "aggregator/store_series.h"
#include "proto/batch.h"

namespace ringside::aggregator {

// True when `path` is `name` or its last elements are: "decode" names "transcribe/decode" too.
bool NameMatches(std::string_view name, std::string_view path);

class SeriesIndex {
 public:
  // The shared description of this producer; a new one when any part of it changed.
  std::shared_ptr<const ProducerInfo> InternProducer(const std::string& host,
                                                     const proto::ProducerDelta& delta);
  // nullptr: nothing is known of it yet.
  std::shared_ptr<const ProducerInfo> FindProducer(const std::string& host,
                                                   const proto::ProducerDelta& delta) const;
  // nullptr: it is not there and `may_add` is false.
  StoredSeries* FindOrAdd(const std::shared_ptr<const ProducerInfo>& producer,
                          const proto::SharedKey& key, bool may_add = true);
  void ForEach(std::string_view name, const std::function<void(const StoredSeries&)>& visit) const;
  size_t size() const { return series_.size(); }
  // What all of it costs but the series' intervals: keys, producers, this index.
  size_t bytes() const { return bytes_; }

  // Calls `visit` for the next `count` series, round and round; removes those it returns false for.
  void Sweep(size_t count, const std::function<bool(StoredSeries*)>& visit);

 private:
  struct Known {
    std::weak_ptr<const ProducerInfo> info;
    size_t bytes = 0;
  };

  StoredSeries* FindNext(const ProducerInfo* producer, const proto::SharedKey& key);
  StoredSeries* FindByHash(size_t hash, const ProducerInfo* producer,
                           const proto::SeriesKey& key) const;
  StoredSeries* Add(size_t hash, const std::shared_ptr<const ProducerInfo>& producer,
                    const proto::SharedKey& key);
  void Remove(size_t place);
  using Producers = std::unordered_multimap<proto::Uuid, Known>;

  void ForgetProducersWithoutSeries();
  // Of those that nothing belongs to any more.
  Producers::iterator NextAfterForgetting(Producers::iterator it);

  std::vector<std::unique_ptr<StoredSeries>> series_;
  std::unordered_multimap<size_t, StoredSeries*> by_hash_;
  std::map<std::string, std::unordered_set<StoredSeries*>, std::less<>> by_path_;
  Producers producers_;
  size_t last_place_ = 0;  // of the series that was found last
  size_t sweep_place_ = 0;
  size_t bytes_ = 0;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_SERIES_INDEX_H_
