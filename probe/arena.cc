#include "probe/arena.h"

#include <cstring>

#include "probe/memory.h"

namespace ringside::probe {

char* Arena::Base() noexcept {
  // SYNC arena-base: the mapping is zero pages; acquire and release order nothing but the pointer.
  char* base = base_.load(std::memory_order_acquire);
  if (base != nullptr) return base;
  base = static_cast<char*>(MapPrivate(capacity_));
  if (base == nullptr) return nullptr;
  char* expected = nullptr;
  // SYNC arena-base
  if (base_.compare_exchange_strong(expected, base, std::memory_order_acq_rel)) return base;
  Unmap(base, capacity_);
  return expected;
}

void* Arena::Take(size_t bytes) noexcept {
  char* base = Base();
  if (base == nullptr) return nullptr;
  bytes = RoundUp(bytes, 16);
  size_t used = used_.load(std::memory_order_relaxed);
  do {
    if (bytes > capacity_ - used) return nullptr;
  } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  return base + used;
}

bool Arena::Copy(std::string_view text, std::string_view* copy) noexcept {
  *copy = {};
  if (text.empty()) return true;
  void* memory = Take(text.size());
  if (memory == nullptr) return false;
  memcpy(memory, text.data(), text.size());
  *copy = {static_cast<const char*>(memory), text.size()};
  return true;
}

}  // namespace ringside::probe
