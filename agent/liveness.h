// Whether a segment's producer lives.
//
// Lock held: alive, also when stopped. Lock free: suspect, for closefrom(), a close() of another
// descriptor and exec free it too. Dead: suspect, and the process that F_GETLK last named no longer
// maps the file; where nobody was ever named, no process that can be seen maps it, and none can
// hide or the one that the segment names is of our own pid namespace and does not map it. Where one
// could hide (another pid namespace), or one that is stuck does not let itself be looked at,
// suspect and unchanged for a long while.
// The pid in the segment proves nothing, but a lie in it harms the liar alone. A wrong verdict
// harms little: a writer that finds its segment retired opens a new one.
#ifndef RINGSIDE_AGENT_LIVENESS_H_
#define RINGSIDE_AGENT_LIVENESS_H_

#include <cstdint>

#include "agent/process_maps.h"
#include "agent/segment_file.h"
#include "proto/status.h"

namespace ringside::agent {

class Liveness {
 public:
  enum class Verdict { kAlive, kSuspect, kDead };

  // `holder_pid`: who held the lock last, as an earlier agent noted it; 0 unknown.
  explicit Liveness(uint64_t holder_pid) : holder_pid_(holder_pid) {}

  // `changed`: the segment's statistics moved since the last check.
  Verdict Check(const SegmentFile& segment, bool changed, uint64_t now_monotonic_ns,
                uint64_t hidden_grace_ns, ProcessMaps* processes);

  // Error: a visible process holds the lock, and the segment names another one.
  proto::Status CheckName(const SegmentFile& segment, Verdict verdict) const;

  // Who holds or last held the lock; 0: never seen, or not visible from here.
  uint64_t holder_pid() const { return holder_pid_; }

 private:
  uint64_t holder_pid_;
  uint64_t quiet_since_ns_ = 0;  // 0: not suspect, or it changed since
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_LIVENESS_H_
