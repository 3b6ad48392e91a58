// When the agent looks at rings between two closes.
//
// Statistics never come from rings: a look that comes late costs raw detail at most, and each one
// costs wake-ups and cold cache lines of every producer. So rings that fill up are looked at every
// poll, those into which records trickle every ten, and where nothing has moved for a while every
// twenty, together with what wakes the agent anyway. The first record seen brings back ten.
// Owner: the agent's thread; the clock is passed in.
#ifndef RINGSIDE_AGENT_LOOK_PACE_H_
#define RINGSIDE_AGENT_LOOK_PACE_H_

#include <algorithm>
#include <cstdint>

namespace ringside::agent {

class LookPace {
 public:
  static constexpr uint64_t kMovingPolls = 10;
  static constexpr uint64_t kQuietPolls = 20;
  // How much longer the quiet wait for something else that wakes the agent.
  static constexpr uint64_t kPatiencePolls = 5;
  static constexpr uint32_t kQuietAfterLooks = 10;

  enum class Look {
    kNone,
    kFilling,  // only at producers whose rings fill up
    kAll,
  };

  explicit LookPace(uint64_t poll_ns) : poll_ns_(poll_ns) {}

  // `is_awake`: another look takes place now, whose wake-up and cache lines this one can share.
  Look Due(bool is_awake, uint64_t now_ns) const {
    const bool shares = is_quiet() && is_awake && now_ns + poll_ns_ >= next_all_ns_;
    if (shares || now_ns >= Deadline()) return Look::kAll;
    return is_filling_ && now_ns >= next_filling_ns_ ? Look::kFilling : Look::kNone;
  }
  // What was found: some ring fills up; some head is another one than at the look before.
  void Looked(Look look, bool is_filling, bool has_moved, uint64_t now_ns) {
    is_filling_ = is_filling;
    next_filling_ns_ = now_ns + poll_ns_;
    if (look != Look::kAll) return;
    still_looks_ = has_moved || is_filling ? 0 : std::min(still_looks_ + 1, kQuietAfterLooks);
    next_all_ns_ = now_ns + (is_quiet() ? kQuietPolls : kMovingPolls) * poll_ns_;
  }
  uint64_t UntilDueNs(uint64_t now_ns) const {
    const uint64_t due = is_filling_ ? std::min(next_filling_ns_, Deadline()) : Deadline();
    return due > now_ns ? due - now_ns : 0;
  }
  bool is_quiet() const { return still_looks_ == kQuietAfterLooks; }

 private:
  uint64_t Deadline() const { return next_all_ns_ + (is_quiet() ? kPatiencePolls * poll_ns_ : 0); }

  const uint64_t poll_ns_;
  uint64_t next_all_ns_ = 0;
  uint64_t next_filling_ns_ = 0;
  uint32_t still_looks_ = 0;  // in a row at which nothing had moved
  bool is_filling_ = false;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_LOOK_PACE_H_
