// One series of the store: its identity and its intervals in tiers, as compact bytes.
//
// Not thread-safe: the store's lock covers it. Readers (queries, rules, reports) meet it inside
// Store::ForEachSeries and must not keep a pointer to it beyond that call.
#ifndef RINGSIDE_AGGREGATOR_STORE_SERIES_H_
#define RINGSIDE_AGGREGATOR_STORE_SERIES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/store_tiers.h"
#include "aggregator/stored_interval.h"
#include "proto/distribution.h"
#include "proto/shared_key.h"
#include "proto/uuid.h"

namespace ringside::aggregator {

// Where series come from. Shared by all series of the producer.
struct ProducerInfo {
  proto::Uuid uuid;
  uint64_t pid = 0;
  std::string host;
  std::string service;
  std::string instance;
  proto::LabelList labels;  // resource labels
  bool is_agent = false;
  std::string pid_text;

  // Resource labels, then host, service, instance, pid; "" when there is none.
  std::string_view Label(std::string_view name) const;
};

// Half open in the past: an interval belongs to the window when its end is in (from, to].
struct Window {
  uint64_t from_unix_ns = 0;
  uint64_t to_unix_ns = 0;
  // Counted back from now: of a host whose clock differs it means the same time by its own clock
  // (host_clocks.h). Otherwise the times are the hosts' own, as they stand in the archive.
  bool is_recent = false;

  bool Contains(uint64_t end) const { return end > from_unix_ns && end <= to_unix_ns; }
  uint64_t Nanoseconds() const { return to_unix_ns - from_unix_ns; }
};

class StoredSeries {
 public:
  StoredSeries(std::shared_ptr<const ProducerInfo> producer, proto::SharedKey key)
      : producer_(std::move(producer)), key_(std::move(key)) {}

  const proto::SeriesKey& key() const { return *key_; }
  const ProducerInfo& producer() const { return *producer_; }
  const std::shared_ptr<const ProducerInfo>& shared_producer() const { return producer_; }
  const Tiers& intervals() const { return intervals_; }
  Tiers* mutable_intervals() { return &intervals_; }

  // The value of a label as queries see it: the series' own; outcome, error_type, kind,
  // operation; then what ProducerInfo::Label knows. "" when there is none.
  std::string_view Label(std::string_view name) const;
  // False when no interval of the window holds anything.
  bool MergeInto(const Window& window, proto::Distribution* out) const;

 private:
  friend class SeriesIndex;

  std::shared_ptr<const ProducerInfo> producer_;
  proto::SharedKey key_;
  uint32_t place_ = 0;       // in the index's list
  uint32_t next_place_ = 0;  // of the series that followed this one in the batch before
  uint32_t own_bytes_ = 0;   // as the index counts it
  Tiers intervals_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_STORE_SERIES_H_
