// At most one line in ten seconds of what strangers can cause at will; the others are counted.
#ifndef RINGSIDE_AGGREGATOR_LOG_LIMIT_H_
#define RINGSIDE_AGGREGATOR_LOG_LIMIT_H_

#include <cstdint>
#include <utility>

namespace ringside::aggregator {

class LogLimit {
 public:
  static constexpr uint64_t kEveryNs = 10ull * 1000000000ull;

  // Whether to write a line now; `suppressed`: how many were not written since the last one.
  bool Allow(uint64_t now_unix_ns, uint64_t* suppressed) {
    if (now_unix_ns < next_unix_ns_) {
      ++suppressed_;
      return false;
    }
    next_unix_ns_ = now_unix_ns + kEveryNs;
    *suppressed = std::exchange(suppressed_, 0);
    return true;
  }

 private:
  uint64_t next_unix_ns_ = 0;
  uint64_t suppressed_ = 0;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_LOG_LIMIT_H_
