#include "probe/directory.h"

#include <cerrno>
#include <cstdarg>
#include <cstdio>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/segment_format.h"

namespace ringside::probe {
namespace {

constexpr const char* kSharedDefault = "/dev/shm/ringside";
constexpr int kOpenFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;

// Root made it for all users of the host.
bool IsSharedDefault(const struct stat& info) noexcept {
  return S_ISDIR(info.st_mode) && info.st_uid == 0 && (info.st_mode & S_ISVTX) != 0;
}

void ChoosePath(const Settings& settings, Directory* directory) noexcept {
  if (!settings.directory.empty()) {
    directory->path.Set(settings.directory.view());
    return;
  }
  struct stat info {};
  if (lstat(kSharedDefault, &info) == 0 && IsSharedDefault(info)) {
    directory->path.Set(kSharedDefault);
    return;
  }
  char own[64];
  snprintf(own, sizeof own, "%s-%u", kSharedDefault, static_cast<unsigned>(geteuid()));
  directory->path.Set(own);
}

bool CheckDirectory(const Directory& directory, ErrorText* error) noexcept {
  const char* path = directory.path.c_str();
  struct stat info {};
  struct statfs filesystem {};
  if (fstat(directory.fd.get(), &info) != 0 || fstatfs(directory.fd.get(), &filesystem) != 0) {
    FormatError(error, "cannot look at %s: errno %d", path, errno);
    return false;
  }
  if (filesystem.f_type != TMPFS_MAGIC) {
    FormatError(error, "%s is not on a tmpfs: set RINGSIDE_DIR to a directory under /dev/shm",
                path);
    return false;
  }
  if (info.st_uid != geteuid() && info.st_uid != 0) {
    FormatError(error, "%s belongs to user %u: set RINGSIDE_DIR to a directory of your own", path,
                static_cast<unsigned>(info.st_uid));
    return false;
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (info.st_mode & S_ISVTX) == 0) {
    FormatError(error, "%s can be changed by others (mode %o): chmod 0700 or 1777", path,
                static_cast<unsigned>(info.st_mode & 07777u));
    return false;
  }
  return true;
}

// What getdents64 returns.
struct DirectoryEntry {
  uint64_t inode;
  int64_t offset;
  uint16_t size;
  uint8_t type;
  char name[1];
};

bool IsSegmentName(std::string_view name) noexcept {
  const std::string_view suffix = proto::kSegmentSuffix;
  return name.size() > suffix.size() && name.substr(name.size() - suffix.size()) == suffix;
}

struct Usage {
  uint64_t segments = 0;
  uint64_t bytes = 0;
};

// Without opendir, which would allocate. Stops counting beyond `max_segments`.
Usage MeasureUsage(int directory_fd, uint64_t max_segments) noexcept {
  Usage usage;
  Descriptor fd{openat(directory_fd, ".", kOpenFlags)};
  alignas(DirectoryEntry) char buffer[8192];
  for (;;) {
    const long size = fd ? syscall(SYS_getdents64, fd.get(), buffer, sizeof buffer) : 0;
    if (size <= 0) return usage;
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const DirectoryEntry*>(buffer + at);
      at += entry->size;
      if (!IsSegmentName(entry->name)) continue;
      struct stat info {};
      if (fstatat(directory_fd, entry->name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
      usage.bytes += static_cast<uint64_t>(info.st_blocks) * 512;
      if (++usage.segments > max_segments) return usage;
    }
  }
}

}  // namespace

void FormatError(ErrorText* error, const char* format, ...) noexcept {
  char buffer[1400];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(buffer, sizeof buffer, format, arguments);
  va_end(arguments);
  error->Set(buffer);
}

bool OpenDirectory(const Settings& settings, Directory* directory, ErrorText* error) noexcept {
  ChoosePath(settings, directory);
  const char* path = directory->path.c_str();
  directory->fd = Descriptor{open(path, kOpenFlags)};
  if (!directory->fd && errno == ENOENT && (mkdir(path, 0700) == 0 || errno == EEXIST)) {
    directory->fd = Descriptor{open(path, kOpenFlags)};
  }
  if (!directory->fd) {
    const int reason = errno;
    FormatError(error, "cannot open the segment directory %s: %s (set RINGSIDE_DIR)", path,
                reason == ENOTDIR || reason == ELOOP ? "not a directory"
                : reason == EACCES                   ? "permission denied"
                : reason == ENOENT                   ? "its parent does not exist"
                : reason == EROFS                    ? "read-only file system"
                : reason == EMFILE                   ? "too many open files"
                                                     : "not possible");
    return false;
  }
  return CheckDirectory(*directory, error);
}

bool HasRoom(const Directory& directory, const Settings& settings, ErrorText* error) noexcept {
  const char* path = directory.path.c_str();
  struct statfs filesystem {};
  if (fstatfs(directory.fd.get(), &filesystem) != 0) return true;
  // A tmpfs without a size limit reports no blocks.
  const uint64_t total = static_cast<uint64_t>(filesystem.f_blocks) * filesystem.f_bsize;
  const uint64_t free = static_cast<uint64_t>(filesystem.f_bavail) * filesystem.f_bsize;
  if (free < total / 4) {
    FormatError(error, "%s has less than a quarter of its %llu MiB free: make room", path,
                static_cast<unsigned long long>(total >> 20));
    return false;
  }
  const Usage usage = MeasureUsage(directory.fd.get(), settings.max_segments);
  if (usage.segments >= settings.max_segments) {
    FormatError(error, "%s holds %llu segments already: start an agent, or delete old ones", path,
                static_cast<unsigned long long>(usage.segments));
    return false;
  }
  if (total > 0 && usage.bytes > total / 4) {
    FormatError(
        error, "the segments in %s fill a quarter of it: start an agent, or delete old ones", path);
    return false;
  }
  return true;
}

}  // namespace ringside::probe
