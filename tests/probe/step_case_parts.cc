#include "tests/probe/step_case_parts.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

#include <unistd.h>

namespace ringside::tests {

using std::chrono::nanoseconds;

StepCase Timing(std::string name, StepBody body, uint64_t before) {
  StepCase made{std::move(name), std::move(body)};
  made.before = before;
  made.before_sum = before * uint64_t{kOne};
  return made;
}

void RecordTimes(const Operation& operation, uint64_t times) {
  for (uint64_t i = 0; i < times; ++i) operation.Record(nanoseconds{kOne});
}

void RecordSeven(const StepMarks& marks, const Operation& operation) {
  marks.Begin();
  operation.Record(nanoseconds{7});
  marks.End();
}

void RecordInAThreadThatStays(const Operation& operation) {
  std::atomic<bool> has_lane{false};
  std::thread([&has_lane, operation] {
    RecordTimes(operation, 2);
    has_lane = true;
    for (;;) pause();
  }).detach();
  while (!has_lane) std::this_thread::yield();
}

uint64_t TimingDropped(const SegmentView& view) { return view.TimingDropped(); }

uint64_t SharedSamples(const SegmentView& view) { return view.lane(0).timing_dropped; }

uint64_t SeriesCount(const SegmentView& view) { return view.header().series_count; }

}  // namespace ringside::tests
