#include "aggregator/alerts_log.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aggregator/zstd_file.h"

namespace ringside::aggregator {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxWaiting = 10'000;

}  // namespace

AlertsLog::~AlertsLog() {
  Flush();
  Close();
}

void AlertsLog::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

void AlertsLog::Add(std::string line) {
  if (waiting_.size() == kMaxWaiting) {
    waiting_.pop_front();
    ++dropped_;
  }
  line.push_back('\n');
  waiting_.push_back(std::move(line));
}

void AlertsLog::Flush() {
  if (waiting_.empty() || path_.empty()) {
    waiting_.clear();
    return;
  }
  std::string bytes;
  for (const std::string& line : waiting_) bytes += line;
  proto::Status status = Open();
  if (status.ok() && IsFull()) {
    Rotate();
    status = Open();
  }
  if (status.ok()) status = Write(bytes);
  if (!status.ok()) {
    if (!failing_) spdlog::error("{}; tried again with every evaluation", status.message());
    failing_ = true;
    Close();
    return;
  }
  if (failing_) spdlog::info("{}: is written again ({} lines were lost)", path_, dropped_);
  failing_ = false;
  dropped_ = 0;
  waiting_.clear();
}

proto::Status AlertsLog::Open() {
  if (fd_ >= 0) return {};
  fd_ = open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (fd_ < 0) return proto::Status::Error(path_ + ": " + std::strerror(errno));
  // A line that a crash cut off must not swallow the next one.
  struct stat file {};
  char last = '\n';
  if (fstat(fd_, &file) == 0 && file.st_size == 0)
    return SyncDirectory(fs::absolute(path_).parent_path().string());
  if (fstat(fd_, &file) == 0 && file.st_size > 0 && pread(fd_, &last, 1, file.st_size - 1) == 1 &&
      last != '\n') {
    return Write("\n");
  }
  return {};
}

bool AlertsLog::IsFull() const {
  struct stat file {};
  return fstat(fd_, &file) == 0 && static_cast<uint64_t>(file.st_size) >= file_bytes_;
}

// A kill in between leaves a number free. Where names cannot be changed the file grows on: a line
// that is kept in too large a file is better than one that is not.
void AlertsLog::Rotate() {
  Close();
  for (int number = kOldFiles; number > 0; --number) {
    const std::string from = number == 1 ? path_ : path_ + "." + std::to_string(number - 1);
    const std::string to = path_ + "." + std::to_string(number);
    if (rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT) {
      spdlog::error("{}: cannot be renamed to {}: {}", from, to, std::strerror(errno));
      return;
    }
  }
}

proto::Status AlertsLog::Write(const std::string& bytes) {
  struct stat before {};
  if (fstat(fd_, &before) != 0) return proto::Status::Error(path_ + ": " + std::strerror(errno));
  size_t written = 0;
  int error = 0;
  while (written < bytes.size() && error == 0) {
    const ssize_t count = write(fd_, bytes.data() + written, bytes.size() - written);
    if (count >= 0) {
      written += static_cast<size_t>(count);
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (error == 0 && fdatasync(fd_) != 0) error = errno;
  if (error == 0) return {};
  // All or nothing: these lines come again, and must not be there twice or in part.
  if (ftruncate(fd_, before.st_size) != 0) {
    spdlog::error("{}: cannot be cut back: {}", path_, std::strerror(errno));
  }
  return proto::Status::Error(path_ + ": " + std::strerror(error));
}

}  // namespace ringside::aggregator
