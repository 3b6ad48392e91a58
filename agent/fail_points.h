// The places where a test may kill the agent (proto/fail_point.h), in the order of a commit.
#ifndef RINGSIDE_AGENT_FAIL_POINTS_H_
#define RINGSIDE_AGENT_FAIL_POINTS_H_

#include <array>

#include "proto/fail_point.h"

namespace ringside::agent {

inline constexpr std::array<const char*, 15> kFailPoints = {
    "attach.baseline",   // a new producer's baseline exists, its control word is untouched
    "close.collected",   // all deltas are computed, idle copies are written, none is tagged
    "commit.tagged",     // the idle copies carry the new position
    "commit.prepared",   // the control file announces the new position
    "spool.partial",     // half of the entry is in the spool
    "spool.appended",    // the entry is whole: committed
    "commit.flipped",    // the control file says so too
    "commit.tails",      // ring tails are published
    "retire.marked",     // a dead producer's control word says retired
    "retire.unlinked",   // its segment is gone, its baseline is not
    "retire.dropped",    // its baseline is gone
    "spool.rotated",     // a new spool file exists next to the old one
    "spool.trimmed",     // the old one is gone
    "epoch.begun",       // a new epoch is in the spool, the control file is the old one
    "epoch.controlled",  // the new control file is in place
};

inline void FailPoint(const char* name) { proto::FailPoint::Pass(name); }

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_FAIL_POINTS_H_
