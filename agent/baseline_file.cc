#include "agent/baseline_file.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>

#include "agent/geometry_check.h"
#include "proto/checksum.h"

namespace ringside::agent {
namespace {

using proto::Result;
using proto::Status;

constexpr uint64_t kPageBytes = 4096;

uint64_t PageUp(uint64_t bytes) { return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes; }

struct SlotLayout {
  uint64_t cursors;
  uint64_t directory;
  uint64_t pool;
  uint64_t bytes;
};

SlotLayout LayoutOf(const BaselineFileHeader& header) {
  SlotLayout layout{};
  layout.cursors = kBaselineSlotBytes;
  layout.directory = PageUp(layout.cursors + header.lane_count * sizeof(LaneCursor));
  layout.pool = PageUp(layout.directory +
                       uint64_t{header.lane_count} * header.series_capacity * sizeof(uint32_t));
  layout.bytes = PageUp(layout.pool + header.pool_bytes);
  return layout;
}

uint64_t ChecksumOf(const BaselineFileHeader& header) {
  return proto::Checksum(
      {reinterpret_cast<const char*>(&header), offsetof(BaselineFileHeader, checksum)});
}

Status FileError(const std::string& name, const char* what) {
  return Status::Error("baseline " + name + ": " + what + ": " + std::strerror(errno));
}

Status CheckHeader(const BaselineFileHeader& header, const proto::Uuid& uuid, uint64_t bytes) {
  if (header.magic != kBaselineMagic || header.version != kBaselineVersion ||
      header.checksum != ChecksumOf(header)) {
    return Status::Error("is none of this version");
  }
  if (std::memcmp(header.uuid, uuid.bytes.data(), sizeof header.uuid) != 0) {
    return Status::Error("belongs to another producer");
  }
  if (header.lane_count > kMaxLanes || header.series_capacity > kMaxSeries ||
      header.pool_bytes > kMaxSegmentBytes || kPageBytes + 2 * LayoutOf(header).bytes != bytes) {
    return Status::Error("has an absurd size");
  }
  return Status();
}

}  // namespace

std::string BaselineFile::NameOf(const proto::Uuid& uuid) {
  return proto::ToString(uuid) + kBaselineSuffix;
}

Result<std::unique_ptr<BaselineFile>> BaselineFile::Create(int agent_directory_fd,
                                                           const proto::Uuid& uuid,
                                                           const proto::Geometry& geometry,
                                                           uint64_t committed) {
  const std::string name = NameOf(uuid);
  const std::string temporary = name + ".new";
  std::unique_ptr<BaselineFile> file(new BaselineFile);
  file->directory_fd_ = agent_directory_fd;
  file->name_ = name;
  const int flags = O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
  file->fd_.Reset(openat(agent_directory_fd, temporary.c_str(), flags, 0600));
  if (!file->fd_.ok()) return FileError(name, "create");
  BaselineFileHeader header{};
  header.magic = kBaselineMagic;
  header.version = kBaselineVersion;
  header.lane_count = geometry.lane_count;
  std::memcpy(header.uuid, uuid.bytes.data(), sizeof header.uuid);
  header.series_capacity = geometry.series_capacity;
  header.pool_bytes = geometry.pool_bytes;
  header.checksum = ChecksumOf(header);
  const uint64_t bytes = kPageBytes + 2 * LayoutOf(header).bytes;
  if (ftruncate(file->fd_.get(), static_cast<off_t>(bytes)) != 0) {
    return FileError(name, "set its size");
  }
  if (pwrite(file->fd_.get(), &header, sizeof header, 0) != sizeof header) {
    return FileError(name, "write");
  }
  if (Status status = file->MapFile(header); !status) return status;
  for (const SlotImage& slot : file->slots_) {
    const uint64_t fixed = kBaselineSlotBytes + header.lane_count * sizeof(LaneCursor);
    if (Status status = file->Allocate(slot.head, fixed); !status) {
      unlinkat(agent_directory_fd, temporary.c_str(), 0);
      return status;
    }
  }
  file->slots_[0].head->tag.store(committed, std::memory_order_relaxed);
  return file;
}

void BaselineFile::Adopt(uint64_t committed) {
  valid().head->tag.store(0, std::memory_order_relaxed);
  Tag(committed);
  Flip();
}

Status BaselineFile::Publish() {
  const std::string temporary = name_ + ".new";
  if (renameat(directory_fd_, temporary.c_str(), directory_fd_, name_.c_str()) != 0) {
    return FileError(name_, "rename");
  }
  return Status();
}

Result<std::unique_ptr<BaselineFile>> BaselineFile::Open(int agent_directory_fd,
                                                         const proto::Uuid& uuid,
                                                         uint64_t committed) {
  const std::string name = NameOf(uuid);
  std::unique_ptr<BaselineFile> file(new BaselineFile);
  file->fd_.Reset(openat(agent_directory_fd, name.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!file->fd_.ok()) return FileError(name, "open");
  struct stat info {};
  if (fstat(file->fd_.get(), &info) != 0) return FileError(name, "stat");
  BaselineFileHeader header{};
  if (pread(file->fd_.get(), &header, sizeof header, 0) != sizeof header) {
    return Status::Error("baseline " + name + ": too short");
  }
  if (Status status = CheckHeader(header, uuid, static_cast<uint64_t>(info.st_size)); !status) {
    return Status::Error("baseline " + name + ": " + status.message());
  }
  if (Status status = file->MapFile(header); !status) return status;
  uint64_t best = 0;
  for (int i = 0; i < 2; ++i) {
    std::atomic<uint64_t>& tag = file->slots_[i].head->tag;
    // An abandoned copy must not become valid when a later commit reaches its number.
    if (tag.load(std::memory_order_relaxed) > committed) tag.store(0, std::memory_order_relaxed);
    const uint64_t value = tag.load(std::memory_order_relaxed);
    if (value > best) {
      best = value;
      file->valid_ = i;
    }
  }
  if (best == 0) return Status::Error("baseline " + name + ": no valid slot");
  return file;
}

Status BaselineFile::MapFile(const BaselineFileHeader& header) {
  const SlotLayout layout = LayoutOf(header);
  Result<Mapping> mapping =
      Mapping::Map(fd_.get(), 0, kPageBytes + 2 * layout.bytes, PROT_READ | PROT_WRITE);
  if (!mapping) return mapping.status();
  mapping_ = std::move(*mapping);
  lane_count_ = header.lane_count;
  for (uint64_t i = 0; i < 2; ++i) {
    std::byte* const base = mapping_.data() + kPageBytes + i * layout.bytes;
    SlotImage& slot = slots_[i];
    slot.head = reinterpret_cast<BaselineSlot*>(base);
    slot.cursors = reinterpret_cast<LaneCursor*>(base + layout.cursors);
    slot.directory = reinterpret_cast<uint32_t*>(base + layout.directory);
    slot.pool = base + layout.pool;
    slot.series_capacity = header.series_capacity;
    slot.pool_bytes = header.pool_bytes;
  }
  return Status();
}

bool BaselineFile::Matches(const proto::Geometry& geometry) const {
  return geometry.lane_count == lane_count_ &&
         geometry.series_capacity == slots_[0].series_capacity &&
         geometry.pool_bytes == slots_[0].pool_bytes;
}

Status BaselineFile::Allocate(const void* from, uint64_t bytes) {
  if (bytes == 0) return Status();
  const auto offset = static_cast<const std::byte*>(from) - mapping_.data();
  int result = 0;
  do {
    result = fallocate(fd_.get(), 0, offset, static_cast<off_t>(bytes));
  } while (result != 0 && errno == EINTR);
  if (result == 0) return Status();
  return Status::Error(std::string("no room for the baseline: ") + std::strerror(errno) +
                       " (free some of the segments' tmpfs)");
}

Status BaselineFile::Reserve(uint32_t lanes_used, uint32_t series_count, uint64_t pool_used) {
  const SlotImage& slot = idle();
  Extent& have = allocated_[1 - valid_];
  slot.head->tag.store(0, std::memory_order_relaxed);
  if (lanes_used > have.lanes || series_count > have.series) {
    for (uint32_t lane = 0; lane < lanes_used; ++lane) {
      const uint32_t* row = slot.directory + uint64_t{lane} * slot.series_capacity;
      if (Status s = Allocate(row, uint64_t{series_count} * sizeof *row); !s) return s;
    }
    have.lanes = lanes_used;
    have.series = series_count;
  }
  if (pool_used > have.pool) {
    if (Status s = Allocate(slot.pool + have.pool, pool_used - have.pool); !s) return s;
    have.pool = pool_used;
  }
  return Status();
}

void BaselineFile::Tag(uint64_t position) {
  idle().head->tag.store(position, std::memory_order_relaxed);
}

void BaselineFile::Untag() { idle().head->tag.store(0, std::memory_order_relaxed); }

}  // namespace ringside::agent
