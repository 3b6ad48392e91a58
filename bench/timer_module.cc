// A module as a program loads it at run time: its probe is the shared library.
#include <cstdint>

#include <ringside/probe.h>

extern "C" void RunTimers(uint64_t turns) {
  static const ringside::Operation kOperation("bench.timer_so");
  for (uint64_t i = 0; i < turns; ++i) {
    const ringside::Timer timer(kOperation);
  }
}
