#include "agent/recovery.h"

#include <cstring>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/baseline_file.h"
#include "agent/directory_watch.h"
#include "agent/fail_points.h"
#include "proto/uuid.h"

namespace ringside::agent {
namespace {

using proto::Result;
using proto::Status;

std::vector<proto::Uuid> ListBaselines(int agent_directory_fd) {
  std::vector<proto::Uuid> uuids;
  for (const std::string& name : ListNames(agent_directory_fd, kBaselineSuffix)) {
    proto::Uuid uuid;
    const size_t length = name.size() - std::strlen(kBaselineSuffix);
    if (proto::ParseUuid(std::string_view(name).substr(0, length), &uuid)) uuids.push_back(uuid);
  }
  return uuids;
}

// Those whose segment is gone, and files that never got their name.
void DropOrphans(int directory_fd, int agent_directory_fd) {
  for (const proto::Uuid& uuid : ListBaselines(agent_directory_fd)) {
    struct stat info {};
    const std::string segment = proto::ToString(uuid) + proto::kSegmentSuffix;
    if (fstatat(directory_fd, segment.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) continue;
    unlinkat(agent_directory_fd, BaselineFile::NameOf(uuid).c_str(), 0);
  }
  for (const std::string& name : ListNames(agent_directory_fd, ".new")) {
    unlinkat(agent_directory_fd, name.c_str(), 0);
  }
}

void DropBaselines(int agent_directory_fd) {
  for (const proto::Uuid& uuid : ListBaselines(agent_directory_fd)) {
    unlinkat(agent_directory_fd, BaselineFile::NameOf(uuid).c_str(), 0);
  }
}

// A commit was prepared, and the spool that could tell whether it happened is gone. The prepared
// copies become the baseline, so nothing is counted twice; what they had more than the valid ones
// counts as lost. Doing it again changes nothing.
void AdoptPrepared(int agent_directory_fd, uint64_t committed, uint64_t prepared) {
  for (const proto::Uuid& uuid : ListBaselines(agent_directory_fd)) {
    Result<std::unique_ptr<BaselineFile>> file =
        BaselineFile::Open(agent_directory_fd, uuid, prepared);
    if (!file) continue;
    BaselineSlot& head = *(*file)->valid().head;
    const BaselineSlot& before = *(*file)->idle().head;
    const uint64_t tag_before = before.tag.load(std::memory_order_relaxed);
    if (head.tag.load(std::memory_order_relaxed) <= committed) continue;
    if (tag_before == 0 || tag_before > committed) continue;
    head.lost_baseline += head.recorded - before.recorded;
    head.recorded = before.recorded;
    head.spool_full += head.detail_sent - before.detail_sent;
    head.detail_sent = before.detail_sent;
  }
}

Result<Recovered> BeginEpoch(int agent_directory_fd, Spool* spool, uint64_t position,
                             uint64_t interval_end_unix_ns, uint64_t now_unix_ns,
                             std::string reason) {
  ControlFile::Identity identity;
  identity.agent = spool->agent();
  identity.self = proto::NewUuid();
  identity.self_started_unix_ns = now_unix_ns;
  do {
    identity.epoch = proto::NewRandom64();
  } while (identity.epoch == 0);
  identity.epoch_base = position;
  identity.boot_id = ReadBootId();
  if (Status s = spool->BeginEpoch(identity.epoch); !s) return s;
  FailPoint("epoch.begun");
  Result<std::unique_ptr<ControlFile>> control =
      ControlFile::Create(agent_directory_fd, identity, interval_end_unix_ns);
  if (!control) return control.status();
  FailPoint("epoch.controlled");
  return Recovered{std::move(*control), true, std::move(reason)};
}

}  // namespace

Result<Recovered> Recover(int directory_fd, int agent_directory_fd, Spool* spool,
                          uint64_t now_unix_ns) {
  DropOrphans(directory_fd, agent_directory_fd);
  Result<std::unique_ptr<ControlFile>> opened = ControlFile::Open(agent_directory_fd);
  // Positions begin at 1: a tag of 0 means none.
  if (!opened || (*opened)->identity().boot_id != ReadBootId()) {
    DropBaselines(agent_directory_fd);
    return BeginEpoch(agent_directory_fd, spool, 1, 0, now_unix_ns,
                      opened ? "the host was booted" : "nothing is known of this directory");
  }
  ControlFile& control = **opened;
  const Spool::Tail tail = spool->tail();
  const uint64_t committed = control.committed_sequence();
  const bool same_epoch = tail.exists && control.identity().agent == spool->agent() &&
                          control.identity().epoch == tail.epoch;
  if (same_epoch && tail.last_sequence == committed) {
    control.Abandon();
  } else if (same_epoch && tail.last_sequence > committed &&
             tail.last_entry_first == committed + 1) {
    control.CompleteFlip(control.PositionOf(tail.last_sequence));
  }
  const uint64_t interval_end = control.self().interval_end_unix_ns;
  if (same_epoch && tail.whole && tail.last_sequence == control.committed_sequence()) {
    return Recovered{std::move(*opened), false, {}};
  }
  if (same_epoch && tail.last_sequence > control.committed_sequence()) {
    // The baselines are older than what was committed: to go on from them would count twice.
    DropBaselines(agent_directory_fd);
    return BeginEpoch(agent_directory_fd, spool, control.prepared(), interval_end, now_unix_ns,
                      "the baselines are older than the spool");
  }
  if (control.prepared() > control.committed()) {
    AdoptPrepared(agent_directory_fd, control.committed(), control.prepared());
  }
  return BeginEpoch(
      agent_directory_fd, spool, control.prepared(), interval_end, now_unix_ns,
      same_epoch ? "the spool is damaged" : "the spool is not the one of this directory");
}

}  // namespace ringside::agent
