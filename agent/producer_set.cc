#include "agent/producer_set.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/directory_watch.h"
#include "agent/fail_points.h"
#include "agent/totals.h"

namespace ringside::agent {
namespace {

// "<uuid>.seg"
bool ParseName(const std::string& name, proto::Uuid* uuid) {
  const size_t suffix = std::strlen(proto::kSegmentSuffix);
  return name.size() > suffix &&
         proto::ParseUuid(std::string_view(name).substr(0, name.size() - suffix), uuid);
}

}  // namespace

ino_t ProducerSet::InodeOf(const std::string& name) const {
  struct stat info {};
  const int result = fstatat(directory_fd_, name.c_str(), &info, AT_SYMLINK_NOFOLLOW);
  return result == 0 ? info.st_ino : 0;
}

bool ProducerSet::IsWanted(const std::string& name) {
  if (producers_.count(name) != 0) return false;
  const auto refused = refused_.find(name);
  // The same file would be refused again; another of that name gets its chance.
  return refused == refused_.end() || refused->second.again ||
         refused->second.inode != InodeOf(name);
}

int ProducerSet::Rescan(uint64_t committed, std::vector<std::string>* notes) {
  const size_t before = producers_.size();
  for (const std::string& name : ListNames(directory_fd_, proto::kSegmentSuffix)) {
    proto::Uuid uuid;
    if (!ParseName(name, &uuid) || !IsWanted(name)) continue;
    Attach(name, uuid, committed, notes);
  }
  List();
  for (auto it = refused_.begin(); it != refused_.end();) {
    it = InodeOf(it->first) == 0 ? refused_.erase(it) : std::next(it);
  }
  return static_cast<int>(producers_.size() - before);
}

void ProducerSet::Attach(const std::string& name, const proto::Uuid& uuid, uint64_t committed,
                         std::vector<std::string>* notes) {
  SegmentFile::OpenError error;
  std::unique_ptr<SegmentFile> segment = SegmentFile::Open(directory_fd_, name, owners_, &error);
  if (segment == nullptr) {
    const bool again = error.refusal == SegmentFile::Refusal::kNotReady;
    const bool is_new = refused_.count(name) == 0;
    if (error.refusal == SegmentFile::Refusal::kVersion && is_new) ++wrong_version_;
    Refuse(name, uuid, std::move(error.reason), again, notes);
    return;
  }
  bool again = false;
  proto::Result<std::unique_ptr<Producer>> producer =
      Producer::Attach(std::move(segment), agent_directory_fd_, committed, &again);
  if (!producer) {
    Refuse(name, uuid, producer.message(), again, notes);
    return;
  }
  if ((*producer)->lost_baseline() != 0) {
    notes->push_back("segment " + name + ": no baseline; " +
                     std::to_string((*producer)->lost_baseline()) +
                     " samples that it holds count as lost (baseline)");
  }
  refused_.erase(name);
  producers_[name] = std::move(*producer);
}

void ProducerSet::Refuse(const std::string& name, const proto::Uuid& uuid, std::string reason,
                         bool again, std::vector<std::string>* notes) {
  Refusal& refusal = refused_[name];
  const ino_t inode = InodeOf(name);
  const bool is_news = refusal.inode != inode || refusal.reason != reason;
  if (is_news) notes->push_back("segment " + name + ": " + reason);
  refusal = {inode, uuid, std::move(reason), again, refusal.reported && !is_news};
}

void ProducerSet::List() {
  all_.clear();
  for (const auto& [name, producer] : producers_) all_.push_back(producer.get());
}

ProducerSet::Rings ProducerSet::DrainEarly(const DetailBudget& budget, bool all,
                                           uint64_t now_monotonic_ns, uint64_t now_unix_ns) {
  Rings rings;
  for (Producer* const producer : all_) {
    if ((all || producer->IsBusy()) &&
        producer->DrainEarly(budget, now_monotonic_ns, now_unix_ns, &heads_)) {
      rings.any_moved = true;
    }
    rings.any_fills = rings.any_fills || producer->IsBusy();
  }
  return rings;
}

std::vector<proto::ProducerDelta> ProducerSet::Refused() {
  std::vector<proto::ProducerDelta> deltas;
  for (const auto& [name, refusal] : refused_) {
    if (refusal.reported || refusal.again) continue;
    proto::ProducerDelta delta;
    delta.uuid = refusal.uuid;
    delta.instance = InstanceOf(0, refusal.uuid);
    delta.quarantine = refusal.reason;
    deltas.push_back(std::move(delta));
  }
  return deltas;
}

void ProducerSet::MarkRefusedReported() {
  for (auto& [name, refusal] : refused_) refusal.reported = refusal.reported || !refusal.again;
}

int ProducerSet::RemoveDone() {
  int count = 0;
  for (auto it = producers_.begin(); it != producers_.end();) {
    const Producer& producer = *it->second;
    if (!producer.Done()) {
      ++it;
      continue;
    }
    // The segment first: without its baseline it would be taken for one that was never read.
    if (InodeOf(it->first) == producer.segment().inode() &&
        unlinkat(directory_fd_, it->first.c_str(), 0) != 0 && errno != ENOENT) {
      ++it;
      continue;
    }
    FailPoint("retire.unlinked");
    const std::string baseline = BaselineFile::NameOf(producer.segment().identity().uuid);
    unlinkat(agent_directory_fd_, baseline.c_str(), 0);
    FailPoint("retire.dropped");
    AddTotals(producer.totals(), &removed_totals_);
    it = producers_.erase(it);
    ++count;
  }
  if (count > 0) List();
  removed_ += static_cast<uint64_t>(count);
  return count;
}

uint64_t ProducerSet::Quarantined() const {
  uint64_t count = 0;
  for (const auto& [name, refusal] : refused_) count += refusal.again ? 0 : 1;
  for (const auto& [name, producer] : producers_) {
    count += producer->state() == Producer::State::kQuarantined ? 1 : 0;
  }
  return count;
}

}  // namespace ringside::agent
