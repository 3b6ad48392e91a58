#include "aggregator/copy_maker.h"

#include <utility>

#include "aggregator/archive_file_reader.h"
#include "aggregator/store_tiers.h"
#include "proto/fail_point.h"
#include "proto/tick_clock.h"
#include "proto/version.h"

namespace ringside::aggregator {
namespace {

using Kind = StepOutcome::Kind;

ArchiveHead NewHead() {
  ArchiveHead head;
  head.software_version = proto::kVersion;
  head.created_unix_ns = proto::UnixNs();
  return head;
}

}  // namespace

CopyMaker::CopyMaker(std::string directory, const ArchiveStep& step, const std::atomic<bool>* stop)
    : directory_(std::move(directory)),
      step_(step),
      stop_(stop),
      merger_(kTierWidthNs[static_cast<size_t>(step.kind)],
              {[this](const ArchivedBatch& batch) { statistics_.Append(batch); },
               [this](const ArchivedBatch& batch) { AppendDetail(batch, &requests_); },
               [this](const ArchivedBatch& batch) { AppendDetail(batch, &timings_); }},
              step.merge_bytes),
      statistics_(directory_, MakeCopyName(step.files.front(), step.files.back(), step.kind)),
      requests_(directory_,
                MakeCopyName(step.files.front(), step.files.back(), ArchiveKind::kRequests)),
      timings_(directory_,
               MakeCopyName(step.files.front(), step.files.back(), ArchiveKind::kTimings)) {}

// Only where there is any.
void CopyMaker::AppendDetail(const ArchivedBatch& batch, CopyFile* file) {
  if (!file->is_open()) static_cast<void>(file->Open(NewHead()).ok());  // Finish says what failed
  file->Append(batch);
}

// The coarser file goes on from where the first file of the run did, and ends where the last does.
StepOutcome CopyMaker::Begin() {
  const auto first = PeekHead(directory_, step_.files.front());
  const auto end = FindEnd(directory_, step_.files.back());
  if (!first || !end) {
    const ArchiveFileName& hidden = first ? step_.files.back() : step_.files.front();
    return {Kind::kDamaged, hidden.DiskName() + ": its place in the chain cannot be read",
            hidden.stem};
  }
  ArchiveHead head = NewHead();
  head.previous = first->previous;
  head.applied = first->applied;
  head.end = *end;
  report_.applied = first->applied;
  const proto::Status opened = statistics_.Open(std::move(head));
  return opened.ok() ? StepOutcome() : StepOutcome{Kind::kFailed, opened.message(), ""};
}

// A file with any damage stops the run: its copy would make others forget that something is
// missing.
StepOutcome CopyMaker::ReadFile(const ArchiveFileName& name) {
  const auto end = FindEnd(directory_, name);
  const bool may_be_cut = end && name.kind == ArchiveKind::kRaw;
  auto text = ArchiveText::Open(directory_, name, may_be_cut ? end->bytes : UINT64_MAX);
  if (!text.ok()) return {Kind::kFailed, name.DiskName() + ": " + text.message(), ""};
  ArchiveFileReader reader(name, &*text, &report_);
  static_cast<void>(reader.ReadHead());  // what is wrong with it is in the report
  const ArchiveFileState state =
      reader.Read([this](const ArchivedBatch& batch) { merger_.Add(batch); }, stop_);
  if (stop_ != nullptr && stop_->load(std::memory_order_relaxed)) return {Kind::kStopped, "", ""};
  if (!report_.IsClean()) return {Kind::kDamaged, report_.problems[0].ToString(), name.stem};
  if (report_.unknown_lines != 0) {
    return {Kind::kDamaged, name.DiskName() + " holds lines of a newer version", name.stem};
  }
  if (!end || end->chain != state.EndLink().chain) {
    return {Kind::kDamaged, name.DiskName() + ": batches at its end are missing", name.stem};
  }
  return {};
}

StepOutcome CopyMaker::ReadRun() {
  StepOutcome outcome = Begin();
  for (const ArchiveFileName& name : step_.files) {
    if (outcome.kind != Kind::kDone) return outcome;
    outcome = ReadFile(name);
  }
  merger_.Flush();
  return outcome;
}

StepOutcome CopyMaker::Make() {
  StepOutcome outcome = ReadRun();
  if (outcome.kind != Kind::kDone) return outcome;
  proto::FailPoint::Pass("keeper.copy_written");
  if (proto::Status published = Publish(); !published.ok()) {
    return {Kind::kFailed, published.message(), ""};
  }
  outcome.text = statistics_.name().DiskName() + " made of " + std::to_string(step_.files.size()) +
                 " files, " + std::to_string(statistics_.disk_bytes()) + " bytes";
  return outcome;
}

proto::Status CopyMaker::Publish() {
  for (CopyFile* file : {&requests_, &timings_, &statistics_}) {
    if (!file->is_open()) continue;
    if (proto::Status finished = file->Finish(); !finished.ok()) return finished;
  }
  proto::FailPoint::Pass("keeper.copy_synced");
  for (CopyFile* file : {&requests_, &timings_}) {
    if (!file->is_open()) continue;
    if (proto::Status published = file->Publish(); !published.ok()) return published;
    proto::FailPoint::Pass("keeper.detail_renamed");
  }
  // Before anyone may take the coarser file its raw detail is there for good.
  if (proto::Status synced = SyncDirectory(directory_); !synced.ok()) return synced;
  proto::FailPoint::Pass("keeper.detail_durable");
  if (proto::Status published = statistics_.Publish(); !published.ok()) return published;
  proto::FailPoint::Pass("keeper.copy_renamed");
  if (proto::Status synced = SyncDirectory(directory_); !synced.ok()) return synced;
  proto::FailPoint::Pass("keeper.copy_durable");
  return {};
}

}  // namespace ringside::aggregator
