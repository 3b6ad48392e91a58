#include "probe/clock.h"

#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace ringside::probe {
namespace {

constexpr uint64_t kQ32 = uint64_t{1} << 32;
constexpr uint64_t kShortestBaseNs = 100'000;
// A longer base would be more exact, but a suspended machine stops CLOCK_MONOTONIC and not the TSC.
constexpr uint64_t kLongestBaseNs = 1'000'000'000;

struct Reading {
  uint64_t ticks;
  uint64_t ns;
};

// Both clocks at one moment: the monotonic clock read between two counter reads, in the narrowest
// of a few windows, with the middle of the window as the tick.
Reading ReadBoth() noexcept {
  Reading best{};
  uint64_t narrowest = ~uint64_t{0};
  for (int i = 0; i < 8; ++i) {
    const uint64_t before = proto::ReadCounter();
    const uint64_t ns = proto::MonotonicNs();
    const uint64_t after = proto::ReadCounter();
    if (after - before >= narrowest) continue;
    narrowest = after - before;
    best = {before + (after - before) / 2, ns};
  }
  return best;
}

// Read when the library is loaded: by the first record, usually, the base is long enough already.
const Reading kAtLoad = ReadBoth();

// User space cannot know by itself that the counters of all CPUs agree; the kernel checks it.
bool KernelTrustsCounter() noexcept {
  const int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource",
                      O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char name[32] = {};
  const ssize_t size = read(fd, name, sizeof name - 1);
  close(fd);
  if (size <= 0) return false;
#if defined(__x86_64__)
  return strcmp(name, "tsc\n") == 0;
#elif defined(__aarch64__)
  return strcmp(name, "arch_sys_counter\n") == 0;
#else
  return false;
#endif
}

uint64_t Ratio(uint64_t numerator, uint64_t denominator) noexcept {
  __extension__ using Uint128 = unsigned __int128;
  return static_cast<uint64_t>(((static_cast<Uint128>(numerator) << 32) + denominator / 2) /
                               denominator);
}

Clock Calibrate() noexcept {
  const Clock monotonic{proto::ClockKind::kMonotonic, kQ32, kQ32};
  if (!KernelTrustsCounter()) return monotonic;
  Reading from = kAtLoad;
  const uint64_t now = proto::MonotonicNs();
  if (from.ns == 0 || now - from.ns > kLongestBaseNs) from = ReadBoth();
  while (proto::MonotonicNs() - from.ns < kShortestBaseNs) {
  }
  const Reading to = ReadBoth();
  if (to.ticks <= from.ticks) return monotonic;
  const uint64_t ticks = to.ticks - from.ticks;
  const uint64_t ns = to.ns - from.ns;
  return {proto::ClockKind::kTsc, Ratio(ns, ticks), Ratio(ticks, ns)};
}

}  // namespace

const Clock& CalibratedClock() noexcept {
  static Clock clock{};
  if (clock.ns_per_tick_q32 == 0) clock = Calibrate();
  return clock;
}

}  // namespace ringside::probe
