#include "probe/descriptor.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace ringside::probe {

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = other.Release();
  }
  return *this;
}

int Descriptor::Release() noexcept {
  const int fd = fd_;
  fd_ = -1;
  return fd;
}

void Descriptor::Close() noexcept {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

void Descriptor::MoveHigh() noexcept {
  // High, but below 1024: a table of descriptors grows with the highest one.
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t ceiling = limit.rlim_cur < 1024 ? limit.rlim_cur : 1024;
  if (ceiling < 64) return;
  const int high = fcntl(fd_, F_DUPFD_CLOEXEC, static_cast<int>(ceiling - 48));
  if (high < 0) return;
  close(fd_);
  fd_ = high;
}

}  // namespace ringside::probe
