#include "agent/directory_watch.h"

#include <cerrno>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>

namespace ringside::agent {
namespace {

constexpr const char* kNoTmpfs = "is not on tmpfs (choose one below /dev/shm)";

}  // namespace

using proto::Result;
using proto::Status;

std::vector<std::string> ListNames(int fd, const std::string& suffix) {
  std::vector<std::string> names;
  const int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const stream = copy >= 0 ? fdopendir(copy) : nullptr;
  if (stream == nullptr) return names;
  while (const dirent* entry = readdir(stream)) {
    const std::string name = entry->d_name;
    if (name.size() > suffix.size() &&
        name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0) {
      names.push_back(name);
    }
  }
  closedir(stream);
  return names;
}

Result<std::unique_ptr<DirectoryWatch>> DirectoryWatch::Open(const std::string& path) {
  const auto error = [&](const std::string& what) {
    return Status::Error("segment directory " + path + ": " + what);
  };
  std::unique_ptr<DirectoryWatch> watch(new DirectoryWatch);
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return error(std::strerror(errno));
  watch->directory_.Reset(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!watch->directory_.ok()) return error(std::strerror(errno));
  struct statfs file_system {};
  if (fstatfs(watch->directory_.get(), &file_system) != 0) return error(std::strerror(errno));
  if (static_cast<unsigned long>(file_system.f_type) != TMPFS_MAGIC) {
    return error(kNoTmpfs);
  }
  watch->inotify_.Reset(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  // Without it new segments are found a rescan later.
  if (watch->inotify_.ok()) {
    inotify_add_watch(watch->inotify_.get(), path.c_str(), IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
  }
  return watch;
}

Status DirectoryWatch::Check(const std::string& path) {
  const auto error = [&](const std::string& what) {
    return Status::Error("segment directory " + path + ": " + what);
  };
  // One that is not there may be mounted by the time that the agent starts.
  struct stat info {};
  if (stat(path.c_str(), &info) != 0)
    return errno == ENOENT ? Status() : error(std::strerror(errno));
  if (!S_ISDIR(info.st_mode)) return error(std::strerror(ENOTDIR));
  struct statfs file_system {};
  if (statfs(path.c_str(), &file_system) != 0) return error(std::strerror(errno));
  const bool is_tmpfs = static_cast<unsigned long>(file_system.f_type) == TMPFS_MAGIC;
  return is_tmpfs ? Status() : error(kNoTmpfs);
}

bool DirectoryWatch::Changed() {
  alignas(inotify_event) char events[4096];
  bool changed = false;
  while (inotify_.ok() && read(inotify_.get(), events, sizeof events) > 0) changed = true;
  return changed;
}

}  // namespace ringside::agent
