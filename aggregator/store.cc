#include "aggregator/store.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <utility>

#include "aggregator/utc_time.h"

namespace ringside::aggregator {
namespace {

// Series that one Apply looks over for what has aged: at least this many, so that idle ones get
// their turn too; no more than twice what it brought, so that no batch waits long.
constexpr size_t kLeastSweep = 64;

// A host's clock may be ahead by this much before its intervals stop driving the ages of others.
constexpr uint64_t kClockToleranceNs = kMinuteNs;

bool KeepsAll(const TierAges& ages) {
  return std::all_of(ages.max_age_ns.begin(), ages.max_age_ns.end(),
                     [](uint64_t age) { return age == 0; });
}

}  // namespace

StoreOptions StoreOptions::ForArchive() {
  StoreOptions options;
  options.ages = TierAges::Unlimited();
  options.max_requests = 1'000'000;
  options.max_request_bytes = size_t{1} << 30;
  return options;
}

Store::Store(StoreOptions options)
    : options_(std::move(options)), requests_(options_.max_requests, options_.max_request_bytes) {}

uint64_t Store::AgeReference() const {
  const uint64_t now = options_.now_unix_ns ? options_.now_unix_ns() : SystemUnixNs();
  return std::min(last_closed_unix_ns_, now + kClockToleranceNs);
}

void Store::Apply(const proto::Batch& batch) {
  const uint64_t end = batch.interval_end_unix_ns;
  Apply(batch, end - std::min(batch.interval_start_unix_ns, end));
}

void Store::AddRequests(const proto::Batch& batch) {
  const std::unique_lock lock(mutex_);
  for (const proto::ProducerDelta& delta : batch.producers) {
    const std::shared_ptr<const ProducerInfo> producer = index_.InternProducer(batch.host, delta);
    for (const proto::RequestRow& row : delta.requests) requests_.Add(producer, row);
  }
}

void Store::Apply(const proto::Batch& batch, uint64_t covered_ns) {
  const std::unique_lock lock(mutex_);
  const uint64_t end = batch.interval_end_unix_ns;
  const uint64_t start = std::min(batch.interval_start_unix_ns, end);
  last_closed_unix_ns_ = std::max(last_closed_unix_ns_, end);
  uint64_t& closed = closed_unix_ns_[batch.host];
  closed = std::max(closed, end);
  const uint64_t now = AgeReference();
  Tiers<CoveredInterval>& coverage = coverage_[batch.host];
  coverage.Add(CoveredInterval{start, end, std::min(covered_ns, end - start)}, options_.ages, now);
  size_t applied = 0;
  for (const proto::ProducerDelta& delta : batch.producers) {
    ApplyProducer(batch, delta, now);
    applied += delta.series.size();
  }
  if (KeepsAll(options_.ages)) return;
  coverage.Compact(options_.ages, now);
  Sweep(applied, now);
}

void Store::ApplyOwn(const proto::Batch& batch) {
  const std::unique_lock lock(mutex_);
  const uint64_t now = batch.interval_end_unix_ns;
  size_t applied = 0;
  for (const proto::ProducerDelta& delta : batch.producers) {
    ApplyProducer(batch, delta, now);
    applied += delta.series.size();
  }
  if (!KeepsAll(options_.ages)) Sweep(applied, now);
}

void Store::Sweep(size_t applied, uint64_t now) {
  index_.Sweep(std::max(kLeastSweep, 2 * applied), [&](StoredSeries* series) {
    series->mutable_intervals()->Compact(options_.ages, now);
    return !series->intervals().empty();
  });
}

void Store::ApplyProducer(const proto::Batch& batch, const proto::ProducerDelta& delta,
                          uint64_t now) {
  const std::shared_ptr<const ProducerInfo> producer = index_.InternProducer(batch.host, delta);
  for (const proto::SeriesDelta& series : delta.series) {
    StoredSeries* stored = index_.FindOrAdd(producer, series.key);
    stored->mutable_intervals()->Add(
        StoredInterval::From(series.delta, batch.interval_start_unix_ns,
                             batch.interval_end_unix_ns),
        options_.ages, now);
  }
  for (const proto::RequestRow& row : delta.requests) requests_.Add(producer, row);
}

uint64_t Store::LastClosedUnixNs() const {
  const std::shared_lock lock(mutex_);
  return last_closed_unix_ns_;
}

uint64_t Store::LastClosedUnixNs(uint64_t most_unix_ns) const {
  const std::shared_lock lock(mutex_);
  uint64_t last = 0;
  for (const auto& [host, closed] : closed_unix_ns_) {
    const uint64_t ours = HostClocks::Shift(closed, -clocks_.AheadNs(host));
    if (ours <= most_unix_ns) last = std::max(last, ours);
  }
  return last;
}

void Store::SetClocks(HostClocks clocks) {
  const std::unique_lock lock(mutex_);
  clocks_ = std::move(clocks);
}

HostClocks Store::Clocks() const {
  const std::shared_lock lock(mutex_);
  return clocks_;
}

uint64_t Store::FirstUnixNs() const {
  const std::shared_lock lock(mutex_);
  uint64_t first = std::numeric_limits<uint64_t>::max();
  for (const auto& [host, coverage] : coverage_) {
    for (size_t tier = 0; tier < kTierCount; ++tier) {
      if (coverage.tier(tier).empty()) continue;
      first = std::min(first, coverage.tier(tier).front().start_unix_ns);
    }
  }
  return first == std::numeric_limits<uint64_t>::max() ? 0 : first;
}

size_t Store::SeriesCount() const {
  const std::shared_lock lock(mutex_);
  return index_.size();
}

void Store::ForEachSeries(std::string_view name,
                          const std::function<void(const StoredSeries&)>& visit) const {
  const std::shared_lock lock(mutex_);
  index_.ForEach(name, visit);
}

double Store::CoveredSeconds(const std::set<std::string, std::less<>>& hosts,
                             const Window& window) const {
  const std::shared_lock lock(mutex_);
  std::vector<CoveredInterval> intervals;
  for (const std::string& host : hosts) {
    const auto coverage = coverage_.find(host);
    if (coverage == coverage_.end()) continue;
    const Window own = clocks_.OfHost(window, host);
    const int64_t ahead = window.is_recent ? clocks_.AheadNs(host) : 0;
    coverage->second.Visit(own.from_unix_ns, own.to_unix_ns, [&](const CoveredInterval& interval) {
      intervals.push_back({HostClocks::Shift(interval.start_unix_ns, -ahead),
                           HostClocks::Shift(interval.end_unix_ns, -ahead), interval.covered_ns});
    });
  }
  return static_cast<double>(UnionNanoseconds(std::move(intervals))) / 1e9;
}

void Store::ForEachRequest(const Window& window,
                           const std::function<bool(const StoredRequest&)>& visit) const {
  const std::shared_lock lock(mutex_);
  if (!window.is_recent || clocks_.empty()) return requests_.Visit(window, visit);
  const Window widest{HostClocks::Shift(window.from_unix_ns, clocks_.MostBehindNs()),
                      HostClocks::Shift(window.to_unix_ns, clocks_.MostAheadNs())};
  requests_.Visit(widest, [&](const StoredRequest& request) {
    const Window own = clocks_.OfHost(window, request.producer->host);
    return !own.Contains(request.EndUnixNs()) || visit(request);
  });
}

}  // namespace ringside::aggregator
