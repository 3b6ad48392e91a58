// Suite spine: the histogram that everything stands on, and the whole way from Record to an answer.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <ringside/probe.h>

#include "bench/benchmark.h"
#include "bench/log_linear.h"
#include "bench/measure.h"
#include "bench/stack.h"
#include "proto/histogram.h"

namespace ringside::bench {
namespace {

using proto::Histogram;
using proto::Result;
using proto::Status;

constexpr size_t kSamples = 1000;
constexpr size_t kParts = 64;  // so many different ones that no branch predictor learns them

// Durations in ns around 9 ms, spread over three decades.
std::vector<int64_t> Lognormal(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> draw(16, 1);
  std::vector<int64_t> values(count);
  for (int64_t& value : values) value = static_cast<int64_t>(draw(random)) + 1;
  return values;
}

Histogram Recorded(const std::vector<int64_t>& values) {
  Histogram histogram;
  for (const int64_t value : values) histogram.Record(value);
  return histogram;
}

Result<Figure> MeasureRecord(const Context& context) {
  const std::vector<int64_t> values = Lognormal(4096, 1);
  Histogram histogram = Recorded(values);
  LogLinear plain;
  size_t next = 0;
  return MeasureInTurns(
      context,
      [&](uint64_t turns) {
        for (uint64_t i = 0; i < turns; ++i) histogram.Record(values[next++ & 4095]);
      },
      [&](uint64_t turns) {
        for (uint64_t i = 0; i < turns; ++i) {
          plain.Record(static_cast<uint64_t>(values[next++ & 4095]));
        }
      });
}

Result<Figure> MeasureMerge(const Context& context) {
  std::vector<std::string> encoded(kParts);
  std::vector<std::vector<uint64_t>> dense;
  Histogram merged;
  for (size_t i = 0; i < kParts; ++i) {
    const Histogram part = Recorded(Lognormal(kSamples, i));
    part.Encode(&encoded[i]);
    dense.push_back(part.positive().counts());
    merged.Merge(part);
  }
  std::vector<uint64_t> cells(merged.positive().counts().size(), 0);
  bool good = true;
  size_t next = 0;
  const Figure figure = MeasureInTurns(
      context,
      [&](uint64_t turns) {
        for (uint64_t i = 0; i < turns; ++i) {
          good = merged.MergeEncoded(encoded[next++ % kParts]).ok() && good;
        }
      },
      [&](uint64_t turns) {
        for (uint64_t i = 0; i < turns; ++i) {
          const std::vector<uint64_t>& part = dense[next++ % kParts];
          for (size_t cell = 0; cell < part.size(); ++cell) cells[cell] += part[cell];
          Keep(cells[0]);
        }
      });
  if (!good) return Status::Error("a histogram was refused");
  return figure;
}

size_t VarintBytes(uint64_t value) {
  size_t bytes = 1;
  for (; value >= 0x80; value >>= 7) ++bytes;
  return bytes;
}

// The plain sparse form: one varint for the gap, one for the count.
size_t PlainSparseBytes(const Histogram& histogram) {
  size_t bytes = 4;
  int32_t previous = histogram.positive().first_index();
  for (const proto::BucketRange::Bucket& bucket : histogram.positive().Filled()) {
    bytes += VarintBytes(static_cast<uint64_t>(bucket.index - previous));
    bytes += VarintBytes(bucket.count);
    previous = bucket.index;
  }
  return bytes;
}

Result<Figure> MeasureBytes(const Context&) {
  Figure figure;
  for (size_t i = 0; i < kParts; ++i) {
    const Histogram part = Recorded(Lognormal(kSamples, i));
    std::string encoded;
    part.Encode(&encoded);
    figure.value += static_cast<double>(encoded.size()) / kParts;
    figure.reference += static_cast<double>(PlainSparseBytes(part)) / kParts;
  }
  return figure;
}

// From Record to visible in `ringside query`, at the default interval of 1 s: the longest of all
// phases, since what is promised is that it never takes longer.
Result<Figure> MeasureEndToEnd(const Context& context) {
  using Clock = std::chrono::steady_clock;
  const Result<Stack*> stack = context.stack();
  if (!stack) return stack.status();
  static const std::string kName = "bench.end_to_end";
  static const Operation kOperation(kName);
  double longest = 0;
  const int repetitions = context.quick ? 5 : 15;
  for (int i = 1; i <= repetitions; ++i) {
    // Records fall anywhere in an interval: the phase walks through it.
    std::this_thread::sleep_for(std::chrono::milliseconds(i * 370 % 1000));
    const auto recorded = Clock::now();
    kOperation.Record(std::chrono::milliseconds(1));
    while ((*stack)->QueryCount(kName).value_or(0) < static_cast<uint64_t>(i)) {
      if (Clock::now() - recorded > std::chrono::seconds(20)) {
        return Status::Error("a record did not become visible within 20 s");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    longest = std::max(longest, std::chrono::duration<double>(Clock::now() - recorded).count());
  }
  return Figure{longest, 1.0};
}

}  // namespace

void AddSpineSuite(std::vector<Benchmark>* benchmarks) {
  benchmarks->push_back({"histogram.record", "spine", "ns",
                         "array increment of a log-linear histogram", MeasureRecord});
  benchmarks->push_back(
      {"histogram.merge", "spine", "ns", "adding the same cells, not encoded", MeasureMerge});
  // What the store does with every interval that it merges: the same, under the suite's name.
  benchmarks->push_back(
      {"aggregator.merge", "aggregator", "ns", "adding the same cells, not encoded", MeasureMerge});
  benchmarks->push_back(
      {"histogram.bytes", "spine", "B", "a varint for each gap and count", MeasureBytes});
  benchmarks->push_back({"end_to_end.latency", "spine", "s", "the interval", MeasureEndToEnd});
}

}  // namespace ringside::bench
