#include "cli/running_file.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringside::cli {
namespace {

constexpr const char* kFileName = "running";

proto::Status Unwritable(const std::string& directory, const std::string& reason) {
  return proto::Status::Error("data directory " + directory + ": " + reason +
                              " (name another with --data DIR)");
}

// Directories that are made get 0700: archives hold what workers attach to their requests.
proto::Status MakeDirectory(const std::string& directory) {
  std::error_code error;
  if (std::filesystem::is_directory(directory, error)) {
    return {};
  }
  std::filesystem::path parent = std::filesystem::path(directory).parent_path();
  if (!parent.empty()) {
    std::filesystem::create_directories(parent, error);
    if (error) {
      return Unwritable(directory, error.message());
    }
  }
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return Unwritable(directory, std::strerror(errno));
  }
  return {};
}

}  // namespace

RunningFile::~RunningFile() {
  if (descriptor_ >= 0) {
    unlink(path_.c_str());
    close(descriptor_);
  }
}

proto::Status RunningFile::Claim(const std::string& data_dir) {
  if (const proto::Status made = MakeDirectory(data_dir); !made.ok()) {
    return made;
  }
  const std::string path = std::filesystem::path(data_dir) / kFileName;
  while (true) {
    const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) {
      return Unwritable(data_dir, std::strerror(errno));
    }
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
      std::array<char, 256> holder{};
      const ssize_t bytes = pread(descriptor, holder.data(), holder.size(), 0);
      close(descriptor);
      std::string text(holder.data(), bytes > 0 ? static_cast<size_t>(bytes) : 0);
      text.erase(text.find_last_not_of('\n') + 1);
      return proto::Status::Error("already running" + (text.empty() ? text : ", " + text) +
                                  " (data directory " + data_dir + ")");
    }
    // The holder before us may have unlinked the file between our open and our lock.
    struct stat locked {};
    struct stat named {};
    if (fstat(descriptor, &locked) == 0 && stat(path.c_str(), &named) == 0 &&
        locked.st_ino == named.st_ino && locked.st_dev == named.st_dev) {
      path_ = path;
      descriptor_ = descriptor;
      return Announce("");
    }
    close(descriptor);
  }
}

bool RunningFile::IsAbandoned(const std::string& directory) {
  const std::string path = std::filesystem::path(directory) / kFileName;
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) {
    return false;
  }
  // Empty: just being made, not locked yet. Our trying the lock must not make its owner fail.
  char first = 0;
  const bool announced = pread(descriptor, &first, 1, 0) == 1;
  const bool abandoned = announced && flock(descriptor, LOCK_EX | LOCK_NB) == 0;
  close(descriptor);
  return abandoned;
}

proto::Status RunningFile::Announce(const std::string& url) {
  const std::string text =
      "pid " + std::to_string(getpid()) + (url.empty() ? url : ", " + url) + "\n";
  if (ftruncate(descriptor_, 0) != 0 ||
      pwrite(descriptor_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return proto::Status::Error(path_ + ": " + std::strerror(errno));
  }
  return {};
}

}  // namespace ringside::cli
