#include "aggregator/data_directory.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringside::aggregator {
namespace {

proto::Status Failed(const std::string& path, const std::string& why) {
  return proto::Status::Error("data directory " + path + ": " + why +
                              " (name another with --data)");
}

// Parents as usual, the last one for us alone.
proto::Status Make(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path parent = fs::path(path).parent_path();
  if (!parent.empty()) fs::create_directories(parent, error);
  if (error) return Failed(path, "cannot be made: " + error.message());
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return Failed(path, std::string("cannot be made: ") + strerror(errno));
  }
  if (!fs::is_directory(path, error)) return Failed(path, "is no directory");
  return {};
}

std::string HolderOf(int lock) {
  std::array<char, 32> pid{};
  if (pread(lock, pid.data(), pid.size() - 1, 0) <= 0) return "another process";
  return "pid " + std::string(pid.data(), strcspn(pid.data(), "\n"));
}

}  // namespace

proto::Result<DataDirectory> DataDirectory::Open(const std::string& path) {
  for (const std::string& directory : {path, path + "/archive"}) {
    if (proto::Status made = Make(directory); !made.ok()) return made;
    if (access(directory.c_str(), R_OK | W_OK | X_OK) != 0) {
      return Failed(directory, std::string("cannot be written: ") + strerror(errno));
    }
  }
  const std::string file = path + "/aggregator.lock";
  proto::UniqueFd lock(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.ok()) return Failed(path, std::string("cannot be written: ") + strerror(errno));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return Failed(path, "an aggregator is already running on it, " + HolderOf(lock.get()));
  }
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(lock.get(), 0) != 0 ||
      pwrite(lock.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return Failed(path, std::string("cannot be written: ") + strerror(errno));
  }
  return DataDirectory(path, std::move(lock));
}

bool DataDirectory::IsServed(const std::string& path) {
  const std::string file = path + "/aggregator.lock";
  const proto::UniqueFd lock(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  return lock.ok() && flock(lock.get(), LOCK_SH | LOCK_NB) != 0;
}

}  // namespace ringside::aggregator
