#include "aggregator/memory_guard.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include "proto/unique_fd.h"

namespace ringside::aggregator {
namespace {

uint64_t KilobytesOf(std::string_view status, std::string_view field) {
  const size_t place = status.find(field);
  if (place == std::string_view::npos) return 0;
  status.remove_prefix(place + field.size());
  status.remove_prefix(std::min(status.find_first_not_of(" \t"), status.size()));
  uint64_t kilobytes = 0;
  std::from_chars(status.data(), status.data() + status.size(), kilobytes);
  return kilobytes;
}

}  // namespace

void TameHeap() {
#ifdef __GLIBC__
  constexpr int kArenas = 2;
  constexpr int kAlone = 1 << 20;  // what is larger is a mapping of its own, and goes when freed
  constexpr int kTop = 8 << 20;
  mallopt(M_ARENA_MAX, kArenas);
  mallopt(M_MMAP_THRESHOLD, kAlone);
  mallopt(M_TRIM_THRESHOLD, kTop);
#endif
}

uint64_t ResidentBytes() {
  const proto::UniqueFd file(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  char text[8192];
  const ssize_t bytes = file.ok() ? read(file.get(), text, sizeof text) : 0;
  if (bytes <= 0) return 0;
  const std::string_view status(text, static_cast<size_t>(bytes));
  constexpr uint64_t kKilobyte = 1024;
  return (KilobytesOf(status, "RssAnon:") + KilobytesOf(status, "RssFile:")) * kKilobyte;
}

// In steps: what was freed is not gone at once, and what is resident now may be free in a moment.
uint64_t MemoryGuard::StoreBytes(uint64_t resident) {
  if (resident == 0) return store_bytes_;
  resident_bytes_ = resident;
  const uint64_t target = plan_.limit - plan_.limit / 32;
  if (resident > target) {
    store_bytes_ -= std::min((resident - target) / 2, plan_.limit / 16);
  } else {
    store_bytes_ += std::min((target - resident) / 8, plan_.limit / 128);
  }
  store_bytes_ = std::clamp(store_bytes_, plan_.least_store(), plan_.most_store());
  return store_bytes_;
}

bool MemoryGuard::Look(uint64_t now_unix_ns) {
  if (now_unix_ns < next_unix_ns_) return false;
  next_unix_ns_ = now_unix_ns + kEveryNs;
  uint64_t resident = ResidentBytes();
#ifdef __GLIBC__
  if (resident > plan_.limit) {
    malloc_trim(0);
    resident = ResidentBytes();
  }
#endif
  StoreBytes(resident);
  return true;
}

}  // namespace ringside::aggregator
