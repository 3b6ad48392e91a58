// Values, counters and gauges: what is counted, what is refused, and that sums are exact.
#include <cmath>
#include <limits>

#include <ringside/probe.h>

#include "tests/probe/probe_fixture.h"

namespace ringside::tests {
namespace {

using Values = ProbeTest;

uint64_t Lost(const SegmentView& segment, proto::LossReason reason) {
  return segment.header().lost[static_cast<size_t>(reason)].load();
}

TEST_F(Values, Value_RefusesWhatIsNoNumber) {
  ASSERT_EQ(Run([] {
              const Value value{"tokens", "{token}"};
              value.Record(std::numeric_limits<double>::quiet_NaN());
              value.Record(std::numeric_limits<double>::infinity());
              value.Record(-std::numeric_limits<double>::infinity());
              value.Record(-1.5);
              value.Record(-3);
              value.Record(7);
              ringside_health health{};
              health.size = sizeof health;
              REQUIRE(ringside_get_health(&health) == 0);
              REQUIRE(health.lost_not_finite == 3 && health.lost_negative == 2);
            }),
            0);
  const auto segment = Segment();
  EXPECT_EQ(Lost(*segment, proto::LossReason::kNotFinite), 3u);
  EXPECT_EQ(Lost(*segment, proto::LossReason::kNegative), 2u);
  EXPECT_EQ(segment->Totals("tokens").count, 1u);
  EXPECT_EQ(segment->Totals("tokens").sum, 7u);
}

TEST_F(Values, Value_FixedPointSumsAreExact) {
  ASSERT_EQ(Run([] {
              const Value ratio{"ratio", "1"};
              const Value tokens{"tokens", "{token}"};
              const Value coarse{"coarse", "1", ValueOptions{}.Resolution(3)};
              for (int i = 0; i < 1000; ++i) ratio.Record(0.25 + i);
              for (int i = 0; i < 1000; ++i) ratio.Record(i);
              for (int i = 0; i < 1000; ++i) tokens.Record(i);
              coarse.Record(64);
              coarse.Record(67.9);  // to the nearest multiple of 8
            }),
            0);
  const auto segment = Segment();
  const SegmentSeries ratio = segment->Find("ratio");
  EXPECT_EQ(ratio.key.resolution, -20);
  EXPECT_EQ(ratio.totals.count, 2000u);
  EXPECT_EQ(ratio.totals.sum, (uint64_t{999'000} << 20) + (1000u << 18));
  const SegmentSeries tokens = segment->Find("tokens");
  EXPECT_EQ(tokens.key.resolution, 0);
  EXPECT_EQ(tokens.totals.sum, 499'500u);
  EXPECT_EQ(tokens.totals.zero_count, 1u);
  EXPECT_EQ(segment->Totals("coarse").sum, 16u);
  EXPECT_EQ(segment->Totals("coarse").max, 8);
}

TEST_F(Values, Value_SignedTakesBothSigns) {
  ASSERT_EQ(Run([] {
              const Value drift{"drift", "{step}", ValueOptions{}.Signed()};
              for (int i = -100; i <= 50; ++i) drift.Record(i);
              drift.Record(-12.4);
            }),
            0);
  const SeriesTotals totals = Segment()->Totals("drift");
  EXPECT_EQ(totals.count, 152u);
  EXPECT_EQ(static_cast<int64_t>(totals.sum), -5050 + 1275 - 12);
  EXPECT_EQ(totals.min, -100);
  EXPECT_EQ(totals.max, 50);
}

TEST_F(Values, Value_TooLargeIsClampedAndCounted) {
  ASSERT_EQ(Run([] {
              const Value value{"bytes", "By"};
              value.Record(1e300);
              value.Record(std::numeric_limits<int64_t>::max());
              const Value fine{"fine", "1"};
              fine.Record(std::numeric_limits<int64_t>::max());
            }),
            0);
  const auto segment = Segment();
  EXPECT_EQ(segment->header().clamped.load(), 2u);
  EXPECT_EQ(segment->Totals("bytes").count, 2u);
  EXPECT_EQ(segment->Totals("bytes").max, std::numeric_limits<int64_t>::max());
}

TEST_F(Values, Value_ScaleSetsTheBuckets) {
  ASSERT_EQ(Run([] {
              const Value fine{"fine", "By", ValueOptions{}.Scale(8)};
              for (int i = 1; i <= 5000; ++i) fine.Record(i);
            }),
            0);
  EXPECT_EQ(Segment()->Totals("fine").count, 5000u);
  EXPECT_EQ(Segment()->Totals("fine").sum, 5000u * 5001u / 2);
}

TEST_F(Values, Counter_AddsUp) {
  ASSERT_EQ(Run([] {
              const Counter counter{"requests", "{request}"};
              for (int i = 0; i < 1000; ++i) counter.Add();
              counter.Add(41);
              counter.With(Labels{{"device", "gpu"}}).Add(2);
            }),
            0);
  EXPECT_EQ(Segment()->Find("requests").totals.sum, 1041u);
  EXPECT_EQ(Segment()->Totals("requests").sum, 1043u);
  EXPECT_EQ(Segment()->TotalCount(), 0u);
}

TEST_F(Values, Gauge_KeepsTheLastValue) {
  ASSERT_EQ(Run([] {
              const Gauge gauge{"queue", "{item}"};
              gauge.Set(9);
              REQUIRE(true);
              gauge.Set(4);
            }),
            0);
  const SeriesTotals totals = Segment()->Totals("queue");
  EXPECT_EQ(totals.last, 4);
  EXPECT_NE(totals.last_ticks, 0u);
  EXPECT_EQ(totals.count, 2u);
}

TEST_F(Values, Gauge_FirstValueOfAThreadHasATime) {
  ASSERT_EQ(Run([] { Gauge{"queue", "{item}"}.Set(9); }), 0);
  EXPECT_NE(Segment()->Totals("queue").last_ticks, 0u);
}

}  // namespace
}  // namespace ringside::tests
