// Memory that is only ever taken: series and their names. Lock-free, no malloc, no free.
#ifndef RINGSIDE_PROBE_ARENA_H_
#define RINGSIDE_PROBE_ARENA_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ringside::probe {

class Arena {
 public:
  explicit constexpr Arena(size_t capacity) noexcept : capacity_(capacity) {}

  // Zeroed, aligned to 16; nullptr when the arena is full or the kernel has no memory.
  void* Take(size_t bytes) noexcept;
  // A copy of `text` that lives as long as the process. False when there is no room.
  bool Copy(std::string_view text, std::string_view* copy) noexcept;

 private:
  char* Base() noexcept;

  const size_t capacity_;
  std::atomic<char*> base_{nullptr};
  std::atomic<size_t> used_{0};
};

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_ARENA_H_
