// The places where a test may kill the agent (proto/fail_point.h), in the order of a commit.
#ifndef RINGSIDE_AGENT_FAIL_POINTS_H_
#define RINGSIDE_AGENT_FAIL_POINTS_H_

#include <array>

#include "proto/fail_point.h"

namespace ringside::agent {

inline constexpr std::array<const char*, 20> kFailPoints = {
    "attach.baseline",    // a new producer's baseline exists, its control word is untouched
    "attach.met",         // the control word has left interval 0
    "drain.early",        // a ring was drained ahead of the close, its room is given back
    "close.collected",    // all deltas are computed, idle copies are written, none is tagged
    "commit.tagging",     // one idle copy carries the new position, others may not
    "commit.tagged",      // the idle copies carry the new position
    "commit.prepared",    // the control file announces the new position
    "spool.partial",      // half of the entry is in the spool
    "spool.appended",     // the entry is whole: committed
    "commit.flipped",     // the control file says so too
    "commit.publishing",  // one producer's ring tails are published, others' may not be
    "commit.tails",       // ring tails are published
    "retire.marked",      // a dead producer's control word says retired
    "retire.unlinked",    // its segment is gone, its baseline is not
    "retire.dropped",     // its baseline is gone
    "spool.rotated",      // a new spool file exists next to the old one
    "spool.marked",       // a file's header says what of it is acknowledged
    "spool.trimmed",      // the old one is gone
    "epoch.begun",        // a new epoch is in the spool, the control file is the old one
    "epoch.controlled",   // the new control file is in place
};

inline void FailPoint(const char* name) { proto::FailPoint::Pass(name); }

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_FAIL_POINTS_H_
