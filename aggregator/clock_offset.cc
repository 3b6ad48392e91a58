#include "aggregator/clock_offset.h"

#include <algorithm>

namespace ringside::aggregator {

void ClockOffset::AddMoment(uint64_t agent_unix_ns, uint64_t now_unix_ns) {
  last_arrival_unix_ns_ = now_unix_ns;
  const bool is_over = now_unix_ns >= window_unix_ns_ + kWindowNs;
  // Our own clock may have been set back, too.
  if (is_over || now_unix_ns < window_unix_ns_) {
    const bool is_long_over = now_unix_ns >= window_unix_ns_ + 2 * kWindowNs;
    previous_most_ = is_over && !is_long_over ? window_most_ : std::nullopt;
    window_most_.reset();
    window_unix_ns_ = now_unix_ns;
  }
  // Of unsigned numbers the difference is right modulo 2^64, so it is right as a signed one.
  const auto ahead_ns = static_cast<int64_t>(agent_unix_ns - now_unix_ns);
  window_most_ = std::max(window_most_.value_or(ahead_ns), ahead_ns);
  ahead_ns_ = std::max(*window_most_, previous_most_.value_or(*window_most_));
}

void ClockOffset::AddInterval(uint64_t start_unix_ns, uint64_t end_unix_ns, uint64_t now_unix_ns) {
  const uint64_t length_ns = end_unix_ns - std::min(start_unix_ns, end_unix_ns);
  const uint64_t last_ns = last_arrival_unix_ns_;
  last_arrival_unix_ns_ = now_unix_ns;
  const bool keeps_pace = last_ns != 0 && now_unix_ns >= last_ns + length_ns / 2;
  if (keeps_pace) AddMoment(end_unix_ns, now_unix_ns);
}

}  // namespace ringside::aggregator
