#include "agent/control_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>

#include "proto/checksum.h"
#include "proto/unique_fd.h"

namespace ringside::agent {
namespace {

using proto::Result;
using proto::Status;

constexpr const char* kTemporary = "control.new";

uint64_t ChecksumOf(const ControlFormat& format) {
  return proto::Checksum(
      {reinterpret_cast<const char*>(&format), offsetof(ControlFormat, checksum)});
}

Status FileError(const char* what) {
  return Status::Error(std::string("control file: ") + what + ": " + std::strerror(errno));
}

}  // namespace

std::string ReadBootId() {
  proto::UniqueFd fd(open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  char text[40] = {};
  const ssize_t size = fd.ok() ? read(fd.get(), text, sizeof text - 1) : 0;
  std::string id(text, static_cast<size_t>(std::max<ssize_t>(size, 0)));
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id.empty() ? "unknown" : id;
}

Result<std::unique_ptr<ControlFile>> ControlFile::Open(int agent_directory_fd) {
  proto::UniqueFd fd(openat(agent_directory_fd, kControlName, O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.ok()) return FileError("open");
  struct stat info {};
  if (fstat(fd.get(), &info) != 0 || info.st_size != sizeof(ControlFormat)) {
    return Status::Error("control file: wrong size");
  }
  Result<Mapping> mapping =
      Mapping::Map(fd.get(), 0, sizeof(ControlFormat), PROT_READ | PROT_WRITE);
  if (!mapping) return mapping.status();
  std::unique_ptr<ControlFile> file(new ControlFile);
  file->mapping_ = std::move(*mapping);
  file->format_ = reinterpret_cast<ControlFormat*>(file->mapping_.data());
  const ControlFormat& format = *file->format_;
  if (format.magic != kControlMagic || format.version != kBaselineVersion ||
      format.bytes != sizeof(ControlFormat) || format.checksum != ChecksumOf(format)) {
    return Status::Error("control file: is none of this version");
  }
  Identity& identity = file->identity_;
  std::memcpy(identity.agent.bytes.data(), format.agent, sizeof format.agent);
  std::memcpy(identity.self.bytes.data(), format.self, sizeof format.self);
  identity.self_started_unix_ns = format.self_started_unix_ns;
  identity.epoch = format.epoch;
  identity.epoch_base = format.epoch_base;
  identity.boot_id.assign(format.boot_id, strnlen(format.boot_id, sizeof format.boot_id));
  if (file->committed() < identity.epoch_base || file->prepared() < file->committed()) {
    return Status::Error("control file: impossible positions");
  }
  file->PickValid();
  return file;
}

Result<std::unique_ptr<ControlFile>> ControlFile::Create(int agent_directory_fd,
                                                         const Identity& identity,
                                                         uint64_t interval_end_unix_ns) {
  ControlFormat format{};
  format.magic = kControlMagic;
  format.version = kBaselineVersion;
  format.bytes = sizeof format;
  std::snprintf(format.boot_id, sizeof format.boot_id, "%s", identity.boot_id.c_str());
  std::memcpy(format.agent, identity.agent.bytes.data(), sizeof format.agent);
  std::memcpy(format.self, identity.self.bytes.data(), sizeof format.self);
  format.self_started_unix_ns = identity.self_started_unix_ns;
  format.epoch = identity.epoch;
  format.epoch_base = identity.epoch_base;
  format.checksum = ChecksumOf(format);
  format.committed.store(identity.epoch_base, std::memory_order_relaxed);
  format.prepared.store(identity.epoch_base, std::memory_order_relaxed);
  format.self_slots[0] = {identity.epoch_base, 0, interval_end_unix_ns, 0};
  {
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
    proto::UniqueFd fd(openat(agent_directory_fd, kTemporary, flags, 0600));
    if (!fd.ok()) return FileError("create");
    if (write(fd.get(), &format, sizeof format) != sizeof format) return FileError("write");
  }
  if (renameat(agent_directory_fd, kTemporary, agent_directory_fd, kControlName) != 0) {
    return FileError("rename");
  }
  return Open(agent_directory_fd);
}

void ControlFile::PickValid() {
  uint64_t best = 0;
  for (int i = 0; i < 2; ++i) {
    const uint64_t tag = format_->self_slots[i].tag;
    if (tag > committed() || tag < best) continue;
    best = tag;
    valid_ = i;
  }
}

void ControlFile::WriteIdle(uint64_t position, uint64_t recorded, uint64_t interval_end_unix_ns) {
  SelfSlot& slot = format_->self_slots[1 - valid_];
  slot.recorded = recorded;
  slot.interval_end_unix_ns = interval_end_unix_ns;
  slot.tag = position;
}

void ControlFile::Prepare(uint64_t position) {
  format_->prepared.store(position, std::memory_order_relaxed);
}

void ControlFile::Flip(uint64_t position) {
  // No reader but a later agent: the kernel keeps the order of one process's stores for it.
  format_->committed.store(position, std::memory_order_relaxed);
  valid_ = 1 - valid_;
}

void ControlFile::Abandon() {
  for (SelfSlot& slot : format_->self_slots) {
    if (slot.tag > committed()) slot.tag = 0;
  }
  format_->prepared.store(committed(), std::memory_order_relaxed);
}

void ControlFile::CompleteFlip(uint64_t position) {
  format_->prepared.store(position, std::memory_order_relaxed);
  format_->committed.store(position, std::memory_order_relaxed);
  PickValid();
}

}  // namespace ringside::agent
