#include "aggregator/archive_writer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "aggregator/zstd_file.h"
#include "proto/fail_point.h"
#include "proto/version.h"

namespace ringside::aggregator {
namespace {

constexpr uint64_t kDayNs = 24ull * 3600 * 1000000000ull;

// Every file defines its series anew: one that has hardly more than definitions goes on until they
// are this part of it, but not beyond so many times its size.
constexpr uint64_t kDefinitionPart = 12;
constexpr uint64_t kMostTimes = 12;

}  // namespace

ArchiveWriter::ArchiveWriter(ArchiveWriterOptions options, ArchivePosition position)
    : options_(std::move(options)), position_(std::move(position)) {}

proto::Status ArchiveWriter::Open(const AppliedSets& applied, uint64_t now_unix_ns) {
  return OpenFile(applied, now_unix_ns);
}

proto::Status ArchiveWriter::Commit(const Batches& batches, const AppliedSets& applied,
                                    uint64_t now_unix_ns) {
  const proto::Status written = Write(batches, applied, now_unix_ns);
  return written.ok() ? Finish(Sync(), batches, applied, now_unix_ns) : written;
}

proto::Status ArchiveWriter::Write(const Batches& batches, const AppliedSets& applied,
                                   uint64_t now_unix_ns) {
  if (file_ && MustRotate(now_unix_ns)) CloseFile();
  may_begin_anew_ = file_.has_value();
  if (!file_) {
    if (proto::Status opened = OpenFile(applied, now_unix_ns); !opened.ok()) return opened;
  }
  const proto::Status appended = Append(batches);
  return appended.ok() ? appended : AppendAnew(appended, batches, applied, now_unix_ns);
}

proto::Status ArchiveWriter::Sync() const {
  proto::FailPoint::Pass("archive.before_sync");
  if (fdatasync(file_->fd.get()) != 0) return ArchiveError(path(), "cannot be made durable");
  proto::FailPoint::Pass("archive.synced");
  return {};
}

proto::Status ArchiveWriter::Finish(const proto::Status& synced, const Batches& batches,
                                    const AppliedSets& applied, uint64_t now_unix_ns) {
  if (!synced.ok()) {
    proto::Status again = AppendAnew(synced, batches, applied, now_unix_ns);
    if (!again.ok()) return again;
    if (again = Sync(); !again.ok()) {
      GiveUpFile();
      return again;
    }
  }
  file_->durable_bytes = file_->size;
  file_->durable_chain = file_->written_chain;
  file_->has_batches = true;
  return {};
}

proto::Status ArchiveWriter::AppendAnew(const proto::Status& why, const Batches& batches,
                                        const AppliedSets& applied, uint64_t now_unix_ns) {
  GiveUpFile();
  if (!std::exchange(may_begin_anew_, false)) return why;
  if (!OpenFile(applied, now_unix_ns).ok()) return why;
  proto::Status again = Append(batches);
  if (!again.ok()) GiveUpFile();
  return again;
}

bool ArchiveWriter::MustRotate(uint64_t now_unix_ns) const {
  if (!file_->has_batches) return false;
  const uint64_t worth = file_->lines.definition_bytes() * kDefinitionPart;
  const uint64_t full =
      std::clamp(worth, options_.rotate_bytes, options_.rotate_bytes * kMostTimes);
  return file_->size >= full || now_unix_ns / kDayNs != file_->day ||
         file_->lines.series_count() >= options_.rotate_series;
}

proto::Status ArchiveWriter::WriteHead(const std::string& new_path, const std::string& line,
                                       int* fd) {
  unlink(new_path.c_str());
  proto::UniqueFd file(
      open(new_path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600));
  if (!file.ok()) return ArchiveError(new_path, "cannot be made");
  if (!WriteAll(file.get(), line)) return ArchiveError(new_path, "cannot be written");
  if (fdatasync(file.get()) != 0) return ArchiveError(new_path, "cannot be made durable");
  *fd = file.Release();
  return {};
}

proto::Status ArchiveWriter::OpenFile(const AppliedSets& applied, uint64_t now_unix_ns) {
  const ArchiveFileName name = MakeArchiveFileName(now_unix_ns, position_.next_number);
  ArchiveHead head;
  head.software_version = proto::kVersion;
  head.created_unix_ns = now_unix_ns;
  head.previous = position_.link;
  head.applied = applied;
  const std::string line = HeadLine(name, &head);

  const std::string path = options_.directory + "/" + name.FileName();
  const std::string new_path =
      options_.directory + "/" + name.stem + std::string(kArchiveNewSuffix);
  int fd = -1;
  proto::Status status = WriteHead(new_path, line, &fd);
  proto::UniqueFd file(fd);
  proto::FailPoint::Pass("archive.head_written");
  if (status.ok() && rename(new_path.c_str(), path.c_str()) != 0) {
    status = ArchiveError(path, "cannot be made");
  }
  if (!status.ok()) {
    const int error = errno;
    unlink(new_path.c_str());
    errno = error;
    return status;
  }
  proto::FailPoint::Pass("archive.renamed");
  if (status = SyncDirectory(options_.directory); !status.ok()) {
    unlink(path.c_str());
    return status;
  }
  proto::FailPoint::Pass("archive.opened");

  file_.emplace(File{name, std::move(file), ArchiveLines(name.stem, expected_series_),
                     position_.link, now_unix_ns / kDayNs, line.size(), line.size(), head.chain,
                     head.chain});
  ++position_.next_number;
  ++file_count_;
  return {};
}

// One write a batch.
proto::Status ArchiveWriter::Append(const Batches& batches) {
  uint64_t chain = file_->durable_chain;
  for (const proto::Batch* batch : batches) {
    text_.clear();
    chain = file_->lines.Append(*batch, chain, &text_);
    proto::FailPoint::Pass("archive.before_append");
    if (proto::FailPoint::Wants("archive.half_appended")) HalfAppend();
    if (!WriteAll(file_->fd.get(), text_)) return ArchiveError(path(), "cannot be written");
    file_->size += text_.size();
    proto::FailPoint::Pass("archive.appended");
  }
  file_->written_chain = chain;
  return {};
}

// A kill in the middle of a write. The half that a test survives is taken back.
void ArchiveWriter::HalfAppend() {
  const std::string_view half = std::string_view(text_).substr(0, text_.size() / 2);
  if (!WriteAll(file_->fd.get(), half)) return;
  proto::FailPoint::Pass("archive.half_appended");
  if (ftruncate(file_->fd.get(), static_cast<off_t>(file_->size)) != 0) return;
}

ArchivePosition ArchiveWriter::Close() {
  if (file_ && file_->has_batches) CloseFile();
  if (file_) GiveUpFile();
  return position_;
}

void ArchiveWriter::CloseFile() {
  position_.link = {file_->name.FileName(), file_->durable_bytes, file_->durable_chain};
  expected_series_ = file_->lines.series_count();
  file_.reset();
}

// Cuts off what is not known to be durable, so that nobody reads it as if it were. Nothing depends
// on that: the next file's head says where this one ends. So it is not synced, which after a failed
// sync would prove nothing.
void ArchiveWriter::GiveUpFile() {
  static_cast<void>(ftruncate(file_->fd.get(), static_cast<off_t>(file_->durable_bytes)));
  if (file_->has_batches) {
    CloseFile();
    return;
  }
  // Only a head: whoever retries on a full disk must not leave a file each time.
  const std::string headed = path();
  position_.link = file_->previous;
  file_.reset();
  // Numbers have no gaps: readers see by them that a copy's parts are all there.
  if (unlink(headed.c_str()) == 0) --position_.next_number;
}

}  // namespace ringside::aggregator
