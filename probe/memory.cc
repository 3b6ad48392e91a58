#include "probe/memory.h"

#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace ringside::probe {

bool PopulateWrite(void* address, size_t bytes) noexcept {
  const auto begin = reinterpret_cast<uintptr_t>(address) / kPageBytes * kPageBytes;
  const auto end = RoundUp(reinterpret_cast<uintptr_t>(address) + bytes, kPageBytes);
  int result = -1;
  do {
    result =
        madvise(reinterpret_cast<void*>(begin), end - begin,  // NOLINT(performance-no-int-to-ptr)
                MADV_POPULATE_WRITE);
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

bool CanPopulate() noexcept {
  void* page =
      mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return true;  // decided when the segment is filled
  const bool can = madvise(page, kPageBytes, MADV_POPULATE_WRITE) == 0 || errno != EINVAL;
  munmap(page, kPageBytes);
  return can;
}

void* MapPrivate(size_t bytes) noexcept {
  const ErrnoKeeper keeper;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

void ReplaceByPrivate(void* address, size_t bytes) noexcept {
  (void)mmap(address, bytes, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

void Unmap(void* address, size_t bytes) noexcept { munmap(address, bytes); }

}  // namespace ringside::probe
