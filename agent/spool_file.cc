#include "agent/spool_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>

#include "agent/fail_points.h"
#include "proto/checksum.h"
#include "proto/wire_format.h"

namespace ringside::agent {
namespace {

using proto::Result;
using proto::Status;

uint64_t ChecksumOf(const SpoolHeader& header) {
  return proto::Checksum({reinterpret_cast<const char*>(&header), offsetof(SpoolHeader, checksum)});
}

uint64_t ChecksumOf(const SpoolEntryHead& head, std::string_view body) {
  const uint64_t seed =
      proto::Checksum({reinterpret_cast<const char*>(&head), offsetof(SpoolEntryHead, checksum)});
  return proto::Checksum(body, seed);
}

Status FileError(uint64_t number, const char* what) {
  return Status::Error("spool file " + std::to_string(number) + ": " + what + ": " +
                       std::strerror(errno));
}

bool WriteAll(int fd, const char* data, size_t size, uint64_t offset) {
  while (size > 0) {
    const ssize_t written = pwrite(fd, data, size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    data += written;
    size -= static_cast<size_t>(written);
    offset += static_cast<uint64_t>(written);
  }
  return true;
}

bool ReadAll(int fd, char* data, size_t size, uint64_t offset) {
  while (size > 0) {
    const ssize_t count = pread(fd, data, size, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    data += count;
    size -= static_cast<size_t>(count);
    offset += static_cast<uint64_t>(count);
  }
  return true;
}

}  // namespace

std::string SpoolFile::NameOf(uint64_t file_number) {
  char text[32];
  std::snprintf(text, sizeof text, "%s%020llu", kSpoolPrefix,
                static_cast<unsigned long long>(file_number));
  return text;
}

Result<std::unique_ptr<SpoolFile>> SpoolFile::Create(int directory_fd, const proto::Uuid& agent,
                                                     uint64_t file_number, uint64_t epoch,
                                                     uint64_t first_sequence) {
  std::unique_ptr<SpoolFile> file(new SpoolFile);
  SpoolHeader& header = file->header_;
  header.magic = kSpoolMagic;
  header.version = kSpoolVersion;
  std::memcpy(header.agent, agent.bytes.data(), sizeof header.agent);
  header.file_number = file_number;
  header.epoch = epoch;
  header.first_sequence = first_sequence;
  header.acked_sequence = first_sequence - 1;
  header.checksum = ChecksumOf(header);
  const char* const temporary = "spool.new";
  const int flags = O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
  file->fd_.Reset(openat(directory_fd, temporary, flags, 0600));
  if (!file->fd_.ok()) return FileError(file_number, "create");
  if (!WriteAll(file->fd_.get(), reinterpret_cast<const char*>(&header), sizeof header, 0)) {
    return FileError(file_number, "write its header");
  }
  if (renameat(directory_fd, temporary, directory_fd, NameOf(file_number).c_str()) != 0) {
    return FileError(file_number, "rename");
  }
  file->last_sequence_ = first_sequence - 1;
  file->end_ = sizeof header;
  return file;
}

Result<std::unique_ptr<SpoolFile>> SpoolFile::Open(int directory_fd, const std::string& name) {
  std::unique_ptr<SpoolFile> file(new SpoolFile);
  file->fd_.Reset(openat(directory_fd, name.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!file->fd_.ok()) return Status::Error(name + ": " + std::strerror(errno));
  SpoolHeader& header = file->header_;
  if (!ReadAll(file->fd_.get(), reinterpret_cast<char*>(&header), sizeof header, 0)) {
    return Status::Error(name + ": too short");
  }
  if (header.magic != kSpoolMagic || header.version != kSpoolVersion ||
      header.checksum != ChecksumOf(header) || header.first_sequence == 0) {
    return Status::Error(name + ": is no spool file of this version");
  }
  file->last_sequence_ = header.first_sequence - 1;
  file->end_ = sizeof header;
  return file;
}

proto::Uuid SpoolFile::agent() const {
  proto::Uuid uuid;
  std::memcpy(uuid.bytes.data(), header_.agent, sizeof header_.agent);
  return uuid;
}

uint64_t SpoolFile::ScanEntry(uint64_t offset, uint64_t file_bytes, Contents* contents) {
  SpoolEntryHead head{};
  if (file_bytes - offset < sizeof head ||
      !ReadAll(fd_.get(), reinterpret_cast<char*>(&head), sizeof head, offset)) {
    return 0;
  }
  if (head.magic != kSpoolEntryMagic || head.body_bytes > file_bytes - offset - sizeof head ||
      head.first_sequence != last_sequence_ + 1 || head.frame_count == 0 ||
      head.last_sequence - head.first_sequence + 1 != head.frame_count ||
      head.frame_count > head.body_bytes / sizeof(uint32_t)) {
    return 0;
  }
  std::string body(head.body_bytes, '\0');
  if (!ReadAll(fd_.get(), body.data(), body.size(), offset + sizeof head)) return 0;
  if (head.checksum != ChecksumOf(head, body)) return 0;
  std::vector<Frame> frames;
  uint64_t at = 0;
  for (uint32_t i = 0; i < head.frame_count; ++i) {
    uint32_t bytes = 0;
    if (body.size() - at < sizeof bytes) return 0;
    std::memcpy(&bytes, body.data() + at, sizeof bytes);
    at += sizeof bytes;
    if (bytes > body.size() - at) return 0;
    frames.push_back({head.first_sequence + i, offset + sizeof head + at, bytes});
    at += bytes;
  }
  if (at != body.size()) return 0;
  contents->frames.insert(contents->frames.end(), frames.begin(), frames.end());
  contents->last_entry_first = head.first_sequence;
  last_sequence_ = head.last_sequence;
  return sizeof head + head.body_bytes;
}

Result<SpoolFile::Contents> SpoolFile::Scan() {
  struct stat info {};
  if (fstat(fd_.get(), &info) != 0) return FileError(number(), "stat");
  const auto file_bytes = static_cast<uint64_t>(info.st_size);
  Contents contents;
  last_sequence_ = header_.first_sequence - 1;
  end_ = sizeof header_;
  while (end_ < file_bytes) {
    const uint64_t entry = ScanEntry(end_, file_bytes, &contents);
    if (entry == 0) break;
    end_ += entry;
  }
  contents.damaged = end_ != file_bytes;
  // The mark is no part of the checksum: a wrong one may not reach beyond the file.
  if (header_.acked_sequence < first_sequence() - 1 || header_.acked_sequence > last_sequence_) {
    header_.acked_sequence = first_sequence() - 1;
  }
  return contents;
}

Status SpoolFile::CutTail() {
  if (ftruncate(fd_.get(), static_cast<off_t>(end_)) != 0) return FileError(number(), "truncate");
  return Status();
}

Status SpoolFile::Append(uint64_t first_sequence, const std::vector<std::string>& frames,
                         std::vector<Frame>* placed) {
  SpoolEntryHead head{};
  head.magic = kSpoolEntryMagic;
  head.frame_count = static_cast<uint32_t>(frames.size());
  head.first_sequence = first_sequence;
  head.last_sequence = first_sequence + frames.size() - 1;
  size_t body_bytes = 0;
  for (const std::string& frame : frames) body_bytes += sizeof(uint32_t) + frame.size();
  head.body_bytes = body_bytes;
  std::string entry(sizeof head, '\0');
  entry.reserve(sizeof head + body_bytes);
  std::vector<Frame> places;
  for (const std::string& frame : frames) {
    const auto bytes = static_cast<uint32_t>(frame.size());
    entry.append(reinterpret_cast<const char*>(&bytes), sizeof bytes);
    places.push_back({first_sequence + places.size(), end_ + entry.size(), bytes});
    entry += frame;
  }
  head.checksum = ChecksumOf(head, std::string_view(entry).substr(sizeof head));
  std::memcpy(entry.data(), &head, sizeof head);

  const size_t half = entry.size() / 2;
  bool written = WriteAll(fd_.get(), entry.data(), half, end_);
  FailPoint("spool.partial");
  written = written && WriteAll(fd_.get(), entry.data() + half, entry.size() - half, end_ + half);
  if (!written) {
    Status status = FileError(number(), "append");
    if (Status cut = CutTail(); !cut) return cut;
    return status;
  }
  end_ += entry.size();
  last_sequence_ = head.last_sequence;
  placed->insert(placed->end(), places.begin(), places.end());
  return Status();
}

Status SpoolFile::Sync() const {
  return fdatasync(fd_.get()) == 0 ? Status() : FileError(number(), "sync");
}

Result<std::string> SpoolFile::ReadFrame(const Frame& frame) const {
  std::string bytes(frame.bytes, '\0');
  if (!ReadAll(fd_.get(), bytes.data(), bytes.size(), frame.offset)) {
    return FileError(number(), "read");
  }
  return bytes;
}

void SpoolFile::SetAcked(uint64_t sequence) {
  if (sequence <= header_.acked_sequence) return;
  header_.acked_sequence = sequence;
  // Best effort: without the mark the frames are sent once more, and applied once.
  (void)WriteAll(fd_.get(), reinterpret_cast<const char*>(&header_.acked_sequence),
                 sizeof header_.acked_sequence, offsetof(SpoolHeader, acked_sequence));
}

}  // namespace ringside::agent
