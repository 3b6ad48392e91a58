// What one producer can make the agent remember has an end (docs/agent.md, "Whom the agent
// trusts").
#include <cstring>
#include <limits>

#include "tests/agent/agent_fixture.h"

namespace ringside::agent {
namespace {

using proto::DropReason;
using testing::HasSubstr;

class BoundsTest : public AgentTest {
 protected:
  // Raw detail without a budget, rings looked at every ten milliseconds.
  AgentConfig Everything() const {
    AgentConfig config = Config();
    config.poll = std::chrono::milliseconds(1);
    config.detail = {std::numeric_limits<uint32_t>::max(), std::numeric_limits<uint32_t>::max()};
    return config;
  }
  void Poll() {
    monotonic_ns_ += 10000000;
    unix_ns_ += 10000000;
    agent_->DoWork(monotonic_ns_, unix_ns_);
  }
  static proto::SeriesKey Key(int labels) {
    proto::SeriesKey key;
    key.path = "op";
    key.unit = "s";
    for (int i = 0; i < labels; ++i) {
      key.labels.emplace_back(std::string(1, static_cast<char>('a' + i)), std::string(200, 'x'));
    }
    return key;
  }
  // Series up to `count` that are all like the first one.
  static void Repeat(SegmentBuilder* segment, uint32_t count) {
    for (uint32_t i = 1; i < count; ++i) {
      std::memcpy(static_cast<void*>(segment->series(i)), segment->series(0),
                  sizeof(proto::SeriesEntry));
    }
    segment->header()->series_count.store(count);
  }
  // What was not sampled, after an interval in which all that it wrote was passed.
  uint64_t Passed(const SegmentBuilder& segment, uint64_t written) const {
    const proto::ProducerTotals totals = Last(segment.uuid()).totals;
    const uint64_t passed = totals.dropped[static_cast<size_t>(DropReason::kNotSampled)];
    EXPECT_TRUE(Last(segment.uuid()).quarantine.empty()) << Last(segment.uuid()).quarantine;
    EXPECT_EQ(totals.detail_written, written);
    EXPECT_EQ(totals.detail_sent + passed, written);
    return passed;
  }
};

TEST_F(BoundsTest, Names_Beyond32MibAreRefused) {
  SegmentBuilder::Sizes sizes;
  sizes.series = 16001;
  SegmentBuilder many(segments_.path(), sizes);
  many.Live();
  many.AddSeries(Key(15));
  Repeat(&many, 16000);
  StartAgent();
  CloseInterval();
  EXPECT_THAT(Last(many.uuid()).quarantine, HasSubstr("names take more than 32 MiB"));
}

TEST_F(BoundsTest, Histograms_Beyond64MibAreRefused) {
  constexpr uint32_t kSeries = 2400;  // of 32 KiB each, from a nanosecond to a century
  SegmentBuilder::Sizes sizes;
  sizes.series = kSeries + 1;
  sizes.pool_bytes = 16 << 20;
  SegmentBuilder wide(segments_.path(), sizes);
  wide.Live();
  wide.AddDuration("op");
  Repeat(&wide, kSeries);
  StartAgent();
  for (uint32_t i = 0; i < kSeries; ++i) {
    wide.RecordOnlyCells(0, i, 1);
    wide.RecordOnlyCells(0, i, int64_t{1} << 62);
  }
  CloseInterval();
  const proto::ProducerDelta last = Last(wide.uuid());
  EXPECT_THAT(last.quarantine, HasSubstr("64 MiB of histograms"));
  EXPECT_EQ(last.totals.lost[static_cast<size_t>(proto::LossReason::kQuarantined)], 2u * kSeries)
      << "they were valid, and are counted";
}

TEST_F(BoundsTest, Requests_Beyond32MibAreNotSampled) {
  SegmentBuilder::Sizes sizes;
  sizes.request_ring_bytes = 4 << 20;
  SegmentBuilder busy(segments_.path(), sizes);
  busy.Live();
  const uint32_t series = busy.AddDuration("op");
  EntryWriter entries;
  for (int i = 0; i < 4; ++i) entries.Attribute("file", std::string(900, 'x'));
  StartAgent(Everything());
  uint64_t written = 0;
  for (int round = 0; round < 16; ++round) {
    for (int i = 0; i < 700; ++i, ++written) {
      ASSERT_TRUE(busy.PushRequest(0, series, Ticks(), 1, entries.bytes()));
    }
    Poll();
  }
  CloseInterval();
  const uint64_t passed = Passed(busy, written);
  EXPECT_GT(passed, 0u);
  EXPECT_GT((written - passed) * entries.bytes().size(), uint64_t{30} << 20);
}

TEST_F(BoundsTest, Timings_Beyond64MibOfRowsAreNotSampled) {
  SegmentBuilder::Sizes sizes;
  sizes.timing_ring_records = 8192;
  SegmentBuilder busy(segments_.path(), sizes);
  busy.Live();
  const uint32_t series = busy.AddSeries(Key(8));
  StartAgent(Everything());
  uint64_t written = 0;
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 5000; ++i, ++written) {
      ASSERT_TRUE(busy.PushTiming(0, series, Ticks(), 1));
    }
    Poll();
  }
  CloseInterval();
  const uint64_t sent = written - Passed(busy, written);
  EXPECT_GT(sent, 20000u) << "up to the bound all are kept";
  EXPECT_LT(sent, 45000u);
}

}  // namespace
}  // namespace ringside::agent
