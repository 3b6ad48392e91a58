#include "agent/kept_file.h"

#include <atomic>
#include <utility>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace ringside::agent {
namespace {

std::atomic<int64_t> kept_files{0};

bool MayKeep() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  return kept_files.load(std::memory_order_relaxed) < static_cast<int64_t>(limit.rlim_cur / 4);
}

}  // namespace

KeptFile::KeptFile(KeptFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::move(other.fd_)) {}

KeptFile& KeptFile::operator=(KeptFile&& other) noexcept {
  if (this == &other) return *this;
  Close();
  path_ = std::move(other.path_);
  fd_ = std::move(other.fd_);
  return *this;
}

void KeptFile::Close() {
  if (!fd_.ok()) return;
  fd_.Reset();
  kept_files.fetch_sub(1, std::memory_order_relaxed);
}

std::string_view KeptFile::Read(char* buffer, size_t size) {
  if (fd_.ok()) {
    const ssize_t count = pread(fd_.get(), buffer, size, 0);
    if (count > 0) return {buffer, static_cast<size_t>(count)};
    Close();  // the process has ended; another may have its number
  }
  // O_NONBLOCK: a FIFO in a made-up tree must not stop the reader.
  proto::UniqueFd fd(open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.ok()) return {};
  const ssize_t count = pread(fd.get(), buffer, size, 0);
  if (count <= 0) return {};
  if (MayKeep()) {
    fd_ = std::move(fd);
    kept_files.fetch_add(1, std::memory_order_relaxed);
  }
  return {buffer, static_cast<size_t>(count)};
}

}  // namespace ringside::agent
