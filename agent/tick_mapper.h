// Ticks of a segment's clock as wall-clock time.
//
// Anchored at the agent's own reading of the same clock, newly at every close, so that the
// calibration's error (10 ppm) and steps of the wall clock do not add up over days.
#ifndef RINGSIDE_AGENT_TICK_MAPPER_H_
#define RINGSIDE_AGENT_TICK_MAPPER_H_

#include <cstdint>

#include "proto/tick_clock.h"

namespace ringside::agent {

class TickMapper {
 public:
  TickMapper() = default;
  TickMapper(uint64_t now_ticks, uint64_t now_unix_ns, uint64_t ns_per_tick_q32)
      : now_ticks_(now_ticks), now_unix_ns_(now_unix_ns), ns_per_tick_q32_(ns_per_tick_q32) {}

  uint64_t now_ticks() const { return now_ticks_; }
  // Ticks of the future - another host's clock, or nonsense - are now; so is 0, the mark of a value
  // that was recorded without reading a clock.
  uint64_t AgeNs(uint64_t ticks) const {
    return proto::TicksToNs(AgeTicks(ticks), ns_per_tick_q32_);
  }
  // From one moment to a later one; 0 when it is not later.
  uint64_t BetweenNs(uint64_t from, uint64_t to) const {
    const uint64_t from_age = AgeTicks(from);
    const uint64_t to_age = AgeTicks(to);
    return from_age > to_age ? proto::TicksToNs(from_age - to_age, ns_per_tick_q32_) : 0;
  }
  uint64_t UnixNs(uint64_t ticks) const {
    const uint64_t age = AgeNs(ticks);
    return age < now_unix_ns_ ? now_unix_ns_ - age : 0;
  }

 private:
  uint64_t AgeTicks(uint64_t ticks) const {
    return ticks >= now_ticks_ || ticks == 0 ? 0 : now_ticks_ - ticks;
  }

  uint64_t now_ticks_ = 0;
  uint64_t now_unix_ns_ = 0;
  uint64_t ns_per_tick_q32_ = 0;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_TICK_MAPPER_H_
