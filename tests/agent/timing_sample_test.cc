// What an interval keeps of many more records than its budget, of which not all are read.
#include "agent/timing_sample.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

namespace ringside::agent {
namespace {

constexpr uint32_t kBudget = 64;

// A ring that is full at each of so many looks; values tell when they were written.
std::vector<uint64_t> Sampled(uint64_t looks, uint64_t ring, uint64_t* read) {
  TimingSample sample;
  uint64_t written = 0;
  *read = 0;
  for (uint64_t look = 0; look < looks; ++look) {
    const uint64_t wanted = sample.Wanted(ring, kBudget);
    std::vector<proto::TimingRecord> records(wanted);
    for (uint64_t i = 0; i < wanted; ++i) records[i].value = written + ring - wanted + i;
    sample.Add(records.data(), records.size(), kBudget, ring / wanted);
    written += ring;
    *read += wanted;
  }
  std::vector<uint64_t> values;
  sample.Take([&](const proto::TimingRecord& record) { values.push_back(record.value); });
  return values;
}

TEST(TimingSampleTest, Many_AllAreReadUpToSoManyBudgets) {
  uint64_t read = 0;
  EXPECT_EQ(Sampled(TimingSample::kWholeBudgets, kBudget, &read).size(), kBudget);
  EXPECT_EQ(read, TimingSample::kWholeBudgets * kBudget);
}

TEST(TimingSampleTest, Many_WhatIsReadFollowsTheBudgetAndNotTheRecords) {
  constexpr uint64_t kLooks = 100;
  constexpr uint64_t kRing = 1024;
  uint64_t read = 0;
  Sampled(kLooks, kRing, &read);
  EXPECT_LE(read, (TimingSample::kWholeBudgets + kLooks) * kBudget);
  Sampled(kLooks, 100 * kRing, &read);
  EXPECT_LE(read, (TimingSample::kWholeBudgets + kLooks) * kBudget);
}

// The values rise, so the slowest are the last ones: the rest must be spread over all of the time.
TEST(TimingSampleTest, Many_TheSpreadIsEvenOverTheInterval) {
  constexpr uint64_t kLooks = 100;
  constexpr uint64_t kRing = 1024;
  uint64_t read = 0;
  const std::vector<uint64_t> values = Sampled(kLooks, kRing, &read);
  ASSERT_EQ(values.size(), kBudget);
  constexpr uint64_t kQuarter = kLooks * kRing / 4;
  for (uint64_t quarter = 0; quarter < 4; ++quarter) {
    const auto in_it = std::count_if(values.begin(), values.end(),
                                     [&](uint64_t value) { return value / kQuarter == quarter; });
    EXPECT_GE(in_it, 4) << quarter;
    // The last one has the slowest as well.
    if (quarter < 3) {
      EXPECT_LE(in_it, 10) << quarter;
    }
  }
}

TEST(TimingSampleTest, Off_NothingIsRead) {
  const TimingSample sample;
  EXPECT_EQ(sample.Wanted(1000, 0), 0u);
}

}  // namespace
}  // namespace ringside::agent
