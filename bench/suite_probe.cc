// Suite probe: what a record costs the worker, while an agent drains.
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
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

// The cost of a switch alone: a request with many, less the same request without.
Result<Figure> MeasureStageSwitch(const Context& context) {
  const Result<Stack*> stack = context.stack();
  if (!stack) return stack.status();
  static const Operation kOperation("bench.request");
  constexpr uint64_t kSwitches = 32;
  const auto requests = [](uint64_t count, uint64_t switches) {
    static constexpr std::string_view kStages[] = {"load", "decode", "infer", "post_processing"};
    for (uint64_t i = 0; i < count; ++i) {
      Request request(kOperation);
      request.Next("load");
      for (uint64_t n = 1; n <= switches; ++n) request.Next(kStages[n % 4]);
      request.End();
    }
  };
  const Loop with = [&](uint64_t turns) { requests(turns, kSwitches); };
  const Loop without = [&](uint64_t turns) { requests(turns, 0); };
  uint64_t sink = 0;
  const Loop reference = [&sink](uint64_t turns) {
    for (uint64_t i = 0; i < turns; ++i) {
      sink += proto::ReadCounter();
      Keep(sink);
    }
  };
  const uint64_t turns = TurnsFor(with, SliceNs(context));
  const uint64_t reference_turns = TurnsFor(reference, SliceNs(context));
  return MedianOfTurns(
      context, [&] { return (NsPerTurn(with, turns) - NsPerTurn(without, turns)) / kSwitches; },
      [&] { return NsPerTurn(reference, reference_turns); });
}

Result<Figure> MeasureCounter(const Context& context) {
  const Result<Stack*> stack = context.stack();
  if (!stack) return stack.status();
  static const Counter kCounter("bench.counter", "{item}");
  uint64_t plain = 0;
  return MeasureInTurns(
      context,
      [](uint64_t turns) {
        for (uint64_t i = 0; i < turns; ++i) kCounter.Add(i);
      },
      [&plain](uint64_t turns) {
        for (uint64_t i = 0; i < turns; ++i) {
          plain = i;
          Keep(plain);
        }
      });
}

Result<Figure> MeasureDisabled(const Context& context) {
  static const Operation kOperation("bench.timer");
  SetEnabled(false);
  const Figure figure = MeasureInTurns(
      context,
      [](uint64_t turns) {
        for (uint64_t i = 0; i < turns; ++i) {
          const Timer timer(kOperation);
        }
      },
      [](uint64_t turns) {
        for (uint64_t i = 0; i < turns; ++i) Keep(i);
      });
  SetEnabled(true);
  return figure;
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
  const auto add = [&](const char* name, const char* reference,
                       Result<Figure> (*measure)(const Context&)) {
    benchmarks->push_back({name, "probe", "ns", reference, measure});
  };
  add("probe.timer", "two clock reads", MeasureTimer);
  add("probe.stage_switch", "one clock read", MeasureStageSwitch);
  add("probe.value", "array increment of a log-linear histogram", MeasureValue);
  add("probe.counter", "plain store", MeasureCounter);
  add("probe.disabled", "empty loop", MeasureDisabled);
}

}  // namespace ringside::bench
