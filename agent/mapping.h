// A shared memory mapping that unmaps itself.
#ifndef RINGSIDE_AGENT_MAPPING_H_
#define RINGSIDE_AGENT_MAPPING_H_

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include <sys/mman.h>

#include "proto/status.h"

namespace ringside::agent {

class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (data_ != nullptr) munmap(data_, size_);
  }

  // MAP_SHARED of [offset, offset + size); `offset` a multiple of the page size.
  static proto::Result<Mapping> Map(int fd, uint64_t offset, size_t size, int protection) {
    void* data = mmap(nullptr, size, protection, MAP_SHARED, fd, static_cast<off_t>(offset));
    if (data == MAP_FAILED) {
      return proto::Status::Error(std::string("mmap: ") + std::strerror(errno));
    }
    Mapping mapping;
    mapping.data_ = data;
    mapping.size_ = size;
    return mapping;
  }

  std::byte* data() const { return static_cast<std::byte*>(data_); }
  size_t size() const { return size_; }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_MAPPING_H_
