// A worker in a process of its own: for every number that it reads it runs so many timers, and
// answers with the nanoseconds of its CPU time that one of them took.
#include <cinttypes>
#include <cstdio>

#include <ringside/probe.h>

#include "bench/measure.h"

int main() {
  const ringside::Operation operation("bench.ring_full");
  uint64_t turns = 0;
  while (std::scanf("%" SCNu64, &turns) == 1) {
    const double ns = ringside::bench::NsPerTurn(
        [&operation](uint64_t count) {
          for (uint64_t i = 0; i < count; ++i) {
            const ringside::Timer timer(operation);
          }
        },
        turns);
    std::printf("%.6f\n", ns);
    std::fflush(stdout);
  }
  return 0;
}
