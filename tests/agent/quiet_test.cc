// What an interval costs where nothing happens is little; what happens must be seen nevertheless.
#include <algorithm>

#include "agent/quiet_check.h"
#include "tests/agent/agent_fixture.h"

namespace ringside::agent {
namespace {

class QuietTest : public AgentTest {
 protected:
  QuietTest() : producer_(segments_.path()) {
    // The first ones of every segment: where all goes for which there is no room.
    producer_.AddDuration(std::string(proto::kGlobalOverflowPath));
    while (decode_ < proto::kGlobalOverflowEntries) decode_ = producer_.AddDuration("decode");
    stage_ = producer_.AddDuration("transcribe/load");
    proto::SeriesKey key;
    key.path = "hits";
    key.kind = proto::Kind::kCounter;
    counter_ = producer_.AddSeries(key);
    producer_.Live();
  }

  SegmentBuilder producer_;
  uint32_t decode_ = 0;
  uint32_t stage_ = 0;
  uint32_t counter_ = 0;
};

TEST_F(QuietTest, Seen_WhatLeavesNoTraceInARing) {
  producer_.Record(0, decode_, 7);
  producer_.RecordOnlyCells(0, counter_, 1);
  producer_.RecordOnlyCells(0, stage_, 1);
  producer_.RecordOnlyCells(0, 0, 1);  // stages as well
  StartAgent();
  CloseInterval();
  for (const auto& [series, path] : std::vector<std::pair<uint32_t, std::string>>{
           {counter_, "hits"},
           {stage_, "transcribe/load"},
           {0, std::string(proto::kGlobalOverflowPath)}}) {
    const size_t before = Deltas(path).size();
    for (int i = 0; i < 3; ++i) {
      producer_.RecordOnlyCells(0, series, 5);
      CloseInterval();
      EXPECT_EQ(Deltas(path).size(), before + static_cast<size_t>(i) + 1) << path;
    }
    CloseInterval();
    EXPECT_EQ(Deltas(path).size(), before + 3) << path << ": and nothing without one";
  }
}

TEST_F(QuietTest, Seen_AStageOfNoTime) {
  producer_.RecordOnlyCells(0, stage_, 1);
  StartAgent();
  CloseInterval();
  producer_.RecordOnlyCells(0, stage_, 0);
  CloseInterval();
  EXPECT_EQ(Delivered("transcribe/load").Count(), 2u);
}

// A block comes out of a chunk that was taken from the pool before.
TEST_F(QuietTest, Seen_ACountersFirstBlockInALane) {
  producer_.RecordOnlyCells(1, counter_, 0);
  uint32_t* const named = producer_.directory(1, counter_);
  const uint32_t unit = *named;
  *named = 0;
  StartAgent();
  CloseInterval();
  *named = unit;
  producer_.RecordOnlyCells(1, counter_, 3);
  CloseInterval();
  EXPECT_EQ(static_cast<int64_t>(Delivered("hits").sum), 3);
}

TEST_F(QuietTest, Seen_ARecordThatStoppedBeforeItsRingAtTheNextWholeComparison) {
  producer_.Record(0, decode_, 7);
  StartAgent();
  CloseInterval();
  producer_.RecordOnlyCells(0, decode_, 9);
  CloseIntervals(QuietCheck::kWholeEvery);
  EXPECT_EQ(Delivered("decode").Count(), 2u);
  EXPECT_EQ(Deltas("decode").size(), 2u);
}

// After an interval that was found quiet less is read than after one that was not.
TEST_F(QuietTest, Seen_WhateverMovesAfterQuietIntervals) {
  producer_.Record(0, decode_, 7);
  StartAgent();
  CloseInterval();
  const auto after_quiet = [&](const auto& change) {
    CloseIntervals(3);
    change();
    const size_t before = Batches().size();
    CloseInterval();
    const std::vector<proto::Batch> batches = Batches();
    return batches.size() > before &&
           std::any_of(batches.back().producers.begin(), batches.back().producers.end(),
                       [&](const auto& delta) { return delta.uuid == producer_.uuid(); });
  };
  EXPECT_FALSE(after_quiet([] {}));
  EXPECT_TRUE(after_quiet([&] { producer_.PushTiming(0, decode_, Ticks(), 1); }));
  EXPECT_TRUE(after_quiet([&] { producer_.PushRequest(0, decode_, Ticks(), 1, {}); }));
  EXPECT_TRUE(after_quiet([&] { producer_.Record(0, decode_, 9); })) << "dropped by its ring";
  EXPECT_TRUE(after_quiet([&] { producer_.header()->lost[0].fetch_add(1); }));
  EXPECT_TRUE(after_quiet([&] { producer_.header()->dropped[1].fetch_add(1); }));
  EXPECT_TRUE(after_quiet([&] { producer_.AddDuration("new"); }));
  EXPECT_TRUE(after_quiet([&] { producer_.RecordOnlyCells(0, counter_, 2); }));
  EXPECT_EQ(Delivered("decode").Count(), 2u);
}

}  // namespace
}  // namespace ringside::agent
