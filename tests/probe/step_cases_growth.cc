#include <chrono>
#include <thread>

#include "tests/probe/step_case_parts.h"

namespace ringside::tests {
namespace {

using std::chrono::nanoseconds;

uint64_t PoolUsed(const SegmentView& view) { return view.header().pool_used; }

uint64_t CoarseSamples(const SegmentView& view) { return view.Totals("work").coarse_count; }

uint64_t LanesUsed(const SegmentView& view) { return view.lanes_used(); }

uint64_t SeriesPages(const SegmentView& view) {
  return (view.header().series_count * sizeof(proto::SeriesEntry) - 1) / kPageBytes;
}

uint64_t Overflows(const SegmentView& view) { return view.header().overflow_series; }

// Blocks of 896 bytes, and for each octave a page of 512.
void FillChunk(int blocks) {
  for (int block = 0; block < blocks; ++block) {
    const std::string label = std::to_string(block);
    const Operation filler{"filler", Labels{{"n", label}}};
    for (int octave = 0; octave < 40; ++octave) {
      filler.Record(nanoseconds{int64_t{1} << octave});
    }
  }
}

// Takes pages of 2048 bytes, then pages of 64, until there is no pool left for this lane. Its first
// call is to come before another thread takes the rest of the pool: it needs entries of its own.
void FillPool(int octaves) {
  for (const int scale : {8, 2}) {
    const Value filler{scale == 8 ? "filler/large" : "filler/small", "{x}",
                       ValueOptions{}.Scale(scale)};
    for (int octave = 0; octave < octaves; ++octave) filler.Record(int64_t{1} << octave);
  }
}

}  // namespace

void AddGrowth(std::vector<StepCase>* cases) {
  cases->push_back(Timing(
      "Growth_OctaveBoundary",
      [](const StepMarks& marks) {
        const Operation operation{"work"};
        RecordTimes(operation, 2);
        marks.Begin();
        operation.Record(nanoseconds{1 << 20});
        marks.End();
      },
      2));
  cases->back().value = 1 << 20;
  // 3 * (896 + 40 * 512) + 896 + 512 bytes are a chunk.
  cases->push_back(Timing(
      "Growth_PoolChunkBoundary",
      [](const StepMarks& marks) {
        FillChunk(3);
        const Operation operation{"work"};
        RecordTimes(operation, 1);
        marks.Begin();
        operation.Record(nanoseconds{1 << 20});
        marks.End();
      },
      1));
  cases->back().value = 1 << 20;
  cases->back().grows = PoolUsed;
  cases->push_back(Timing(
      "Growth_PoolIsOut_CoarseCell",
      [](const StepMarks& marks) {
        const Operation operation{"work"};
        RecordTimes(operation, 1);
        FillPool(1);
        FillPool(60);
        marks.Begin();
        operation.Record(nanoseconds{1 << 20});
        marks.End();
      },
      1));
  cases->back().grows = CoarseSamples;
  cases->back().value = 1 << 20;
  cases->back().environment = {{"RINGSIDE_POOL_BYTES", "131072"}};
  cases->push_back(Timing(
      "Growth_PoolIsOut_SharedLane",
      [](const StepMarks& marks) {
        FillPool(1);
        const Operation operation{"work"};
        RecordInAThreadThatStays(operation);
        FillPool(60);
        RecordSeven(marks, operation);
      },
      2));
  cases->back().grows = SharedSamples;
  cases->back().environment = {{"RINGSIDE_POOL_BYTES", "131072"}};
  cases->push_back(Timing(
      "Growth_FirstRecordOfASeriesInALane",
      [](const StepMarks& marks) {
        const Operation operation{"work"};
        Operation{"other"}.Record(nanoseconds{kOne});  // keeps lane 1
        std::thread([&] { RecordTimes(operation, 2); }).join();
        RecordSeven(marks, operation);
      },
      2));
  cases->push_back(Timing(
      "Growth_FirstRecordOfAThread_LaneOfAnother",
      [](const StepMarks& marks) {
        const Operation operation{"work"};
        std::thread([&] { RecordTimes(operation, 2); }).join();
        RecordSeven(marks, operation);
      },
      2));
  cases->push_back(Timing(
      "Growth_FirstRecordOfAThread_NewLane",
      [](const StepMarks& marks) {
        const Operation operation{"work"};
        RecordInAThreadThatStays(operation);
        RecordSeven(marks, operation);
      },
      2));
  cases->back().grows = LanesUsed;
  cases->push_back(Timing(
      "Growth_FirstRecordOfAProcess",
      [](const StepMarks& marks) { RecordSeven(marks, Operation{"work"}); }, 0));
}

void AddRegistration(std::vector<StepCase>* cases) {
  const auto with_new_label = [](const StepMarks& marks) {
    const Operation operation{"work"};
    RecordTimes(operation, 2);
    marks.Begin();
    operation.With(Labels{{"model", "new"}}).Record(nanoseconds{7});
    marks.End();
  };
  cases->push_back(Timing("Registration_NewLabel", with_new_label, 2));
  cases->back().grows = SeriesCount;
  cases->push_back(Timing("Registration_NewLabel_RingFull", with_new_label, 2));
  cases->back().grows = TimingDropped;
  cases->back().environment = {{"RINGSIDE_TIMING_RING_RECORDS", "2"}};
  cases->push_back(Timing("Registration_NewLabel_AgentFollows", with_new_label, 2));
  cases->back().agent_follows = true;
  // 64 entries are a page: 4 global ones, "work", and 59 more.
  cases->push_back(Timing(
      "Registration_TablePageBoundary",
      [](const StepMarks& marks) {
        const Operation operation{"work"};
        RecordTimes(operation, 1);
        for (int i = 0; i < 59; ++i) {
          const std::string label = std::to_string(i);
          Operation{"other", Labels{{"n", label}}}.Record(nanoseconds{kOne});
        }
        RecordSeven(marks, operation.With(Labels{{"model", "new"}}));
      },
      1));
  cases->back().grows = SeriesPages;
  cases->push_back(Timing(
      "Registration_TableIsFull_OverflowSeries",
      [](const StepMarks& marks) {
        const Operation operation{"work"};
        RecordTimes(operation, 1);
        for (int i = 0; i < 20; ++i) {
          const std::string label = std::to_string(i);
          Operation{"other", Labels{{"n", label}}}.Record(nanoseconds{kOne});
        }
        RecordSeven(marks, operation.With(Labels{{"model", "new"}}));
      },
      1));
  cases->back().grows = Overflows;
  cases->back().environment = {{"RINGSIDE_SERIES", "24"}};
}

}  // namespace ringside::tests
