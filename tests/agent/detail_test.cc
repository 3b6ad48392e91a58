// Raw detail: timing and request records, from rings to rows, within the budget, every one
// accounted.
#include <numeric>

#include "tests/agent/agent_fixture.h"

namespace ringside::agent {
namespace {

using proto::DropReason;

uint64_t Dropped(const proto::ProducerTotals& totals, DropReason reason) {
  return totals.dropped[static_cast<size_t>(reason)];
}

class DetailTest : public AgentTest {
 protected:
  DetailTest() : producer_(segments_.path()) { producer_.Live(); }

  proto::ProducerTotals Totals() const { return Last(producer_.uuid()).totals; }
  void ExpectBalanced() const {
    const proto::ProducerTotals totals = Totals();
    const uint64_t dropped =
        std::accumulate(totals.dropped.begin(), totals.dropped.end(), uint64_t{0});
    EXPECT_EQ(totals.detail_written, totals.detail_sent + dropped);
  }

  SegmentBuilder producer_;
};

TEST_F(DetailTest, Timings_BecomeRowsWithWallClock) {
  const uint32_t decode = producer_.AddDuration("decode");
  StartAgent();
  producer_.PushTiming(0, decode, Ticks() + 500, 42);
  CloseInterval();
  ASSERT_EQ(Timings().size(), 1u);
  EXPECT_EQ(Timings()[0].key->path, "decode");
  EXPECT_EQ(Timings()[0].value, 42);
  EXPECT_EQ(Timings()[0].start_unix_ns, unix_ns_ - 1000000000 + 500);
  EXPECT_EQ(Totals().detail_sent, 1u);
  ExpectBalanced();
}

TEST_F(DetailTest, Timings_TailsAreReleasedAfterTheCommit) {
  const uint32_t decode = producer_.AddDuration("decode");
  StartAgent();
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 16; ++i) EXPECT_TRUE(producer_.PushTiming(0, decode, Ticks(), 1));
    EXPECT_FALSE(producer_.PushTiming(0, decode, Ticks(), 1)) << "the ring holds 16";
    CloseInterval();
  }
  EXPECT_EQ(Timings().size(), 80u);
  EXPECT_EQ(Dropped(Totals(), DropReason::kRingFull), 5u);
  EXPECT_EQ(Totals().detail_written, 85u);
  ExpectBalanced();
}

TEST_F(DetailTest, Timings_BeyondTheBudgetTheSlowestAndAnEvenSpreadAreKept) {
  AgentConfig config = Config();
  config.detail.timings = 4;
  const uint32_t decode = producer_.AddDuration("decode");
  StartAgent(config);
  for (uint64_t i = 0; i < 16; ++i) producer_.PushTiming(0, decode, Ticks() + i, i == 5 ? 999 : i);
  CloseInterval();
  ASSERT_EQ(Timings().size(), 4u);
  bool has_slowest = false;
  for (const proto::TimingRow& row : Timings()) has_slowest |= row.value == 999;
  EXPECT_TRUE(has_slowest);
  EXPECT_EQ(Dropped(Totals(), DropReason::kNotSampled), 12u);
  ExpectBalanced();
}

TEST_F(DetailTest, Timings_OfAnUnknownSeriesAreCorruptAndCounted) {
  const uint32_t decode = producer_.AddDuration("decode");
  StartAgent();
  producer_.PushTiming(0, decode + 7, Ticks(), 1);
  producer_.PushTiming(0, decode, Ticks(), 1);
  CloseInterval();
  EXPECT_EQ(Timings().size(), 1u);
  EXPECT_EQ(Dropped(Totals(), DropReason::kCorrupt), 1u);
  ExpectBalanced();
}

