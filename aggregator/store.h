// What the aggregator knows: every series' intervals, the time that was covered, and the newest
// finished requests. Filled by Apply, in any order of batches; each batch exactly once (the caller
// proves that). Rebuilt from the archive at start; nothing here is on disk.
//
// Thread-safe: one shared_mutex inside; Apply takes it alone, readers share it.
#ifndef RINGSIDE_AGGREGATOR_STORE_H_
#define RINGSIDE_AGGREGATOR_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/host_clocks.h"
#include "aggregator/series_index.h"
#include "aggregator/store_coverage.h"
#include "aggregator/store_requests.h"
#include "aggregator/store_series.h"
#include "aggregator/store_tiers.h"
#include "proto/batch.h"

namespace ringside::aggregator {

struct StoreOptions {
  TierAges ages;
  size_t max_requests = 20'000;
  size_t max_request_bytes = size_t{64} << 20;
  // Ages are measured from the newest interval, but never from later than this clock says: one
  // host whose clock runs ahead must not age the others' data.
  std::function<uint64_t()> now_unix_ns;  // empty: the system's clock

  // For reading an archive: nothing is merged, dropped or aged.
  static StoreOptions ForArchive();
};

class Store {
 public:
  explicit Store(StoreOptions options = {});
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  void Apply(const proto::Batch& batch);
  // A batch merged from several, which cover less than all the time from its start to its end.
  void Apply(const proto::Batch& batch, uint64_t covered_ns);
  // Only its requests.
  void AddRequests(const proto::Batch& batch);
  // What the aggregator itself has seen of a host. It closes no interval of that host's and covers
  // none of its time.
  void ApplyOwn(const proto::Batch& batch);

  // Hosts whose clocks differ.
  void SetClocks(HostClocks clocks);
  HostClocks Clocks() const;

  // End of the newest interval; 0 when there is none.
  uint64_t LastClosedUnixNs() const;
  // The same by our clock, hosts' differences taken out, and of those that are not after
  // `most_unix_ns`: a host whose clock runs ahead says nothing about the others' last interval.
  uint64_t LastClosedUnixNs(uint64_t most_unix_ns) const;
  // Start of the oldest interval that is still held; 0 when there is none.
  uint64_t FirstUnixNs() const;
  size_t SeriesCount() const;

  // Series whose path is `name`, or ends in "/name"; all when `name` is empty. The lock is shared
  // while `visit` runs: it must not call the store.
  void ForEachSeries(std::string_view name,
                     const std::function<void(const StoredSeries&)>& visit) const;
  // Seconds of the window that intervals of these hosts cover together.
  double CoveredSeconds(const std::set<std::string, std::less<>>& hosts,
                        const Window& window) const;
  // Finished requests that ended in the window, newest first, until `visit` returns false.
  void ForEachRequest(const Window& window,
                      const std::function<bool(const StoredRequest&)>& visit) const;

 private:
  void ApplyProducer(const proto::Batch& batch, const proto::ProducerDelta& delta, uint64_t now);
  void Sweep(size_t applied, uint64_t now);
  uint64_t AgeReference() const;

  const StoreOptions options_;
  mutable std::shared_mutex mutex_;
  SeriesIndex index_;
  std::map<std::string, Tiers<CoveredInterval>, std::less<>> coverage_;  // by host
  RecentRequests requests_;
  uint64_t last_closed_unix_ns_ = 0;
  std::map<std::string, uint64_t, std::less<>> closed_unix_ns_;  // by host, its own clock
  HostClocks clocks_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_STORE_H_
