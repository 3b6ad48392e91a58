// A timed operation as an LTTng-UST event; asked like timer_worker.cc. Run by lttng_session, whose
// daemon records the events.
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <thread>

#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "bench/lttng_events.h"
#include "bench/measure.h"

namespace {

using Clock = std::chrono::steady_clock;

uint64_t Ns(Clock::duration duration) {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count());
}

void RecordEvents(uint64_t turns) {
  for (uint64_t i = 0; i < turns; ++i) {
    const Clock::time_point start = Clock::now();
    const uint64_t duration = Ns(Clock::now() - start);
    lttng_ust_tracepoint(ringside_bench, timed, Ns(start.time_since_epoch()), duration);
  }
}

}  // namespace

int main() {
  // The library learns from its daemon, in a thread of its own, that the event is wanted.
  for (int i = 0; i < 5000 && !lttng_ust_tracepoint_enabled(ringside_bench, timed); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (!lttng_ust_tracepoint_enabled(ringside_bench, timed)) return 1;
  uint64_t turns = 0;
  while (std::scanf("%" SCNu64, &turns) == 1) {
    std::printf("%.6f\n", ringside::bench::NsPerTurn(RecordEvents, turns));
    std::fflush(stdout);
  }
  return 0;
}
