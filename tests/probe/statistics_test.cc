// What was recorded is what the segment holds: exactly, from any number of threads.
#include <atomic>
#include <chrono>
#include <thread>

#include <sched.h>

#include <ringside/probe.h>

#include "tests/probe/probe_fixture.h"

namespace ringside::tests {
namespace {

using std::chrono::nanoseconds;

class Statistics : public ProbeTest {
 protected:
  // `threads` threads record 1 .. records nanoseconds each, at once: none ends before all have
  // begun.
  static void RecordOnThreads(int threads, int records) {
    const Operation operation{"work"};
    std::atomic<int> begun{0};
    std::vector<std::thread> running;
    for (int t = 0; t < threads; ++t) {
      running.emplace_back([&, records] {
        for (int i = 1; i <= records; ++i) {
          operation.Record(nanoseconds{i});
          if (i > 1) continue;
          ++begun;
          while (begun < threads) sched_yield();
        }
      });
    }
    for (std::thread& thread : running) thread.join();
  }

  void ExpectThreads(uint64_t threads, uint64_t records) {
    const auto segment = Segment();
    ASSERT_NE(segment, nullptr);
    const SeriesTotals totals = segment->Totals("work");
    EXPECT_EQ(totals.count, threads * records);
    EXPECT_EQ(totals.sum, threads * (records * (records + 1) / 2));
    EXPECT_EQ(totals.min, 1);
    EXPECT_EQ(totals.max, static_cast<int64_t>(records));
    EXPECT_EQ(segment->TimingWritten() + segment->TimingDropped(), threads * records);
  }
};

TEST_F(Statistics, Record_SingleThreadIsExact) {
  ASSERT_EQ(Run([] { RecordOnThreads(1, 100'000); }), 0);
  ExpectThreads(1, 100'000);
}

TEST_F(Statistics, Record_EightThreadsAreExact) {
  ASSERT_EQ(Run([] { RecordOnThreads(8, 50'000); }), 0);
  ExpectThreads(8, 50'000);
  EXPECT_LE(Segment()->lanes_used(), 1u + 8u);  // lane 0 is the shared one
}

TEST_F(Statistics, Record_MoreThreadsThanLanesShareOne) {
  Environment("RINGSIDE_LANES", "4");
  ASSERT_EQ(Run([] { RecordOnThreads(16, 20'000); }), 0);
  ExpectThreads(16, 20'000);
  EXPECT_EQ(Segment()->lanes_used(), 4u);
}

TEST_F(Statistics, Record_ShortThreadsReuseLanes) {
  constexpr int kThreads = 10'000;
  ASSERT_EQ(Run([] {
              const Operation operation{"work"};
              for (int i = 0; i < kThreads; ++i) {
                std::thread([&operation] { operation.Record(nanoseconds{3}); }).join();
              }
            }),
            0);
  const auto segment = Segment();
  EXPECT_EQ(segment->Totals("work").count, static_cast<uint64_t>(kThreads));
  EXPECT_EQ(segment->Totals("work").sum, 3u * kThreads);
  EXPECT_LE(segment->lanes_used(), 3u);
  EXPECT_EQ(segment->lane(1).state.load(), proto::LaneState::kFree);
}

TEST_F(Statistics, Record_AfterTheLaneWasReleasedStillCounts) {
  ASSERT_EQ(Run([] {
              static const Operation operation{"work"};
              static pthread_key_t key;
              // Set after the probe's own key in every round, so its destructor runs after ours.
              std::thread([] {
                operation.Record(nanoseconds{1});
                pthread_key_create(&key, [](void*) { operation.Record(nanoseconds{1}); });
                pthread_setspecific(key, &key);
              }).join();
            }),
            0);
  const auto segment = Segment();
  EXPECT_EQ(segment->Totals("work").count, 2u);
  EXPECT_EQ(segment->lane(0).timing_dropped.load(), 1u);
}

TEST_F(Statistics, Record_InStaticDestructorsStillCounts) {
  ASSERT_EQ(Run([] {
              struct Late {
                ~Late() { Operation{"late"}.Record(nanoseconds{5}); }
              };
              static const Late late;
              exit(0);
            }),
            0);
  EXPECT_EQ(Segment()->Totals("late").count, 1u);
}

TEST_F(Statistics, Ring_FullCountsEveryDrop) {
  Environment("RINGSIDE_TIMING_RING_RECORDS", "16");
  ASSERT_EQ(Run([] {
              const Operation operation{"work"};
              for (int i = 0; i < 1000; ++i) operation.Record(nanoseconds{i + 1});
              char path[512];
              REQUIRE(ringside_segment_path(path, sizeof path) > 0);
              const auto view = SegmentView::Open(path);
              view->TrimRings();
              for (int i = 0; i < 10; ++i) operation.Record(nanoseconds{7});
            }),
            0);
  const auto segment = Segment();
  EXPECT_EQ(segment->TimingWritten(), 16u + 10u);
  EXPECT_EQ(segment->TimingDropped(), 1000u - 16u);
  EXPECT_EQ(segment->Totals("work").count, 1010u);
  const auto records = segment->Timings(1);
  ASSERT_EQ(records.size(), 10u);
  for (const auto& record : records) {
    EXPECT_EQ(record.value, 7u);
    EXPECT_EQ(record.series, segment->Find("work").index);
    EXPECT_NE(record.start_ticks, 0u);
  }
}

TEST_F(Statistics, Extremes_OfAnIntervalStandInItsSlot) {
  ASSERT_EQ(Run([] {
              const Operation operation{"work"};
              operation.Record(nanoseconds{50});
              operation.Record(nanoseconds{900});
              char path[512];
              ringside_segment_path(path, sizeof path);
              const auto view = SegmentView::Open(path);
              view->mutable_header()->control.fetch_add(1);
              operation.Record(nanoseconds{400});
              operation.Record(nanoseconds{300});
              view->mutable_header()->control.fetch_add(1);
              operation.Record(nanoseconds{70});  // takes the first interval's slot over
            }),
            0);
  const auto segment = Segment();
  const auto& g = segment->header().geometry;
  const auto* base = reinterpret_cast<const char*>(&segment->header());
  const auto* directory = reinterpret_cast<const uint32_t*>(base + g.directory_offset);
  const uint32_t unit = directory[g.series_capacity + segment->Find("work").index];
  const auto* block = reinterpret_cast<const proto::BlockHead*>(base + g.pool_offset +
                                                                unit * proto::kPoolUnitBytes);
  EXPECT_EQ(block->extremes[0].tag.load(), 3u);
  EXPECT_EQ(block->extremes[0].min.load(), 70);
  EXPECT_EQ(block->extremes[0].max.load(), 70);
  EXPECT_EQ(block->extremes[1].tag.load(), 2u);
  EXPECT_EQ(block->extremes[1].min.load(), 300);
  EXPECT_EQ(block->extremes[1].max.load(), 400);
}

TEST_F(Statistics, Timer_OutcomesAreSeriesOfTheirOwn) {
  ASSERT_EQ(Run([] {
              const Operation operation{"work", Labels{{"model", "a"}}};
              { const Timer timer{operation}; }
              {
                Timer timer{operation};
                timer.Fail("timeout");
                timer.Fail("later");  // the first one stands
              }
              try {
                const Timer timer{operation};
                throw 1;
              } catch (int) {
              }
              operation.Record(nanoseconds{5}, Outcome::kAborted);
              operation.With(Labels{{"model", "b"}}).Record(nanoseconds{6});
            }),
            0);
  std::map<std::string, uint64_t> counts;
  for (const SegmentSeries& series : Segment()->Series()) {
    if (series.totals.count == 0) continue;
    const std::string name = std::string(proto::ToString(series.key.outcome)) + "/" +
                             series.key.error_type + "/" + series.key.labels.at(0).second;
    counts[name] = series.totals.count;
  }
  const std::map<std::string, uint64_t> expected = {{"ok//a", 1},
                                                    {"ok//b", 1},
                                                    {"error/timeout/a", 1},
                                                    {"error/exception/a", 1},
                                                    {"aborted//a", 1}};
  EXPECT_EQ(counts, expected);
}

TEST_F(Statistics, Timer_MeasuresWhatPassed) {
  ASSERT_EQ(Run([] {
              const Operation operation{"sleep"};
              for (int i = 0; i < 5; ++i) {
                const Timer timer{operation};
                std::this_thread::sleep_for(std::chrono::milliseconds{10});
              }
            }),
            0);
  const SeriesTotals totals = Segment()->Totals("sleep");
  EXPECT_EQ(totals.count, 5u);
  EXPECT_GE(totals.min, 9'990'000);
  EXPECT_LT(totals.sum, 60'000'000'000u);
}

TEST_F(Statistics, Timer_InFlightNamesTheInnermost) {
  ASSERT_EQ(Run([] {
              const Operation outer{"outer"};
              const Operation inner{"inner"};
              const Timer first{outer};
              { const Timer second{inner}; }
              char path[512];
              ringside_segment_path(path, sizeof path);
              const auto view = SegmentView::Open(path);
              const uint64_t word = view->lane(1).in_flight.load();
              REQUIRE(word >> 40 == view->Find("outer").index);
            }),
            0);
  EXPECT_EQ(Segment()->lane(1).in_flight.load(), 0u);
}

TEST_F(Statistics, Segment_OfAnIdleProducerIsBelowOneMebibyte) {
  ASSERT_EQ(Run([] { Operation{"work"}.Record(nanoseconds{5}); }), 0);
  EXPECT_LT(Segment()->ResidentBytes(), uint64_t{1} << 20);
}

}  // namespace
}  // namespace ringside::tests
