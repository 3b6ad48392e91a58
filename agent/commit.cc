#include "agent/commit.h"

#include "agent/fail_points.h"

namespace ringside::agent {

proto::Status Commit(const CommitInput& input, ControlFile* control, Spool* spool) {
  const uint64_t first = control->committed_sequence() + 1;
  const uint64_t position = control->committed() + input.frames.size();
  for (Producer* producer : input.producers) {
    producer->Tag(position);
    FailPoint("commit.tagging");
  }
  control->WriteIdle(position, input.self_recorded, input.interval_end_unix_ns);
  FailPoint("commit.tagged");
  control->Prepare(position);
  FailPoint("commit.prepared");
  if (proto::Status status = spool->Append(first, input.frames); !status) {
    for (Producer* producer : input.producers) producer->Untag();
    control->Abandon();
    return status;
  }
  FailPoint("spool.appended");
  control->Flip(position);
  for (Producer* producer : input.producers) producer->Flip();
  FailPoint("commit.flipped");
  for (Producer* producer : input.producers) {
    producer->PublishTails();
    FailPoint("commit.publishing");
  }
  FailPoint("commit.tails");
  return proto::Status();
}

}  // namespace ringside::agent
