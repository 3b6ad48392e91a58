// How far an agent's clock is ahead of ours, from what the agent sends.
//
// Whatever arrives names a moment of the agent's clock that lies before its arrival:
//
//   moment - arrival = offset - (time under way)
//
// so the largest difference of the last half minute to a minute is the nearest to the truth, and
// too small by the shortest time under way. Not thread-safe.
#ifndef RINGSIDE_AGGREGATOR_CLOCK_OFFSET_H_
#define RINGSIDE_AGGREGATOR_CLOCK_OFFSET_H_

#include <cstdint>
#include <optional>

namespace ringside::aggregator {

class ClockOffset {
 public:
  // A clock that is set back is known after twice this long.
  static constexpr uint64_t kWindowNs = 30ull * 1'000'000'000;

  // A message that is sent as it is made: a greeting, what is in flight.
  void AddMoment(uint64_t agent_unix_ns, uint64_t now_unix_ns);
  // A batch. It counts only where batches come at the pace of their intervals: those that waited in
  // the spool are late for another reason than the clock.
  void AddInterval(uint64_t start_unix_ns, uint64_t end_unix_ns, uint64_t now_unix_ns);

  // nullopt: nothing has been heard. Stays as it was while nothing is.
  std::optional<int64_t> ahead_ns() const { return ahead_ns_; }

 private:
  uint64_t window_unix_ns_ = 0;  // when the window at hand began
  std::optional<int64_t> window_most_;
  std::optional<int64_t> previous_most_;
  std::optional<int64_t> ahead_ns_;
  uint64_t last_arrival_unix_ns_ = 0;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_CLOCK_OFFSET_H_