TEST_F(DetailTest, Requests_AreWholeRowsWithStepsAndAttributes) {
  const uint32_t request = producer_.AddDuration("transcribe", proto::Outcome::kError);
  const uint32_t step = producer_.AddDuration("transcribe/decode");
  StartAgent();
  EntryWriter entries;
  entries.Attribute("file", "a.wav");
  entries.Integer("size_bytes", 102400);
  const uint32_t owner = entries.Step(step, Ticks() + 100, 50);
  entries.Integer("words", 12, owner);
  entries.ErrorMessage("no such file");
  entries.Attribute("request.id", "job-1");
  producer_.PushRequest(0, request, Ticks(), 1000, entries.bytes());
  CloseInterval();
  ASSERT_EQ(Requests().size(), 1u);
  const proto::RequestRow row = Requests()[0];
  EXPECT_EQ(row.id, "job-1");
  EXPECT_EQ(row.operation, "transcribe");
  EXPECT_EQ(row.outcome, proto::Outcome::kError);
  EXPECT_EQ(row.error_type, "timeout");
  EXPECT_EQ(row.error_message, "no such file");
  EXPECT_EQ(row.duration_ns, 1000u);
  ASSERT_EQ(row.attributes.size(), 2u);
  EXPECT_EQ(std::get<std::string>(row.attributes[0].second), "a.wav");
  EXPECT_EQ(std::get<int64_t>(row.attributes[1].second), 102400);
  ASSERT_EQ(row.steps.size(), 1u);
  EXPECT_EQ(row.steps[0].name, "decode");
  EXPECT_EQ(row.steps[0].start_offset_ns, 100u);
  EXPECT_EQ(row.steps[0].duration_ns, 50u);
  ASSERT_EQ(row.steps[0].attributes.size(), 1u);
  EXPECT_EQ(row.steps[0].attributes[0].first, "words");
  ExpectBalanced();
}

TEST_F(DetailTest, Requests_WrapAroundTheRingWithPadding) {
  const uint32_t request = producer_.AddDuration("transcribe");
  StartAgent();
  EntryWriter entries;
  entries.Attribute("file", std::string(900, 'x'));
  int pushed = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 3; ++i) {
      pushed += producer_.PushRequest(0, request, Ticks(), 1, entries.bytes()) ? 1 : 0;
    }
    CloseInterval();
  }
  EXPECT_EQ(pushed, 60);
  EXPECT_EQ(Requests().size(), 60u);
  EXPECT_EQ(Totals().detail_sent, 60u);
  ExpectBalanced();
}

TEST_F(DetailTest, Requests_BeyondTheBudgetAreCounted) {
  AgentConfig config = Config();
  config.detail.requests = 2;
  const uint32_t request = producer_.AddDuration("transcribe");
  StartAgent(config);
  for (int i = 0; i < 5; ++i) producer_.PushRequest(0, request, Ticks(), 1, {});
  CloseInterval();
  EXPECT_EQ(Requests().size(), 2u);
  EXPECT_EQ(Dropped(Totals(), DropReason::kNotSampled), 3u);
  ExpectBalanced();
}

TEST_F(DetailTest, Requests_ACorruptOneCostsWhatFollowsInThatLaneAlone) {
  const uint32_t request = producer_.AddDuration("transcribe");
  StartAgent();
  for (int i = 0; i < 3; ++i) producer_.PushRequest(0, request, Ticks(), 1, {});
  producer_.PushRequest(1, request, Ticks(), 1, {});
  producer_.header()->lanes_used.store(2);
  // The second record of lane 0 claims to be larger than the ring.
  const uint64_t offset = producer_.geometry().request_rings_offset + sizeof(proto::RequestRecord);
  reinterpret_cast<proto::RequestRecord*>(producer_.base() + offset)->total_bytes = 1 << 20;
  CloseInterval();
  EXPECT_EQ(Requests().size(), 2u);
  EXPECT_EQ(Dropped(Totals(), DropReason::kCorrupt), 2u);
  ExpectBalanced();
  producer_.PushRequest(0, request, Ticks(), 1, {});
  CloseInterval();
  EXPECT_EQ(Requests().size(), 3u) << "the ring goes on";
  ExpectBalanced();
}

