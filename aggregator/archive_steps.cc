#include "aggregator/archive_steps.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include <unistd.h>

#include "aggregator/archive_reader.h"
#include "aggregator/archive_text.h"
#include "aggregator/copy_maker.h"
#include "aggregator/zstd_file.h"
#include "proto/fail_point.h"

namespace ringside::aggregator {
namespace {

namespace fs = std::filesystem;
using Kind = StepOutcome::Kind;

constexpr size_t kPartBytes = size_t{1} << 20;

StepOutcome Failed(const proto::Status& status) { return {Kind::kFailed, status.message(), ""}; }

// Exactly kPartBytes, or what is left; valid until `room` is used again.
std::string_view ReadPart(ArchiveText* text, std::string* room) {
  room->resize(kPartBytes);
  size_t done = 0;
  while (done < kPartBytes) {
    const size_t got = text->Read(room->data() + done, kPartBytes - done);
    if (got == 0) break;
    done += got;
  }
  return std::string_view(*room).substr(0, done);
}

// Whether the compressed file holds the plain one's text, the whole of it that counts.
bool HoldsTheSame(const std::string& plain_path, const std::string& compressed_path,
                  uint64_t limit) {
  auto plain = ArchiveText::Open(plain_path, false, limit);
  auto compressed = ArchiveText::Open(compressed_path, true);
  if (!plain.ok() || !compressed.ok()) return false;
  std::string plain_room;
  std::string compressed_room;
  while (true) {
    const std::string_view expected = ReadPart(&*plain, &plain_room);
    if (ReadPart(&*compressed, &compressed_room) != expected) return false;
    if (!plain->TakeProblem().empty() || !compressed->TakeProblem().empty()) return false;
    if (expected.empty()) return true;
  }
}

// What of the file counts.
uint64_t LimitOf(const std::string& directory, const ArchiveFileName& name) {
  const auto end = FindEnd(directory, name);
  return end && name.kind == ArchiveKind::kRaw ? end->bytes : UINT64_MAX;
}

StepOutcome Remove(const std::string& directory, const std::vector<std::string>& files) {
  const ArchiveLock lock = ArchiveLock::TryAlone(directory);
  if (!lock.ok()) return {Kind::kBusy, "a reader is at work in " + directory, ""};
  // In rising order: whoever is killed here leaves a copy's parts without the first of them, and
  // readers see that they are not all there.
  for (const std::string& file : files) {
    proto::FailPoint::Pass("keeper.before_remove");
    const std::string path = fs::path(directory) / file;
    if (unlink(path.c_str()) != 0 && errno != ENOENT) {
      return Failed(ArchiveError(path, "cannot be removed"));
    }
    proto::FailPoint::Pass("keeper.removed");
  }
  if (proto::Status synced = SyncDirectory(directory); !synced.ok()) return Failed(synced);
  return {Kind::kDone, std::to_string(files.size()) + " files removed, " + files.front() + " first",
          ""};
}

StepOutcome DropPlain(const std::string& directory, const ArchiveFileName& plain) {
  const uint64_t limit = LimitOf(directory, plain);
  const std::string path = directory + "/" + plain.DiskName();
  const bool is_same = HoldsTheSame(path, path + std::string(kZstdSuffix), limit);
  return Remove(directory,
                {is_same ? plain.DiskName() : plain.DiskName() + std::string(kZstdSuffix)});
}

StepOutcome Compress(const std::string& directory, const ArchiveFileName& plain,
                     const std::atomic<bool>* stop) {
  const uint64_t limit = LimitOf(directory, plain);
  const std::string path = directory + "/" + plain.DiskName();
  auto text = ArchiveText::Open(path, false, limit);
  if (!text.ok()) return {Kind::kFailed, "archive " + path + ": " + text.message(), ""};
  ZstdFile file(directory, plain.DiskName() + std::string(kZstdSuffix));
  if (proto::Status opened = file.Open(); !opened.ok()) return Failed(opened);
  proto::FailPoint::Pass("keeper.compress_begun");
  std::string room;
  while (true) {
    if (stop != nullptr && stop->load(std::memory_order_relaxed)) return {Kind::kStopped, "", ""};
    const std::string_view part = ReadPart(&*text, &room);
    if (part.empty()) break;
    if (proto::Status written = file.Write(part); !written.ok()) return Failed(written);
  }
  if (std::string problem = text->TakeProblem(); !problem.empty()) {
    return {Kind::kFailed, "archive " + path + ": " + problem, ""};
  }
  proto::FailPoint::Pass("keeper.compress_written");
  if (proto::Status finished = file.Finish(); !finished.ok()) return Failed(finished);
  proto::FailPoint::Pass("keeper.compress_synced");
  if (!HoldsTheSame(path, file.temporary_path(), limit)) {
    return {Kind::kFailed, "archive " + path + ": does not read back from its compressed form", ""};
  }
  if (proto::Status published = file.Publish(); !published.ok()) return Failed(published);
  proto::FailPoint::Pass("keeper.compress_renamed");
  if (proto::Status synced = SyncDirectory(directory); !synced.ok()) return Failed(synced);
  proto::FailPoint::Pass("keeper.compress_durable");
  StepOutcome outcome = Remove(directory, {plain.DiskName()});
  if (outcome.kind != Kind::kDone) return outcome;
  outcome.text = plain.FileName() + " compressed from " + std::to_string(file.text_bytes()) +
                 " to " + std::to_string(file.disk_bytes()) + " bytes";
  return outcome;
}

}  // namespace

StepOutcome DoArchiveStep(const std::string& directory, const ArchiveStep& step,
                          const std::atomic<bool>* stop) {
  switch (step.action) {
    case ArchiveStep::Action::kDropPlain:
      return DropPlain(directory, step.files.front());
    case ArchiveStep::Action::kCompress:
      return Compress(directory, step.files.front(), stop);
    case ArchiveStep::Action::kCopy:
      return CopyMaker(directory, step, stop).Make();
    case ArchiveStep::Action::kRemove:
      break;
  }
  std::vector<std::string> files;
  files.reserve(step.files.size());
  for (const ArchiveFileName& name : step.files) files.push_back(name.DiskName());
  return Remove(directory, files);
}

proto::Status SweepArchive(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> leftover;
  for (const auto& file : fs::directory_iterator(directory, error)) {
    const std::string name = file.path().filename().string();
    if (name.ends_with(kZstdNewSuffix)) leftover.push_back(name);
  }
  const auto entries = ListArchive(directory);
  if (!entries.ok()) return entries.status();
  const ArchiveChoice choice = Choose(*entries, ArchiveView::kCoarsest);
  for (const ArchiveEntry& entry : *entries) {
    const ArchiveFileName& name = entry.name;
    const bool is_orphan =
        IsDetail(name.kind) &&
        std::any_of(choice.statistics.begin(), choice.statistics.end(), [&](const auto& other) {
          return other.kind == ArchiveKind::kRaw && name.Covers(other);
        });
    if (is_orphan) leftover.push_back(name.DiskName());
  }
  for (const std::string& name : leftover) {
    const std::string path = fs::path(directory) / name;
    if (unlink(path.c_str()) != 0) return ArchiveError(path, "cannot be removed");
  }
  return leftover.empty() ? proto::Status() : SyncDirectory(directory);
}

}  // namespace ringside::aggregator
