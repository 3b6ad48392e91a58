// Suite probe: what a record costs the worker, while an agent drains.
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <ringside/probe.h>

#include "bench/benchmark.h"
#include "bench/log_linear.h"
#include "bench/measure.h"
#include "proto/tick_clock.h"

namespace ringside::bench {
namespace {

using proto::Result;

Result<Figure> MeasureTimer(const Context& context) {
  const Result<Stack*> stack = context.stack();
  if (!stack) return stack.status();
  static const Operation kOperation("bench.timer");
  uint64_t sink = 0;
  return MeasureInTurns(
      context,
      [](uint64_t turns) {
        for (uint64_t i = 0; i < turns; ++i) {
          const Timer timer(kOperation);
        }
      },
      [&sink](uint64_t turns) {
        for (uint64_t i = 0; i < turns; ++i) {
          const uint64_t start = proto::ReadCounter();
          sink += proto::ReadCounter() - start;
          Keep(sink);
        }
      });
}

Result<Figure> MeasureValue(const Context& context) {
  const Result<Stack*> stack = context.stack();
  if (!stack) return stack.status();
  constexpr size_t kSeries = 100;
  constexpr size_t kDraws = 4096;
  std::vector<Value> values;
  for (size_t i = 0; i < kSeries; ++i) {
    const std::string number = std::to_string(i);
    values.emplace_back("bench.value", "By", Labels{{"series", number}});
  }
  std::mt19937_64 random(3);
  std::lognormal_distribution<double> draw(10, 1);
  std::vector<int64_t> numbers(kDraws);
  std::vector<uint32_t> series(kDraws);
  for (size_t i = 0; i < kDraws; ++i) {
    numbers[i] = static_cast<int64_t>(draw(random)) + 1;
    series[i] = static_cast<uint32_t>(random() % kSeries);
  }
  std::vector<LogLinear> plain(kSeries);
  size_t next = 0;
  return MeasureInTurns(
      context,
      [&](uint64_t turns) {
        for (uint64_t i = 0; i < turns; ++i) {
          const size_t at = next++ % kDraws;
          values[series[at]].Record(numbers[at]);
        }
      },
      [&](uint64_t turns) {
        for (uint64_t i = 0; i < turns; ++i) {
          const size_t at = next++ % kDraws;
          plain[series[at]].Record(static_cast<uint64_t>(numbers[at]));
        }
      });
}

}  // namespace

void AddProbeSuite(std::vector<Benchmark>* benchmarks) {
  benchmarks->push_back({"probe.timer", "probe", "ns", "two clock reads", MeasureTimer});
  benchmarks->push_back(
      {"probe.value", "probe", "ns", "array increment of a log-linear histogram", MeasureValue});
}

}  // namespace ringside::bench
