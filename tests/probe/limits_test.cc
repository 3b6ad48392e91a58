// Beyond the segment's bounds: the statistics stay exact, only what they tell apart gets coarser.
#include <chrono>
#include <thread>

#include <ringside/probe.h>

#include "tests/probe/probe_fixture.h"

namespace ringside::tests {
namespace {

using std::chrono::nanoseconds;

using Limits = ProbeTest;

TEST_F(Limits, Series_BeyondTheTableGoToTheOverflowOfTheirPath) {
  Environment("RINGSIDE_SERIES", "64");
  ASSERT_EQ(Run([] {
              const Operation operation{"work"};
              for (int i = 0; i < 500; ++i) {
                const std::string label = std::to_string(i);
                operation.With(Labels{{"n", label}}).Record(nanoseconds{i + 1});
              }
              REQUIRE(Health().overflow_series > 0);
            }),
            0);
  const auto segment = Segment();
  const SeriesTotals all = segment->Totals("work");
  EXPECT_EQ(all.count, 500u);
  EXPECT_EQ(all.sum, 500u * 501u / 2);
  uint64_t in_overflow = 0;
  for (const SegmentSeries& series : segment->Series()) {
    if (!series.is_overflow || series.key.path != "work") continue;
    EXPECT_EQ(series.key.labels, (proto::LabelList{{"overflow", "true"}}));
    in_overflow += series.totals.count;
  }
  EXPECT_GT(in_overflow, 400u);
}

TEST_F(Limits, Series_BeyondEveryOverflowGoToTheGlobalOne) {
  Environment("RINGSIDE_SERIES", "16");
  ASSERT_EQ(Run([] {
              for (int i = 0; i < 100; ++i) {
                const std::string path = "path" + std::to_string(i);
                Operation{path}.Record(nanoseconds{5});
                Value{path + ".v", "{x}"}.Record(3);
                Counter{path + ".c"}.Add(2);
              }
            }),
            0);
  const auto segment = Segment();
  uint64_t durations = 0;
  uint64_t values = 0;
  uint64_t counted = 0;
  for (const SegmentSeries& series : segment->Series()) {
    if (series.key.kind == proto::Kind::kDuration) durations += series.totals.count;
    if (series.key.kind == proto::Kind::kValue) values += series.totals.count;
    if (series.key.kind == proto::Kind::kCounter) counted += series.totals.sum;
  }
  EXPECT_EQ(durations, 100u);
  EXPECT_EQ(values, 100u);
  EXPECT_EQ(counted, 200u);
  EXPECT_GT(segment->Totals("(overflow)").count, 0u);
}

TEST_F(Limits, Series_BeyondTheProcessTableStillCount) {
  ASSERT_EQ(Run([] {
              const Operation operation{"work"};
              for (int i = 0; i < 6000; ++i) {
                const std::string label = std::to_string(i);
                operation.With(Labels{{"n", label}}).Record(nanoseconds{2});
              }
            }),
            0);
  EXPECT_EQ(Segment()->Totals("work").count, 6000u);
  EXPECT_EQ(Segment()->Totals("work").sum, 12'000u);
}

TEST_F(Limits, Series_ErrorTypesAreBounded) {
  ASSERT_EQ(Run([] {
              const Operation operation{"work"};
              for (int i = 0; i < 1000; ++i) {
                operation.Record(nanoseconds{1}, Outcome::kError, std::to_string(i));
              }
            }),
            0);
  const auto segment = Segment();
  EXPECT_EQ(segment->Totals("work", proto::Outcome::kError).count, 1000u);
  EXPECT_LT(segment->Series().size(), 50u);
}

TEST_F(Limits, Pool_ExhaustedIsCoarseAndExact) {
  Environment("RINGSIDE_POOL_BYTES", "65536");
  ASSERT_EQ(
      Run([] {
        std::vector<std::thread> threads;
        for (int t = 0; t < 8; ++t) {
          threads.emplace_back([] {
            for (int i = 0; i < 40'000; ++i) {
              // 20 series of 40 octaves each: 400 KiB of pages for every lane.
              const std::string label = std::to_string(i / 40 % 20);
              Operation{"work", Labels{{"n", label}}}.Record(nanoseconds{int64_t{1} << (i % 40)});
            }
          });
        }
        for (std::thread& thread : threads) thread.join();
        REQUIRE(Health().coarse_samples > 0);
      }),
      0);
  const auto segment = Segment();
  const SeriesTotals totals = segment->Totals("work");
  EXPECT_EQ(totals.count, 320'000u);
  EXPECT_EQ(totals.sum, uint64_t{8000} * ((uint64_t{1} << 40) - 1));
  EXPECT_EQ(totals.coarse_count, segment->header().coarse_samples.load());
}

TEST_F(Limits, Names_AreCutAtTheirLimits) {
  ASSERT_EQ(
      Run([] {
        // 200 bytes end inside a two-byte character.
        const std::string path = "x" + [] {
          std::string text;
          for (int i = 0; i < 200; ++i) text += "\xc3\xa4";
          return text;
        }();
        Operation{path, Labels{{std::string(300, 'k'), std::string(300, 'v')}, {"", "x"}}}.Record(
            nanoseconds{1});
        Operation{""}.Record(nanoseconds{1});
      }),
      0);
  for (const SegmentSeries& series : Segment()->Series()) {
    if (series.totals.count == 0 || series.key.path == "(unnamed)") continue;
    EXPECT_EQ(series.key.path.size(), 199u);
    ASSERT_EQ(series.key.labels.size(), 1u);
    EXPECT_EQ(series.key.labels[0].first.size(), proto::kMaxLabelKeyBytes);
    EXPECT_EQ(series.key.labels[0].second.size(), proto::kMaxLabelValueBytes);
  }
  EXPECT_EQ(Segment()->Totals("(unnamed)").count, 1u);
}

}  // namespace
}  // namespace ringside::tests
