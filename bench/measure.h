// Times a subject and its reference in turns and takes the medians, so that both see the same
// disturbances. Time is this thread's CPU time: what others run on the machine is not counted.
#ifndef RINGSIDE_BENCH_MEASURE_H_
#define RINGSIDE_BENCH_MEASURE_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include <time.h>

#include "bench/benchmark.h"

namespace ringside::bench {

// Makes the compiler believe that the value is used, and might have changed.
template <typename T>
inline void Keep(T& value) {
  asm volatile("" : "+m"(value) : : "memory");
}

// Runs the body this many times.
using Loop = std::function<void(uint64_t)>;

inline double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

inline uint64_t ThreadCpuNs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}

inline double NsPerTurn(const Loop& loop, uint64_t turns) {
  const uint64_t start = ThreadCpuNs();
  loop(turns);
  return static_cast<double>(ThreadCpuNs() - start) / static_cast<double>(turns);
}

// How many turns take about `ns`; warms up first: a first turn may be a thousand times slower.
inline uint64_t TurnsFor(const Loop& loop, double ns) {
  loop(100);
  uint64_t turns = 1;
  while (true) {
    const double each = std::max(NsPerTurn(loop, turns), 0.01);
    if (each * static_cast<double>(turns) >= ns / 4) {
      return std::max<uint64_t>(1, static_cast<uint64_t>(ns / each));
    }
    turns *= 4;
  }
}

// Both return what one of their turns took.
using TimedLoop = std::function<double()>;

inline Figure MedianOfTurns(const Context& context, const TimedLoop& subject,
                            const TimedLoop& reference) {
  const int repetitions = context.quick ? 15 : 51;
  std::vector<double> values;
  std::vector<double> references;
  for (int i = 0; i < repetitions; ++i) {
    values.push_back(subject());
    references.push_back(reference());
  }
  return {Median(std::move(values)), Median(std::move(references))};
}

inline double SliceNs(const Context& context) { return context.quick ? 1e6 : 4e6; }

inline Figure MeasureInTurns(const Context& context, const Loop& subject, const Loop& reference) {
  const uint64_t subject_turns = TurnsFor(subject, SliceNs(context));
  const uint64_t reference_turns = TurnsFor(reference, SliceNs(context));
  return MedianOfTurns(
      context, [&] { return NsPerTurn(subject, subject_turns); },
      [&] { return NsPerTurn(reference, reference_turns); });
}

}  // namespace ringside::bench

#endif  // RINGSIDE_BENCH_MEASURE_H_
