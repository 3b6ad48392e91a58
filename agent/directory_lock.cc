#include "agent/directory_lock.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "agent/baseline_format.h"

namespace ringside::agent {

using proto::Result;
using proto::Status;

Result<std::unique_ptr<DirectoryLock>> DirectoryLock::Open(int directory_fd) {
  const auto error = [](const std::string& what) {
    return Status::Error(std::string(kAgentDirectory) + " in the segment directory: " + what);
  };
  std::unique_ptr<DirectoryLock> lock(new DirectoryLock);
  if (mkdirat(directory_fd, kAgentDirectory, 0700) != 0 && errno != EEXIST) {
    return error(std::strerror(errno));
  }
  const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  lock->directory_.Reset(openat(directory_fd, kAgentDirectory, flags));
  struct stat info {};
  if (!lock->directory_.ok() || fstat(lock->directory_.get(), &info) != 0) {
    return error(std::strerror(errno));
  }
  if (info.st_uid != geteuid()) {
    return error("belongs to user " + std::to_string(info.st_uid) +
                 ", whose agent drains this directory (run as that user, or choose another --dir)");
  }
  lock->lock_.Reset(
      openat(lock->directory_.get(), kLockName, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!lock->lock_.ok()) return error(std::strerror(errno));
  return lock;
}

bool DirectoryLock::TryHold() {
  if (held_) return true;
  // flock: of the open file, so two agents in one process exclude each other too.
  if (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) return false;
  held_ = true;
  const std::string text = "pid " + std::to_string(getpid()) + "\n";
  if (ftruncate(lock_.get(), 0) == 0) {
    (void)!pwrite(lock_.get(), text.data(), text.size(), 0);  // only for people
  }
  return true;
}

std::string DirectoryLock::Holder() const {
  char text[32] = {};
  const ssize_t size = pread(lock_.get(), text, sizeof text - 1, 0);
  std::string holder(text, size > 0 ? static_cast<size_t>(size) : 0);
  while (!holder.empty() && holder.back() == '\n') holder.pop_back();
  return holder;
}

}  // namespace ringside::agent
