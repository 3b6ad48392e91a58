// Suite probe, second part: the same timer under other conditions than alone and drained.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <dlfcn.h>

#include <ringside/probe.h>

#include "bench/benchmark.h"
#include "bench/measure.h"
#include "bench/worker_process.h"
#include "proto/tick_clock.h"

namespace ringside::bench {
namespace {

using proto::Result;
using proto::Status;

const Operation& TimedOperation() {
  static const Operation kOperation("bench.timer");
  return kOperation;
}

void RunTimers(uint64_t turns) {
  for (uint64_t i = 0; i < turns; ++i) {
    const Timer timer(TimedOperation());
  }
}

std::string BesideThis(const char* name) {
  std::error_code ignored;
  return (std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / name).string();
}

Result<Figure> MeasureSharedLibrary(const Context& context) {
  const Result<Stack*> stack = context.stack();
  if (!stack) return stack.status();
  void* module = dlopen(BesideThis("timer_module.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) return Status::Error(dlerror());
  const auto run = reinterpret_cast<void (*)(uint64_t)>(dlsym(module, "RunTimers"));
  if (run == nullptr) return Status::Error(dlerror());
  return MeasureInTurns(context, run, RunTimers);
}

Result<Figure> MeasureRingFull(const Context& context) {
  const Result<Stack*> stack = context.stack();
  if (!stack) return stack.status();
  Result<std::unique_ptr<WorkerProcess>> worker = WorkerProcess::Start(BesideThis("timer_worker"));
  if (!worker) return worker.status();
  const uint64_t turns = TurnsFor(RunTimers, SliceNs(context));
  if (!(*worker)->Run(turns)) return Status::Error("the worker without an agent is gone");
  return MedianOfTurns(
      context, [&] { return (*worker)->Run(turns).value_or(0); },
      [&] { return NsPerTurn(RunTimers, turns); });
}

// Each of many batches: the slowest of a thousand beside the usual one, in ns of one turn.
Figure MeasureBatches(const Context& context, const Loop& loop, uint64_t batch_turns) {
  const size_t batches = context.quick ? 50'000 : 500'000;
  loop(10'000);
  std::vector<uint64_t> ticks(batches);
  const uint64_t start_ns = proto::MonotonicNs();
  const uint64_t start = proto::ReadCounter();
  for (uint64_t& batch : ticks) {
    const uint64_t before = proto::ReadCounter();
    loop(batch_turns);
    batch = proto::ReadCounter() - before;
  }
  const double ns_per_tick = static_cast<double>(proto::MonotonicNs() - start_ns) /
                             static_cast<double>(proto::ReadCounter() - start);
  std::sort(ticks.begin(), ticks.end());
  const auto each = [&](double quantile) {
    const auto at = static_cast<size_t>(quantile * static_cast<double>(batches));
    return static_cast<double>(ticks[at]) * ns_per_tick / static_cast<double>(batch_turns);
  };
  return Figure{each(0.999), each(0.5)};
}

Result<Figure> MeasureSlowest(const Context& context) {
  const Result<Stack*> stack = context.stack();
  if (!stack) return stack.status();
  return MeasureBatches(context, RunTimers, 20);
}

// What the machine itself does to batches as long as those: interrupts, other guests of its host.
Result<Figure> MeasureMachine(const Context& context) {
  return MeasureBatches(
      context,
      [](uint64_t turns) {
        uint64_t sink = 0;
        for (uint64_t i = 0; i < turns; ++i) {
          sink += proto::ReadCounter();
          Keep(sink);
        }
      },
      64);
}

Result<Figure> MeasureThreads(const Context& context) {
  const Result<Stack*> stack = context.stack();
  if (!stack) return stack.status();
  const uint64_t turns = TurnsFor(RunTimers, SliceNs(context));
  return MedianOfTurns(
      context,
      [&] {
        double other = 0;
        std::thread second([&] {
          RunTimers(100);  // its lane
          other = NsPerTurn(RunTimers, turns);
        });
        const double own = NsPerTurn(RunTimers, turns);
        second.join();
        return (own + other) / 2;
      },
      [&] { return NsPerTurn(RunTimers, turns); });
}

}  // namespace

void AddProbeConditions(std::vector<Benchmark>* benchmarks) {
  const auto add = [&](const char* name, const char* reference,
                       Result<Figure> (*measure)(const Context&)) {
    benchmarks->push_back({name, "probe", "ns", reference, measure});
  };
  add("probe.timer_so", "probe.timer", MeasureSharedLibrary);
  add("probe.ring_full", "probe.timer", MeasureRingFull);
  add("probe.p999", "probe.timer, median", MeasureSlowest);
  add("probe.p999_machine", "a clock read, median", MeasureMachine);
  add("probe.threads", "one thread", MeasureThreads);
}

}  // namespace ringside::bench
