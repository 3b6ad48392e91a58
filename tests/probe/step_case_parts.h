// What several of the cases are made of.
#ifndef RINGSIDE_TESTS_PROBE_STEP_CASE_PARTS_H_
#define RINGSIDE_TESTS_PROBE_STEP_CASE_PARTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include <ringside/probe.h>

#include "tests/probe/step_cases.h"

namespace ringside::tests {

inline constexpr uint64_t kPageBytes = 4096;
inline constexpr int64_t kOne = 5;  // what samples before the operation are

// `before` samples of kOne are recorded before Begin.
StepCase Timing(std::string name, StepBody body, uint64_t before);

void RecordTimes(const Operation& operation, uint64_t times);
// The operation itself: a sample of 7.
void RecordSeven(const StepMarks& marks, const Operation& operation);
// Two samples, in a lane that the thread keeps.
void RecordInAThreadThatStays(const Operation& operation);

// -- what grows --
uint64_t TimingDropped(const SegmentView& view);
uint64_t SharedSamples(const SegmentView& view);
uint64_t SeriesCount(const SegmentView& view);

// The cases that take memory of the segment.
void AddGrowth(std::vector<StepCase>* cases);
void AddRegistration(std::vector<StepCase>* cases);

}  // namespace ringside::tests

#endif  // RINGSIDE_TESTS_PROBE_STEP_CASE_PARTS_H_
