// Hosts whose clocks differ from ours by seconds or more, so that "the last minute" is everybody's
// last minute. A plain value: copied out of the store, used without a lock.
#ifndef RINGSIDE_AGGREGATOR_HOST_CLOCKS_H_
#define RINGSIDE_AGGREGATOR_HOST_CLOCKS_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "aggregator/store_series.h"

namespace ringside::aggregator {

class HostClocks {
 public:
  // Below this hosts are taken as they are: it is no more than what time synchronisation and the
  // network make of it.
  static constexpr int64_t kLeastNs = 2'000'000'000;

  // Rounded to whole seconds, at which agents close their intervals.
  void Set(const std::string& host, int64_t ahead_ns) {
    if (ahead_ns > -kLeastNs && ahead_ns < kLeastNs) return;
    constexpr int64_t kSecond = 1'000'000'000;
    const int64_t half = ahead_ns < 0 ? -kSecond / 2 : kSecond / 2;
    ahead_ns_[host] = (ahead_ns + half) / kSecond * kSecond;
  }

  bool empty() const { return ahead_ns_.empty(); }
  int64_t AheadNs(std::string_view host) const {
    const auto found = ahead_ns_.find(host);
    return found == ahead_ns_.end() ? 0 : found->second;
  }
  // The largest of all, or 0; and the smallest, or 0.
  int64_t MostAheadNs() const {
    int64_t most = 0;
    for (const auto& [host, ahead] : ahead_ns_) most = std::max(most, ahead);
    return most;
  }
  int64_t MostBehindNs() const {
    int64_t least = 0;
    for (const auto& [host, ahead] : ahead_ns_) least = std::min(least, ahead);
    return least;
  }

  // From our clock to the host's.
  static uint64_t Shift(uint64_t unix_ns, int64_t by_ns) {
    if (by_ns >= 0) return unix_ns + std::min<uint64_t>(by_ns, UINT64_MAX - unix_ns);
    return unix_ns - std::min(unix_ns, uint64_t{0} - static_cast<uint64_t>(by_ns));
  }
  Window OfHost(const Window& window, std::string_view host) const {
    const int64_t ahead = AheadNs(host);
    if (ahead == 0 || !window.is_recent) return window;
    return {Shift(window.from_unix_ns, ahead), Shift(window.to_unix_ns, ahead)};
  }

 private:
  std::map<std::string, int64_t, std::less<>> ahead_ns_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_HOST_CLOCKS_H_
