// From cells to deltas: what a producer recorded is what is delivered, in any interval.
#include "tests/agent/agent_fixture.h"

namespace ringside::agent {
namespace {

class StatisticsTest : public AgentTest {
 protected:
  StatisticsTest() : producer_(segments_.path()) { producer_.Live(); }

  SegmentBuilder producer_;
};

TEST_F(StatisticsTest, Delta_FirstIntervalHoldsAllSinceTheWorkerStarted) {
  const uint32_t decode = producer_.AddDuration("decode");
  for (int64_t value : {100, 200, 300}) producer_.Record(0, decode, value);
  StartAgent();
  CloseInterval();
  const proto::Distribution delta = Delivered("decode");
  EXPECT_EQ(delta.Count(), 3u);
  EXPECT_EQ(static_cast<int64_t>(delta.sum), 600);
  EXPECT_EQ(delta.min, 100);
  EXPECT_EQ(delta.max, 300);
  EXPECT_EQ(Last(producer_.uuid()).totals.recorded, 3u);
  EXPECT_EQ(Last(producer_.uuid()).service, "svc");
}

TEST_F(StatisticsTest, Delta_LaterIntervalsHoldOnlyWhatIsNew) {
  const uint32_t decode = producer_.AddDuration("decode");
  StartAgent();
  producer_.Record(0, decode, 100);
  CloseInterval();
  producer_.Record(0, decode, 700);
  producer_.Record(0, decode, 800);
  CloseInterval();
  const auto deltas = Deltas("decode");
  ASSERT_EQ(deltas.size(), 2u);
  EXPECT_EQ(deltas[1].Count(), 2u);
  EXPECT_EQ(static_cast<int64_t>(deltas[1].sum), 1500);
  EXPECT_EQ(deltas[1].min, 700);
  EXPECT_EQ(deltas[1].max, 800);
  EXPECT_EQ(Last(producer_.uuid()).totals.recorded, 3u);
}

TEST_F(StatisticsTest, Delta_NothingNewMeansNothingIsSent) {
  const uint32_t decode = producer_.AddDuration("decode");
  producer_.Record(0, decode, 1);
  StartAgent();
  CloseIntervals(3);
  EXPECT_EQ(Deltas("decode").size(), 1u);
  int named = 0;
  for (const proto::Batch& batch : Batches()) {
    for (const auto& delta : batch.producers) named += delta.uuid == producer_.uuid() ? 1 : 0;
  }
  EXPECT_EQ(named, 1);
  // What the agent says of itself is there every interval.
  EXPECT_EQ(Deltas("agent.producers").size(), 3u);
}

TEST_F(StatisticsTest, Delta_ANewProducerIsNamedBeforeItRecords) {
  StartAgent();
  CloseInterval();
  EXPECT_TRUE(WasNamed(producer_.uuid()));
}

TEST_F(StatisticsTest, Lanes_AreSummed) {
  const uint32_t decode = producer_.AddDuration("decode");
  StartAgent();
  for (uint32_t lane = 0; lane < 3; ++lane) producer_.Record(lane, decode, 10 + lane);
  CloseInterval();
  EXPECT_EQ(Deltas("decode").size(), 1u);
  EXPECT_EQ(Delivered("decode").Count(), 3u);
  EXPECT_EQ(static_cast<int64_t>(Delivered("decode").sum), 33);
}

TEST_F(StatisticsTest, Lanes_OneThatComesLaterIsFound) {
  const uint32_t decode = producer_.AddDuration("decode");
  StartAgent();
  producer_.Record(0, decode, 10);
  CloseInterval();
  producer_.Record(2, decode, 20);
  CloseInterval();
  EXPECT_EQ(Delivered("decode").Count(), 2u);
}

TEST_F(StatisticsTest, Series_OneThatComesLaterIsFound) {
  producer_.Record(0, producer_.AddDuration("first"), 10);
  StartAgent();
  CloseInterval();
  producer_.Record(0, producer_.AddDuration("second"), 10);
  CloseInterval();
  EXPECT_EQ(Delivered("second").Count(), 1u);
}

TEST_F(StatisticsTest, Series_OneWhoseWriterWasKilledIsWaitedForByNobody) {
  producer_.AddDuration("never");
  producer_.series(0)->state = proto::EntryState::kReserved;
  producer_.Record(0, producer_.AddDuration("decode"), 10);
  StartAgent();
  CloseInterval();
  EXPECT_EQ(Delivered("decode").Count(), 1u);
  EXPECT_TRUE(Last(producer_.uuid()).quarantine.empty());
}

TEST_F(StatisticsTest, Values_NegativeZeroAndLargeOnesKeepTheirPlace) {
  proto::SeriesKey key;
  key.path = "temperature";
  key.kind = proto::Kind::kValue;
  key.is_signed = true;
  key.resolution = -4;
  key.unit = "Cel";
  const uint32_t series = producer_.AddSeries(key);
  StartAgent();
  for (int64_t value : {-50, 0, 70}) producer_.Record(0, series, value);
  CloseInterval();
  const proto::Distribution delta = Delivered("temperature");
  EXPECT_EQ(delta.histogram.zero_count(), 1u);
  EXPECT_EQ(delta.histogram.negative().Count(), 1u);
  EXPECT_EQ(delta.histogram.positive().Count(), 1u);
  EXPECT_EQ(static_cast<int64_t>(delta.sum), 20);
  EXPECT_EQ(delta.min, -50);
  EXPECT_EQ(delta.max, 70);
  EXPECT_EQ(delta.resolution, -4);
}

TEST_F(StatisticsTest, Values_SumsWrapAndStayExact) {
  const uint32_t series = producer_.AddDuration("decode");
  producer_.Block(0, series)->sum.store(~uint64_t{0} - 5);
  StartAgent();
  CloseInterval();
  producer_.Record(0, series, 10);
  CloseInterval();
  EXPECT_EQ(static_cast<int64_t>(Deltas("decode").back().sum), 10);
}

TEST_F(StatisticsTest, Values_CoarseSamplesLowerTheScaleOfTheirDeltaAlone) {
  const uint32_t series = producer_.AddDuration("decode");
  StartAgent();
  producer_.RecordCoarse(0, series, 1000);
  producer_.Record(0, series, 1000);
  CloseInterval();
  producer_.Record(0, series, 1000);
  CloseInterval();
  const auto deltas = Deltas("decode");
  ASSERT_EQ(deltas.size(), 2u);
  EXPECT_EQ(deltas[0].Count(), 2u);
  EXPECT_EQ(deltas[0].histogram.scale(), 0);
  EXPECT_EQ(deltas[1].histogram.scale(), proto::kDefaultScale);
}

TEST_F(StatisticsTest, Values_CoarseSamplesAreDeliveredAndCountedInEveryInterval) {
  const uint32_t series = producer_.AddDuration("decode");
  StartAgent();
  for (uint64_t recorded = 1; recorded <= 3; ++recorded) {
    producer_.RecordCoarse(0, series, 1000);
    CloseInterval();
    ASSERT_EQ(Deltas("decode").size(), recorded);
    EXPECT_EQ(Deltas("decode").back().Count(), 1u);
    EXPECT_EQ(Last(producer_.uuid()).totals.recorded, recorded);
  }
}

TEST_F(StatisticsTest, Counters_HaveASumAndNoHistogram) {
  proto::SeriesKey key;
  key.path = "pages";
  key.kind = proto::Kind::kCounter;
  const uint32_t series = producer_.AddSeries(key);
  StartAgent();
  producer_.Record(0, series, 7);
  CloseInterval();
  producer_.Record(0, series, 5);
  CloseInterval();
  EXPECT_EQ(static_cast<int64_t>(Deltas("pages").back().sum), 5);
  EXPECT_EQ(Delivered("pages").Count(), 0u);
  EXPECT_EQ(Last(producer_.uuid()).totals.recorded, 0u);
}

TEST_F(StatisticsTest, Gauges_TheLastSetOverAllLanesWins) {
  proto::SeriesKey key;
  key.path = "queue.depth";
  key.kind = proto::Kind::kGauge;
  const uint32_t series = producer_.AddSeries(key);
  StartAgent();
  producer_.SetGauge(0, series, 5, Ticks() + 300);
  producer_.SetGauge(1, series, 9, Ticks() + 100);
  CloseInterval();
  const proto::Distribution delta = Delivered("queue.depth");
  EXPECT_EQ(delta.last, 5);
  // 300 ns after the last close, by the clock of the agent.
  EXPECT_EQ(delta.last_unix_ns, unix_ns_ - 1000000000 + 300);
  EXPECT_EQ(delta.Count(), 2u);
}

TEST_F(StatisticsTest, Extremes_ALateOneComesAnIntervalLater) {
  const uint32_t series = producer_.AddDuration("decode");
  StartAgent();
  const uint64_t interval = producer_.interval();
  producer_.Record(0, series, 100);
  producer_.RecordWithoutExtremes(0, series, 5000);  // a writer between its cell and its extreme
  CloseInterval();
  producer_.Widen(0, series, 5000, interval);
  producer_.lane(0)->timing_dropped.fetch_add(1);  // and on to its ring
  CloseInterval();
  const auto deltas = Deltas("decode");
  ASSERT_EQ(deltas.size(), 2u);
  EXPECT_EQ(deltas[0].Count(), 2u);
  EXPECT_EQ(deltas[0].max, 100);
  EXPECT_EQ(deltas[1].Count(), 0u);
  EXPECT_EQ(deltas[1].max, 5000);
  EXPECT_EQ(Delivered("decode").max, 5000);
}

TEST_F(StatisticsTest, Extremes_EachIntervalHasItsOwn) {
  const uint32_t series = producer_.AddDuration("decode");
  StartAgent();
  for (int64_t base : {1000, 10, 500, 70}) {
    producer_.Record(0, series, base);
    producer_.Record(0, series, base + 5);
    CloseInterval();
    EXPECT_EQ(Deltas("decode").back().min, base);
    EXPECT_EQ(Deltas("decode").back().max, base + 5);
  }
}

TEST_F(StatisticsTest, Extremes_SamplesAlwaysHaveSome) {
  const uint32_t series = producer_.AddDuration("decode");
  StartAgent();
  const uint64_t interval = producer_.interval();
  producer_.Record(0, series, 100);
  producer_.Record(0, series, 200);
  CloseInterval();
  // Recorded after the copy and before the next interval was opened.
  producer_.RecordWithoutExtremes(0, series, 150);
  producer_.Widen(0, series, 150, interval);
  CloseInterval();
  const proto::Distribution last = Deltas("decode").back();
  EXPECT_EQ(last.Count(), 1u);
  EXPECT_TRUE(last.has_extremes);
  EXPECT_LE(last.min, 150);
  EXPECT_GE(last.max, 150);
}

TEST_F(StatisticsTest, Interval_IsOpenedByTheAgentFromOneOn) {
  EXPECT_EQ(producer_.interval(), 0u);
  const uint32_t series = producer_.AddDuration("decode");
  StartAgent();
  EXPECT_EQ(producer_.interval(), 1u);
  producer_.Record(0, series, 1);
  CloseInterval();
  const uint64_t after_first = producer_.interval();
  producer_.Record(0, series, 1);
  CloseInterval();
  EXPECT_EQ(producer_.interval(), after_first + 1);
  EXPECT_NE(producer_.header()->control.load() & proto::kControlEnabled, 0u);
}

TEST_F(StatisticsTest, Frames_ManySeriesSpreadOverBatchesWithRisingTotals) {
  SegmentBuilder::Sizes sizes;
  sizes.series = 1000;
  sizes.pool_bytes = 16 << 20;
  SegmentBuilder large(segments_.path(), sizes);
  large.Live();
  uint64_t expected = 0;
  proto::SeriesKey key;
  for (int i = 0; i < 400; ++i) {
    key.path = "p" + std::to_string(i);
    const uint32_t series = large.AddSeries(key, 6);
    // Two values far apart: a wide window, so that a few hundred series fill several frames.
    large.Record(0, series, 1);
    large.Record(0, series, 100000);
    expected += 2;
    if (large.header()->strings_used.load() > 3800) break;
  }
  StartAgent();
  CloseInterval();
  uint64_t recorded = 0;
  uint64_t counted = 0;
  uint64_t sequence = 0;
  int parts = 0;
  for (const proto::Batch& batch : Batches()) {
    EXPECT_EQ(batch.id.sequence, ++sequence);
    for (const auto& delta : batch.producers) {
      if (delta.uuid != large.uuid()) continue;
      for (const auto& series : delta.series) counted += series.delta.Count();
      // Each part carries the totals as of itself.
      EXPECT_EQ(delta.totals.recorded, counted);
      EXPECT_GE(delta.totals.recorded, recorded);
      recorded = delta.totals.recorded;
      ++parts;
    }
  }
  EXPECT_GT(parts, 1);
  EXPECT_EQ(recorded, expected);
}

TEST_F(StatisticsTest, Lost_TheSegmentsOwnCountersTravel) {
  StartAgent();
  CloseInterval();
  producer_.header()->lost[static_cast<size_t>(proto::LossReason::kNotFinite)].store(4);
  producer_.header()->dropped[static_cast<size_t>(proto::DropReason::kNoSlot)].store(3);
  CloseInterval();
  const proto::ProducerTotals totals = Last(producer_.uuid()).totals;
  EXPECT_EQ(totals.lost[static_cast<size_t>(proto::LossReason::kNotFinite)], 4u);
  EXPECT_EQ(totals.dropped[static_cast<size_t>(proto::DropReason::kNoSlot)], 3u);
  EXPECT_EQ(totals.detail_written, 3u);
}

}  // namespace
}  // namespace ringside::agent
