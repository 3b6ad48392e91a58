#include "agent/spool.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/fail_points.h"

namespace ringside::agent {
namespace {

using proto::Result;
using proto::Status;

// A file beyond this is closed and the next one begun.
constexpr uint64_t kFileBytes = 8u << 20;
// A file whose frames are all acknowledged is replaced once it is this large.
constexpr uint64_t kReplaceBytes = 1u << 20;

std::vector<std::string> ListSpoolFiles(int directory_fd) {
  std::vector<std::string> names;
  const int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const stream = fd >= 0 ? fdopendir(fd) : nullptr;
  if (stream == nullptr) return names;
  const std::string prefix = kSpoolPrefix;
  while (const dirent* entry = readdir(stream)) {
    const std::string name = entry->d_name;
    if (name.size() == prefix.size() + 20 && name.compare(0, prefix.size(), prefix) == 0) {
      names.push_back(name);
    }
  }
  closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

Result<std::unique_ptr<Spool>> Spool::Open(const std::string& directory, uint64_t limit_bytes) {
  std::unique_ptr<Spool> spool(new Spool(limit_bytes));
  const auto error = [&](const std::string& what) {
    return Status::Error("state directory " + directory + ": " + what);
  };
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return error(std::strerror(errno));
  spool->directory_.Reset(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!spool->directory_.ok()) return error(std::strerror(errno));
  const int lock_flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
  spool->lock_.Reset(openat(spool->directory_.get(), "lock", lock_flags, 0600));
  if (!spool->lock_.ok()) return error(std::strerror(errno));
  if (flock(spool->lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return error("another agent uses it (give each agent its own --state)");
  }
  if (Status status = spool->LoadAgentId(); !status) return error(status.message());
  if (Status status = spool->LoadFiles(); !status) return error(status.message());
  return spool;
}

Status Spool::LoadAgentId() {
  proto::UniqueFd fd(openat(directory_.get(), kAgentIdName, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (fd.ok()) {
    char text[36] = {};
    if (read(fd.get(), text, sizeof text) == sizeof text &&
        proto::ParseUuid({text, sizeof text}, &agent_)) {
      return Status();
    }
  }
  agent_ = proto::NewUuid();
  const std::string text = proto::ToString(agent_) + "\n";
  const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
  fd.Reset(openat(directory_.get(), "agent.uuid.new", flags, 0600));
  // Without it, after a power loss, the spool would be that of a stranger.
  if (!fd.ok() || write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      fsync(fd.get()) != 0 ||
      renameat(directory_.get(), "agent.uuid.new", directory_.get(), kAgentIdName) != 0) {
    return Status::Error(std::string("cannot write agent.uuid: ") + std::strerror(errno));
  }
  (void)fsync(directory_.get());
  return Status();
}

void Spool::SetAside(const std::string& name) {
  ++damaged_files_;
  renameat(directory_.get(), name.c_str(), directory_.get(), (name + ".damaged").c_str());
}

Status Spool::LoadFiles() {
  unlinkat(directory_.get(), "spool.new", 0);
  const std::vector<std::string> names = ListSpoolFiles(directory_.get());
  for (const std::string& name : names) {
    Result<std::unique_ptr<SpoolFile>> file = SpoolFile::Open(directory_.get(), name);
    if (!file || (*file)->agent() != agent_ || SpoolFile::NameOf((*file)->number()) != name) {
      SetAside(name);
      continue;
    }
    if (Status status = AddFile(std::move(*file), name == names.back()); !status) return status;
  }
  if (damaged_files_ > 0) tail_.whole = false;
  Trim();
  return Status();
}

Status Spool::AddFile(std::unique_ptr<SpoolFile> file, bool is_last) {
  Result<SpoolFile::Contents> contents = file->Scan();
  if (!contents) return contents.status();
  const bool continues = tail_.exists && tail_.epoch == file->epoch();
  // Older files of an epoch are removed when they are acknowledged: the first one left may begin
  // anywhere, after that there may be no gap.
  tail_.whole = !continues || (tail_.whole && file->first_sequence() == tail_.last_sequence + 1);
  tail_.exists = true;
  tail_.epoch = file->epoch();
  tail_.last_sequence = file->last_sequence();
  tail_.last_entry_first = contents->last_entry_first;
  if (contents->damaged) {
    // At the very end it is an append that did not come to its end; elsewhere frames are missing,
    // which the next file's first sequence tells.
    if (!is_last) ++damaged_files_;
    if (Status status = file->CutTail(); !status) return status;
  }
  for (const SpoolFile::Frame& frame : contents->frames) {
    if (frame.sequence > file->acked_sequence()) Enqueue(*file, frame);
  }
  next_file_number_ = std::max(next_file_number_, file->number() + 1);
  files_.push_back(std::move(file));
  return Status();
}

void Spool::Enqueue(const SpoolFile& file, const SpoolFile::Frame& frame) {
  pending_.push_back({next_ordinal_++, file.epoch(), file.number(), frame});
}

uint64_t Spool::bytes() const {
  uint64_t total = 0;
  for (const auto& file : files_) total += file->bytes();
  return total;
}

Status Spool::BeginEpoch(uint64_t epoch) {
  Result<std::unique_ptr<SpoolFile>> file =
      SpoolFile::Create(directory_.get(), agent_, next_file_number_, epoch, 1);
  if (!file) return file.status();
  ++next_file_number_;
  files_.push_back(std::move(*file));
  tail_ = {true, true, epoch, 0, 0};
  Trim();
  return Status();
}

Status Spool::Rotate() {
  const SpoolFile& last = *files_.back();
  Result<std::unique_ptr<SpoolFile>> file = SpoolFile::Create(
      directory_.get(), agent_, next_file_number_, last.epoch(), last.last_sequence() + 1);
  if (!file) return file.status();
  FailPoint("spool.rotated");
  ++next_file_number_;
  files_.push_back(std::move(*file));
  return Status();
}

Status Spool::Append(uint64_t first_sequence, const std::vector<std::string>& frames) {
  if (files_.empty() || first_sequence != files_.back()->last_sequence() + 1) {
    return Status::Error("spool: sequence " + std::to_string(first_sequence) + " is out of order");
  }
  const uint64_t file_limit = std::min(kFileBytes, limit_bytes_ / 4);
  const bool is_full =
      files_.back()->bytes() > sizeof(SpoolHeader) && files_.back()->bytes() >= file_limit;
  if (is_full || must_rotate_) {
    if (Status status = Rotate(); !status) return status;
    must_rotate_ = false;
  }
  std::vector<SpoolFile::Frame> placed;
  SpoolFile& file = *files_.back();
  if (Status status = file.Append(first_sequence, frames, &placed); !status) return status;
  for (const SpoolFile::Frame& frame : placed) Enqueue(file, frame);
  tail_.last_sequence = file.last_sequence();
  tail_.last_entry_first = first_sequence;
  return Status();
}

Status Spool::Sync() {
  Status status = files_.back()->Sync();
  if (status && fsync(directory_.get()) != 0) {
    status = Status::Error(std::string("spool: ") + std::strerror(errno));
  }
  must_rotate_ = !status.ok();
  return status;
}

SpoolFile* Spool::FileOf(uint64_t file_number) const {
  for (const auto& file : files_) {
    if (file->number() == file_number) return file.get();
  }
  return nullptr;
}

Result<std::string> Spool::Read(const Pending& pending) const {
  const SpoolFile* const file = FileOf(pending.file_number);
  if (file == nullptr) return Status::Error("spool: no such file");
  return file->ReadFrame(pending.frame);
}

void Spool::SetReaders(unsigned count) {
  readers_ = count;
  first_ordinal_ = {};
  given_up_ = {};
  for (Pending& pending : pending_) pending.acked_by = 0;
}

size_t Spool::FirstFor(unsigned reader) const {
  if (pending_.empty()) return 0;
  const uint64_t front = pending_.front().ordinal;
  return std::max(first_ordinal_[reader], front) - front;
}

uint64_t Spool::Unacknowledged(unsigned reader) const {
  uint64_t count = 0;
  for (size_t i = FirstFor(reader); i < pending_.size(); ++i) {
    count += pending_[i].IsAckedBy(reader) ? 0 : 1;
  }
  return count;
}

size_t Spool::Acknowledge(uint64_t epoch, uint64_t first_sequence, uint64_t last_sequence,
                          unsigned reader) {
  size_t news = 0;
  for (size_t i = FirstFor(reader); i < pending_.size(); ++i) {
    Pending& pending = pending_[i];
    if (pending.epoch != epoch || pending.frame.sequence < first_sequence) continue;
    if (pending.frame.sequence > last_sequence) break;  // sequences rise within an epoch
    if (pending.IsAckedBy(reader)) continue;
    pending.acked_by |= uint32_t{1} << reader;
    ++news;
  }
  if (news == 0) return 0;
  Advance();
  DropAcknowledged();
  return news;
}

void Spool::AcknowledgeAt(uint64_t ordinal, unsigned reader) {
  if (pending_.empty() || ordinal < pending_.front().ordinal) return;
  const uint64_t place = ordinal - pending_.front().ordinal;
  if (place >= pending_.size()) return;
  pending_[place].acked_by |= uint32_t{1} << reader;
  Advance();
  DropAcknowledged();
}

void Spool::Advance() {
  for (unsigned reader = 0; reader < readers_; ++reader) {
    size_t first = FirstFor(reader);
    while (first < pending_.size() && pending_[first].IsAckedBy(reader)) ++first;
    first_ordinal_[reader] = pending_.empty() ? 0 : pending_.front().ordinal + first;
  }
}

void Spool::DropAcknowledged() {
  const uint32_t all = AllReaders();
  SpoolFile* file = nullptr;
  while (!pending_.empty() && pending_.front().acked_by == all) {
    const Pending& front = pending_.front();
    if (file == nullptr || file->number() != front.file_number) file = FileOf(front.file_number);
    const bool last_of_file = pending_.size() == 1 || pending_[1].acked_by != all ||
                              pending_[1].file_number != front.file_number;
    if (last_of_file && file != nullptr) {
      file->SetAcked(front.frame.sequence);
      FailPoint("spool.marked");
    }
    pending_.pop_front();
  }
  Trim();
}

size_t Spool::GiveUp(uint64_t most_bytes) {
  size_t frames = 0;
  while (files_.size() > 1 && !pending_.empty() && bytes() > most_bytes) {
    const uint64_t file = pending_.front().file_number;
    if (file == files_.back()->number()) break;
    bool somebody_has_it = false;
    for (unsigned reader = 0; reader < readers_; ++reader) {
      const size_t first = FirstFor(reader);
      somebody_has_it |= first == pending_.size() || pending_[first].file_number > file;
    }
    if (!somebody_has_it) break;
    for (Pending& pending : pending_) {
      if (pending.file_number != file) break;
      for (unsigned reader = 0; reader < readers_; ++reader) {
        if (!pending.IsAckedBy(reader)) ++given_up_[reader];
      }
      pending.acked_by = AllReaders();
      ++frames;
    }
    Advance();
    DropAcknowledged();
  }
  return frames;
}

void Spool::Trim() {
  const auto acked = [](const SpoolFile& file) {
    return file.acked_sequence() == file.last_sequence();
  };
  if (!files_.empty() && pending_.empty() && acked(*files_.back()) &&
      files_.back()->bytes() >= kReplaceBytes) {
    if (!Rotate()) return;  // the old file serves on
  }
  while (files_.size() > 1 && acked(*files_.front())) {
    unlinkat(directory_.get(), SpoolFile::NameOf(files_.front()->number()).c_str(), 0);
    files_.erase(files_.begin());
    FailPoint("spool.trimmed");
  }
}

}  // namespace ringside::agent
