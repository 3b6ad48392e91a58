// A file descriptor that closes itself, and that Boost's mapped_region can map. (file_mapping would
// open without O_CLOEXEC and O_NOFOLLOW.)
#ifndef RINGSIDE_PROBE_DESCRIPTOR_H_
#define RINGSIDE_PROBE_DESCRIPTOR_H_

#include <boost/interprocess/detail/os_file_functions.hpp>

namespace ringside::probe {

class Descriptor {
 public:
  Descriptor() noexcept = default;
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  ~Descriptor() { Close(); }
  Descriptor(Descriptor&& other) noexcept : fd_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int Release() noexcept;
  void Close() noexcept;
  // To a number that daemonizers and shells do not touch. Before the file is locked: closing any
  // descriptor of a file frees the process's record locks on it.
  void MoveHigh() noexcept;

  // What mapped_region asks for; the name is Boost's.
  boost::interprocess::mapping_handle_t get_mapping_handle() const noexcept {  // NOLINT
    return {fd_, false};
  }

 private:
  int fd_ = -1;
};

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_DESCRIPTOR_H_
