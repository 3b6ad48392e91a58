// What the aggregator knows: every series' intervals, the time that was covered, and the newest
// finished requests. Filled by Apply, in any order of batches; each batch exactly once (the caller
// proves that). Rebuilt from the archive at start; nothing here is on disk.
//
// With a limit of bytes, what is too much goes in this order: old intervals merge into coarser ones
// early, the finest first; then the oldest of the coarsest go; new series beyond a bound are
// counted in overflow series. Counts of what is held stay exact. docs/aggregator-memory.md.
//
// Thread-safe: one shared_mutex inside; Apply takes it alone, readers share it.
#ifndef RINGSIDE_AGGREGATOR_STORE_H_
#define RINGSIDE_AGGREGATOR_STORE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
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
#include "aggregator/store_use.h"
#include "aggregator/tier_pressure.h"
#include "proto/batch.h"

namespace ringside::aggregator {

struct StoreOptions {
  TierAges ages;
  size_t max_requests = 20'000;
  size_t max_request_bytes = size_t{64} << 20;
  // All together; 0: no limit.
  uint64_t limit_bytes = 0;
  // Of them for series without their intervals, and beyond that for overflow series; 0: no bound.
  uint64_t series_bytes = 0;
  uint64_t overflow_bytes = 0;
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
  // none of its time. Ages are measured from `now_unix_ns`, the aggregator's clock.
  void ApplyOwn(const proto::Batch& batch, uint64_t now_unix_ns);

  // Intervals that are this late or later follow: ages are measured from then at least. So what is
  // read in order of time, long after it was, goes to the tier where it belongs at once.
  void ExpectUntil(uint64_t unix_ns);

  // All that was taken in, into an empty one (checkpoint.h).
  void Save(StateWriter* out) const;
  void Load(StateReader* in);

  // Hosts whose clocks differ.
  void SetClocks(HostClocks clocks);
  HostClocks Clocks() const;
  // Another limit from now on; what is beyond it goes with the next batches.
  void SetLimit(uint64_t limit_bytes);

  // End of the newest interval; 0 when there is none.
  uint64_t LastClosedUnixNs() const;
  // The same by our clock, hosts' differences taken out, and of those that are not after
  // `most_unix_ns`: a host whose clock runs ahead says nothing about the others' last interval.
  uint64_t LastClosedUnixNs(uint64_t most_unix_ns) const;
  // Start of the oldest interval that is still held; 0 when there is none.
  uint64_t FirstUnixNs() const;
  size_t SeriesCount() const;
  StoreUse Use() const;
  // To how many seconds the edges of a window that begins there are exact.
  uint64_t ResolutionNs(uint64_t from_unix_ns) const;

  // Series whose path is `name`, or ends in "/name"; all when `name` is empty. The lock is shared
  // while `visit` runs: it must not call the store.
  void ForEachSeries(std::string_view name,
                     const std::function<void(const StoredSeries&)>& visit) const;
  // Seconds of the window that intervals of these hosts cover together. A series of no host in
  // particular (an overflow) has "": all hosts.
  double CoveredSeconds(const std::set<std::string, std::less<>>& hosts,
                        const Window& window) const;
  // Finished requests that ended in the window, newest first, until `visit` returns false.
  void ForEachRequest(const Window& window,
                      const std::function<bool(const StoredRequest&)>& visit) const;

 private:
  void ApplyProducer(const proto::Batch& batch, const proto::ProducerDelta& delta, uint64_t now);
  StoredSeries* SeriesOf(const std::string& host,
                         const std::shared_ptr<const ProducerInfo>& producer,
                         const proto::SeriesDelta& series);
  StoredSeries* OverflowOf(const std::string& host, const proto::SeriesKey& key);
  bool HasRoomForSeries() const;
  bool HasRoomForOverflow() const;
  void NoteClosed(const std::string& host, uint64_t end);
  void SaveRequests(StateWriter* out) const;
  void LoadSeries(StateReader* in);
  void LoadRequests(StateReader* in);
  Tiers* CoverageOf(const std::string& host);
  uint64_t AgeReference() const;
  uint64_t Bytes() const;
  std::array<uint64_t, kTierCount> HeldNs(uint64_t now) const;
  void Age(size_t applied, uint64_t now);
  void GiveWay(size_t applied, uint64_t now);
  bool Tighten(uint64_t now);
  void Sweep(size_t count, uint64_t now);
  bool SweepOne(StoredSeries* series, uint64_t now);

  const StoreOptions options_;
  mutable std::shared_mutex mutex_;
  uint64_t limit_bytes_;
  SeriesIndex index_;
  std::map<std::string, Tiers, std::less<>> coverage_;  // by host
  RecentRequests requests_;
  TierPressure pressure_;
  TierUse use_{};           // of all series
  TierUse coverage_use_{};  // of all hosts
  uint64_t last_closed_unix_ns_ = 0;
  uint64_t expected_unix_ns_ = 0;
  std::map<std::string, uint64_t, std::less<>> closed_unix_ns_;  // by host, its own clock
  HostClocks clocks_;
  size_t to_sweep_ = 0;  // series that have not yet been seen since the last tightening
  uint64_t next_relax_unix_ns_ = 0;
  uint64_t overflowed_samples_ = 0;
  uint64_t folded_series_ = 0;
  uint64_t too_old_ = 0;
  std::string room_;  // for a histogram's bytes, reused
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_STORE_H_