TEST(DetailBudgetTest, Budget_IsAWordOrTwoNumbers) {
  EXPECT_EQ(ParseDetailBudget("default")->requests, 4096u);
  EXPECT_EQ(ParseDetailBudget("default")->timings, 64u);
  EXPECT_EQ(ParseDetailBudget("off")->requests, 0u);
  EXPECT_EQ(ParseDetailBudget("off")->timings, 0u);
  EXPECT_EQ(ParseDetailBudget("all")->timings, ~uint32_t{0});
  EXPECT_EQ(ParseDetailBudget("10:0")->requests, 10u);
  EXPECT_EQ(ParseDetailBudget("0:7")->timings, 7u);
  for (const char* text : {"", "10", ":", "a:b", "1:2:3", "-1:0", "1:99999999999", "some"}) {
    const auto budget = ParseDetailBudget(text);
    ASSERT_FALSE(budget.ok()) << text;
    EXPECT_THAT(budget.message(), testing::HasSubstr("REQUESTS:SAMPLES"));
  }
}

// Whatever the budget, the statistics are whole and every record is accounted for.
class DetailModeTest : public DetailTest, public testing::WithParamInterface<const char*> {};

TEST_P(DetailModeTest, Ledger_IsExact) {
  AgentConfig config = Config();
  config.detail = *ParseDetailBudget(GetParam());
  const uint32_t decode = producer_.AddDuration("decode");
  const uint32_t request = producer_.AddDuration("transcribe");
  StartAgent(config);
  constexpr uint64_t kRounds = 5;
  uint64_t slow = 0;
  for (uint64_t round = 0; round < kRounds; ++round) {
    for (uint64_t i = 0; i < 16; ++i) {
      producer_.PushTiming(0, decode, Ticks() + i, i == 11 ? 1000 + round : i);
      producer_.RecordOnlyCells(0, decode, 1);
    }
    for (int i = 0; i < 6; ++i) {
      producer_.PushRequest(0, request, Ticks(), 1, {});
      producer_.RecordOnlyCells(0, request, 1);
    }
    CloseInterval();
  }
  for (const proto::TimingRow& row : Timings()) slow += row.value >= 1000 ? 1 : 0;
  const uint64_t requests = std::min<uint64_t>(config.detail.requests, 6) * kRounds;
  const uint64_t timings = std::min<uint64_t>(config.detail.timings, 16) * kRounds;
  EXPECT_EQ(Requests().size(), requests);
  EXPECT_EQ(Timings().size(), timings);
  EXPECT_EQ(slow, config.detail.timings > 0 ? kRounds : 0) << "the slow ones are kept";
  EXPECT_EQ(Totals().detail_sent, requests + timings);
  EXPECT_EQ(Totals().detail_written, kRounds * (16 + 6));
  EXPECT_EQ(Dropped(Totals(), DropReason::kNotSampled), kRounds * 22 - requests - timings);
  ExpectBalanced();
  EXPECT_EQ(Delivered("decode").Count(), kRounds * 16);
  EXPECT_EQ(Delivered("transcribe").Count(), kRounds * 6);
}

INSTANTIATE_TEST_SUITE_P(Budgets, DetailModeTest,
                         testing::Values("off", "default", "all", "3:4", "0:2", "2:0"));

TEST_F(DetailTest, Text_ThatIsNoUtf8IsMadePrintable) {
  const uint32_t request = producer_.AddDuration("transcribe");
  StartAgent();
  EntryWriter entries;
  entries.Attribute("file", "a\xff\x01z");
  producer_.PushRequest(0, request, Ticks(), 1, entries.bytes());
  CloseInterval();
  ASSERT_EQ(Requests().size(), 1u);
  EXPECT_EQ(std::get<std::string>(Requests()[0].attributes[0].second),
            "a\xEF\xBF\xBD\xEF\xBF\xBDz");
}

}  // namespace
}  // namespace ringside::agent
