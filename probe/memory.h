// Pages: the only place where the probe asks the kernel for memory.
//
// The probe never calls malloc: its private tables come from MapPrivate, so that a record may be
// made in a signal handler, in a forked child, or inside an allocator. Never raises a signal:
// shared pages are populated by madvise, which returns an error where a store would be a SIGBUS.
#ifndef RINGSIDE_PROBE_MEMORY_H_
#define RINGSIDE_PROBE_MEMORY_H_

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace ringside::probe {

inline constexpr size_t kPageBytes = 4096;

inline constexpr uint64_t RoundUp(uint64_t value, uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

// Makes the pages of [address, address + bytes) real. False: no memory, nothing may be written.
bool PopulateWrite(void* address, size_t bytes) noexcept;

// False before Linux 5.14: a segment must then be allocated as a whole when it is made.
bool CanPopulate() noexcept;

// Zeroed private memory that costs nothing until it is touched; nullptr when there is none.
void* MapPrivate(size_t bytes) noexcept;

// Puts empty private memory in place of a mapping: stale pointers into it stay valid, and the file
// behind it is let go. Where even that fails the mapping stays as it was.
void ReplaceByPrivate(void* address, size_t bytes) noexcept;

void Unmap(void* address, size_t bytes) noexcept;

// A worker's errno is none of our business.
class ErrnoKeeper {
 public:
  ErrnoKeeper() noexcept : saved_(errno) {}
  ~ErrnoKeeper() { errno = saved_; }
  ErrnoKeeper(const ErrnoKeeper&) = delete;
  ErrnoKeeper& operator=(const ErrnoKeeper&) = delete;

 private:
  int saved_;
};

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_MEMORY_H_
