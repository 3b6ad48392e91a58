// The newest finished requests in full, for reports: bounded by number and by bytes, oldest out.
// Not thread-safe: the store's lock covers it.
#ifndef RINGSIDE_AGGREGATOR_STORE_REQUESTS_H_
#define RINGSIDE_AGGREGATOR_STORE_REQUESTS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string_view>

#include "aggregator/store_series.h"
#include "proto/batch.h"

namespace ringside::aggregator {

struct StoredRequest {
  std::shared_ptr<const ProducerInfo> producer;
  proto::RequestRow row;

  uint64_t EndUnixNs() const { return row.start_unix_ns + row.duration_ns; }
  // As StoredSeries::Label; where the request itself has no such label, its first step that has
  // one.
  std::string_view Label(std::string_view name) const;
};

class RecentRequests {
 public:
  RecentRequests(size_t max_count, size_t max_bytes)
      : max_count_(max_count), max_bytes_(max_bytes) {}

  void Add(std::shared_ptr<const ProducerInfo> producer, const proto::RequestRow& row);
  // Those that ended in the window, newest first, until `visit` returns false.
  void Visit(const Window& window, const std::function<bool(const StoredRequest&)>& visit) const;
  size_t size() const { return by_end_.size(); }
  size_t bytes() const { return bytes_; }

 private:
  const size_t max_count_;
  const size_t max_bytes_;
  size_t bytes_ = 0;
  std::multimap<uint64_t, StoredRequest> by_end_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_STORE_REQUESTS_H_
