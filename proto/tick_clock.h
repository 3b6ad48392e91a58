// Ticks of the clock that a segment names, and their conversion to nanoseconds.
#ifndef RINGSIDE_PROTO_TICK_CLOCK_H_
#define RINGSIDE_PROTO_TICK_CLOCK_H_

#include <cstdint>

#include <time.h>

#include "proto/segment_format.h"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace ringside::proto {

inline uint64_t MonotonicNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}

inline uint64_t UnixNs() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}

// The counter behind ClockKind::kTsc. Only meaningful where the kernel itself trusts it.
inline uint64_t ReadCounter() {
#if defined(__x86_64__)
  return __rdtsc();
#elif defined(__aarch64__)
  uint64_t ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return MonotonicNs();
#endif
}

inline uint64_t ReadTicks(ClockKind kind) {
  return kind == ClockKind::kTsc ? ReadCounter() : MonotonicNs();
}

// 128-bit product: a 64-bit one overflows after 1.6 s.
inline uint64_t TicksToNs(uint64_t ticks, uint64_t ns_per_tick_q32) {
  __extension__ using Uint128 = unsigned __int128;
  return static_cast<uint64_t>((static_cast<Uint128>(ticks) * ns_per_tick_q32) >> 32);
}

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_TICK_CLOCK_H_
