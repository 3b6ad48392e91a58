#include "aggregator/store.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <utility>

#include "aggregator/overflow_series.h"
#include "aggregator/utc_time.h"

namespace ringside::aggregator {
namespace {

// Series that one Apply looks over for what has aged: at least this many, so that idle ones get
// their turn too; else a part of what it brought, since only whole buckets of 10 s move on.
constexpr size_t kLeastSweep = 64;
constexpr size_t kSweepPart = 4;
// While memory is short: so many times what it brought. Beyond the limit by this part, all.
constexpr size_t kHurriedSweep = 8;
constexpr uint64_t kHurryPart = 32;
constexpr uint64_t kRelaxEveryNs = 10 * kSecondNs;

// A host's clock may be ahead by this much before its intervals stop driving the ages of others.
constexpr uint64_t kClockToleranceNs = kMinuteNs;

// Where series are nearly too many, those that got nothing for so long make room.
constexpr uint64_t kIdleNs = kHourNs;
constexpr uint64_t kNearlyPart = 10;

// Hosts whose covered time is known one by one; those beyond share an entry.
constexpr size_t kMostHosts = 65'536;

bool IsOverflow(const StoredSeries& series) { return series.producer().uuid.IsZero(); }

}  // namespace

StoreOptions StoreOptions::ForArchive() {
  StoreOptions options;
  options.ages = TierAges::Unlimited();
  options.max_requests = 1'000'000;
  options.max_request_bytes = size_t{1} << 30;
  return options;
}

Store::Store(StoreOptions options)
    : options_(std::move(options)),
      limit_bytes_(options_.limit_bytes),
      requests_(options_.max_requests, options_.max_request_bytes),
      pressure_(options_.ages) {}

void Store::SetLimit(uint64_t limit_bytes) {
  const std::unique_lock lock(mutex_);
  limit_bytes_ = limit_bytes;
}

uint64_t Store::AgeReference() const {
  const uint64_t now = options_.now_unix_ns ? options_.now_unix_ns() : SystemUnixNs();
  return std::min(std::max(last_closed_unix_ns_, expected_unix_ns_), now + kClockToleranceNs);
}

void Store::ExpectUntil(uint64_t unix_ns) {
  const std::unique_lock lock(mutex_);
  expected_unix_ns_ = unix_ns;
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
  NoteClosed(batch.host, end);
  const uint64_t now = AgeReference();
  Tiers* const coverage = CoverageOf(batch.host);
  const CoveredInterval covered{start, end, std::min(covered_ns, end - start)};
  coverage->Add(covered.View(), pressure_.ages(), now, &coverage_use_);
  size_t applied = 0;
  for (const proto::ProducerDelta& delta : batch.producers) {
    ApplyProducer(batch, delta, now);
    applied += delta.series.size();
  }
  if (!pressure_.ages().KeepsAll()) coverage->Compact(pressure_.ages(), now, &coverage_use_);
  Age(applied, now);
}

void Store::ApplyOwn(const proto::Batch& batch, uint64_t now_unix_ns) {
  const std::unique_lock lock(mutex_);
  size_t applied = 0;
  for (const proto::ProducerDelta& delta : batch.producers) {
    ApplyProducer(batch, delta, now_unix_ns);
    applied += delta.series.size();
  }
  Age(applied, now_unix_ns);
}

void Store::NoteClosed(const std::string& host, uint64_t end) {
  auto closed = closed_unix_ns_.find(host);
  if (closed == closed_unix_ns_.end()) {
    if (closed_unix_ns_.size() >= kMostHosts) return;
    closed = closed_unix_ns_.emplace(host, 0).first;
  }
  closed->second = std::max(closed->second, end);
}

Tiers* Store::CoverageOf(const std::string& host) {
  auto found = coverage_.find(host);
  if (found == coverage_.end()) {
    const bool has_room = coverage_.size() < kMostHosts;
    found = coverage_.try_emplace(has_room ? host : std::string(), MergeRule::kCoverage).first;
  }
  return &found->second;
}

void Store::ApplyProducer(const proto::Batch& batch, const proto::ProducerDelta& delta,
                          uint64_t now) {
  std::shared_ptr<const ProducerInfo> producer = index_.FindProducer(batch.host, delta);
  const bool has_place = !delta.series.empty() && HasRoomForSeries();
  if (producer == nullptr && (has_place || !delta.requests.empty())) {
    producer = index_.InternProducer(batch.host, delta);
  }
  for (const proto::SeriesDelta& series : delta.series) {
    const IntervalView interval = IntervalView::Of(series.delta, batch.interval_start_unix_ns,
                                                   batch.interval_end_unix_ns, &room_);
    StoredSeries* const stored = SeriesOf(batch.host, producer, series);
    if (!stored->mutable_intervals()->Add(interval, pressure_.ages(), now, &use_)) {
      ++too_old_;
    }
  }
  for (const proto::RequestRow& row : delta.requests) requests_.Add(producer, row);
}

bool Store::HasRoomForSeries() const {
  return options_.series_bytes == 0 || index_.bytes() < options_.series_bytes;
}

bool Store::HasRoomForOverflow() const {
  return index_.bytes() < options_.series_bytes + options_.overflow_bytes;
}

StoredSeries* Store::SeriesOf(const std::string& host,
                              const std::shared_ptr<const ProducerInfo>& producer,
                              const proto::SeriesDelta& series) {
  if (producer != nullptr) {
    StoredSeries* const own = index_.FindOrAdd(producer, series.key, HasRoomForSeries());
    if (own != nullptr) return own;
  }
  overflowed_samples_ += series.delta.Count();
  return OverflowOf(host, series.key);
}

StoredSeries* Store::OverflowOf(const std::string& host, const proto::SeriesKey& key) {
  const proto::ProducerDelta nobody = OverflowProducer();
  std::shared_ptr<const ProducerInfo> producer = index_.FindProducer(host, nobody);
  if (producer == nullptr && HasRoomForOverflow()) producer = index_.InternProducer(host, nobody);
  if (producer != nullptr) {
    StoredSeries* const own = index_.FindOrAdd(producer, OverflowKey(key), HasRoomForOverflow());
    if (own != nullptr) return own;
  }
  return index_.FindOrAdd(index_.InternProducer("", nobody), GlobalOverflowKey(key));
}

uint64_t Store::Bytes() const {
  uint64_t bytes = index_.bytes() + requests_.bytes();
  for (const TierUse* use : {&use_, &coverage_use_}) {
    for (const LogUse& tier : *use) bytes += tier.bytes;
  }
  return bytes;
}

void Store::Age(size_t applied, uint64_t now) {
  if (limit_bytes_ != 0 && Bytes() > limit_bytes_) return GiveWay(applied, now);
  if (pressure_.ages().KeepsAll()) return;
  Sweep(std::max(kLeastSweep, applied / kSweepPart), now);
  if (now < next_relax_unix_ns_) return;
  next_relax_unix_ns_ = now + kRelaxEveryNs;
  if (Bytes() < limit_bytes_ - limit_bytes_ / 4) pressure_.Relax();
}

// A round over all series goes on for some batches, so that none of them waits long. Only where
// that is not fast enough it is finished at once.
void Store::GiveWay(size_t applied, uint64_t now) {
  size_t count = std::max(kLeastSweep, kHurriedSweep * applied);
  while (true) {
    if (to_sweep_ == 0 && !Tighten(now)) return Sweep(count, now);
    count = std::min(count, to_sweep_);
    Sweep(count, now);
    to_sweep_ -= count;
    if (Bytes() <= limit_bytes_ + limit_bytes_ / kHurryPart) return;
    count = index_.size();
  }
}

bool Store::Tighten(uint64_t now) {
  if (!pressure_.Tighten(HeldNs(now))) return false;
  for (auto& [host, coverage] : coverage_) {
    coverage.Compact(pressure_.ages(), now, &coverage_use_);
  }
  to_sweep_ = index_.size();
  return to_sweep_ != 0;
}

void Store::Sweep(size_t count, uint64_t now) {
  index_.Sweep(count, [&](StoredSeries* series) { return SweepOne(series, now); });
}

bool Store::SweepOne(StoredSeries* series, uint64_t now) {
  Tiers* const intervals = series->mutable_intervals();
  intervals->Compact(pressure_.ages(), now, &use_);
  if (intervals->empty()) return false;
  const bool is_tight =
      options_.series_bytes != 0 &&
      index_.bytes() > options_.series_bytes - options_.series_bytes / kNearlyPart;
  if (!is_tight || intervals->NewestEnd() + kIdleNs > now || IsOverflow(*series)) return true;
  StoredSeries* const overflow = OverflowOf(series->producer().host, series->key());
  intervals->MoveTo(overflow->mutable_intervals(), &use_);
  ++folded_series_;
  return false;
}

// By the covered time, which ages in the same way.
std::array<uint64_t, kTierCount> Store::HeldNs(uint64_t now) const {
  std::array<uint64_t, kTierCount> held{};
  for (const auto& [host, coverage] : coverage_) {
    for (size_t tier = 0; tier < kTierCount; ++tier) {
      if (coverage.tier(tier).empty()) continue;
      const uint64_t end = coverage.tier(tier).front().end_unix_ns;
      held[tier] = std::max(held[tier], now > end ? now - end : 0);
    }
  }
  return held;
}

StoreUse Store::Use() const {
  const std::shared_lock lock(mutex_);
  StoreUse use;
  use.limit_bytes = limit_bytes_;
  use.bytes = Bytes();
  use.last_closed_unix_ns = last_closed_unix_ns_;
  for (size_t tier = 0; tier < kTierCount; ++tier) {
    use.tiers[tier].max_age_ns = pressure_.ages().max_age_ns[tier];
    use.tiers[tier].intervals = use_[tier].intervals;
    use.tiers[tier].bytes = use_[tier].bytes;
    use.coverage_bytes += coverage_use_[tier].bytes;
    uint64_t first = std::numeric_limits<uint64_t>::max();
    for (const auto& [host, coverage] : coverage_) {
      if (coverage.tier(tier).empty()) continue;
      first = std::min(first, coverage.tier(tier).front().start_unix_ns);
    }
    if (first != std::numeric_limits<uint64_t>::max()) use.tiers[tier].from_unix_ns = first;
  }
  use.series = index_.size();
  use.series_bytes = index_.bytes();
  use.series_limit_bytes = options_.series_bytes;
  use.requests = requests_.size();
  use.request_bytes = requests_.bytes();
  use.overflowed_samples = overflowed_samples_;
  use.folded_series = folded_series_;
  use.too_old = too_old_;
  return use;
}

uint64_t Store::ResolutionNs(uint64_t from_unix_ns) const {
  const StoreUse use = Use();
  uint64_t resolution = kTierWidthNs[0];
  for (size_t tier = 1; tier < kTierCount; ++tier) {
    if (use.tiers[tier].from_unix_ns == 0) continue;
    // It holds what is older than the finer ones.
    uint64_t finer_from = use.last_closed_unix_ns;
    for (size_t finer = 0; finer < tier; ++finer) {
      const uint64_t from = use.tiers[finer].from_unix_ns;
      if (from != 0) finer_from = std::min(finer_from, from);
    }
    if (from_unix_ns < finer_from) resolution = kTierWidthNs[tier];
  }
  return resolution;
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
  const StoreUse use = Use();
  uint64_t first = 0;
  for (const StoreUse::Tier& tier : use.tiers) {
    if (tier.from_unix_ns == 0) continue;
    first = first == 0 ? tier.from_unix_ns : std::min(first, tier.from_unix_ns);
  }
  return first;
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
  const auto add = [&](const std::string& host, const Tiers& coverage) {
    const Window own = clocks_.OfHost(window, host);
    const int64_t ahead = window.is_recent ? clocks_.AheadNs(host) : 0;
    coverage.Visit(own.from_unix_ns, own.to_unix_ns, [&](const IntervalView& interval) {
      CoveredInterval covered = CoveredInterval::Of(interval);
      covered.start_unix_ns = HostClocks::Shift(covered.start_unix_ns, -ahead);
      covered.end_unix_ns = HostClocks::Shift(covered.end_unix_ns, -ahead);
      intervals.push_back(covered);
    });
  };
  if (hosts.contains("")) {
    for (const auto& [host, coverage] : coverage_) add(host, coverage);
  } else {
    for (const std::string& host : hosts) {
      if (const auto coverage = coverage_.find(host); coverage != coverage_.end()) {
        add(host, coverage->second);
      }
    }
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
