#include "agent/liveness.h"

#include <string>

#include <fcntl.h>

namespace ringside::agent {
namespace {

// The process that the segment names would be visible from here, and does not map it.
bool IsGone(const SegmentFile& segment, ProcessMaps* processes) {
  const SegmentIdentity& identity = segment.identity();
  return identity.pid_namespace != 0 && identity.pid_namespace == OwnPidNamespace() &&
         processes->Ask(identity.pid, segment.device(), segment.inode()) == MapsAnswer::kDoesNot;
}

}  // namespace

Liveness::Verdict Liveness::Check(const SegmentFile& segment, bool changed,
                                  uint64_t now_monotonic_ns, uint64_t hidden_grace_ns,
                                  ProcessMaps* processes) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (fcntl(segment.fd(), F_GETLK, &lock) != 0) return Verdict::kSuspect;
  if (lock.l_type != F_UNLCK) {
    if (lock.l_pid > 0) holder_pid_ = static_cast<uint64_t>(lock.l_pid);
    quiet_since_ns_ = 0;
    return Verdict::kAlive;
  }
  if (changed || quiet_since_ns_ == 0) quiet_since_ns_ = now_monotonic_ns;
  const dev_t device = segment.device();
  const ino_t inode = segment.inode();
  switch (holder_pid_ != 0 ? processes->Ask(holder_pid_, device, inode)
                           : processes->AskAll(device, inode)) {
    case MapsAnswer::kMaps:
      return Verdict::kSuspect;
    case MapsAnswer::kDoesNot:
      return Verdict::kDead;
    case MapsAnswer::kUnknown:
      if (holder_pid_ == 0 && IsGone(segment, processes)) return Verdict::kDead;
      break;
    case MapsAnswer::kPending:
      break;
  }
  const bool quiet = now_monotonic_ns - quiet_since_ns_ >= hidden_grace_ns;
  return quiet ? Verdict::kDead : Verdict::kSuspect;
}

proto::Status Liveness::CheckName(const SegmentFile& segment, Verdict verdict) const {
  const SegmentIdentity& identity = segment.identity();
  if (verdict != Verdict::kAlive || holder_pid_ == identity.pid ||
      identity.pid_namespace != OwnPidNamespace()) {
    return proto::Status();
  }
  return proto::Status::Error("says that it is process " + std::to_string(identity.pid) + ", but " +
                              std::to_string(holder_pid_) + " holds its lock");
}

}  // namespace ringside::agent
