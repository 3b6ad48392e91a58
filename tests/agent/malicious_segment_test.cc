// A bad worker harms only itself: whatever a segment holds, the others are exact and the agent says
// what was wrong.
#include <functional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/agent/agent_fixture.h"

namespace ringside::agent {
namespace {

using testing::HasSubstr;

class MaliciousSegmentTest : public AgentTest {
 protected:
  MaliciousSegmentTest() : good_(segments_.path()), bad_(segments_.path()) {
    good_.Live();
    bad_.Live();
    good_series_ = good_.AddDuration("good");
    bad_series_ = bad_.AddDuration("bad");
    good_.Record(0, good_series_, 1);
    bad_.Record(0, bad_series_, 1);
  }

  // The agent starts with the bad segment as it is.
  std::string ReasonAtStart() {
    StartAgent();
    return ReasonAfterAnInterval();
  }
  // The agent has read the segment once; then `corrupt` happens.
  std::string ReasonAfter(const std::function<void()>& corrupt) {
    StartAgent();
    CloseInterval();
    corrupt();
    return ReasonAfterAnInterval();
  }
  std::string ReasonAfterAnInterval() {
    good_.Record(0, good_series_, 1);
    CloseInterval();
    const std::string reason = Last(bad_.uuid()).quarantine;
    good_.Record(0, good_series_, 1);
    CloseIntervals(2);
    EXPECT_EQ(Delivered("good").Count(), 3u) << "the good one is exact";
    EXPECT_EQ(agent_->counters().quarantined, 1u);
    return reason;
  }

  SegmentBuilder good_;
  SegmentBuilder bad_;
  uint32_t good_series_ = 0;
  uint32_t bad_series_ = 0;
};

TEST_F(MaliciousSegmentTest, Malicious_WrongMagic) {
  bad_.header()->magic ^= 1;
  EXPECT_THAT(ReasonAtStart(), HasSubstr("wrong magic"));
}

TEST_F(MaliciousSegmentTest, Malicious_OtherMajorNamesBothVersions) {
  bad_.header()->major_version = 7;
  const std::string reason = ReasonAtStart();
  EXPECT_THAT(reason, HasSubstr("7.0"));
  EXPECT_THAT(reason, HasSubstr("1.0"));
  EXPECT_EQ(agent_->counters().wrong_version, 1u);
  EXPECT_TRUE(bad_.Exists()) << "a newer agent can read it";
}

TEST_F(MaliciousSegmentTest, Malicious_UnknownFeatureBits) {
  bad_.header()->feature_bits = 1;
  EXPECT_THAT(ReasonAtStart(), HasSubstr("segment format"));
}

TEST_F(MaliciousSegmentTest, Malicious_AnotherProducersUuid) {
  bad_.header()->uuid[0] ^= 1;
  EXPECT_THAT(ReasonAtStart(), HasSubstr("holds the segment of"));
}

TEST_F(MaliciousSegmentTest, Malicious_PartsOutsideTheFile) {
  bad_.header()->geometry.pool_offset = ~uint64_t{0} - 4095;
  EXPECT_THAT(ReasonAtStart(), HasSubstr("outside the file"));
}

TEST_F(MaliciousSegmentTest, Malicious_AbsurdCounts) {
  bad_.header()->geometry.lane_count = 0xffffffff;
  EXPECT_THAT(ReasonAtStart(), HasSubstr("absurd number of lanes"));
}

TEST_F(MaliciousSegmentTest, Malicious_SizeThatIsNotTheFiles) {
  bad_.header()->geometry.segment_bytes += 4096;
  EXPECT_THAT(ReasonAtStart(), HasSubstr("the file has"));
}

TEST_F(MaliciousSegmentTest, Malicious_StringsOutsideTheirArea) {
  bad_.header()->service_offset = 0xfffffff0;
  EXPECT_THAT(ReasonAtStart(), HasSubstr("outside the string area"));
}

TEST_F(MaliciousSegmentTest, Malicious_SymbolicLink) {
  const std::string path = bad_.path();
  unlink(path.c_str());
  ASSERT_EQ(symlink("/etc/passwd", path.c_str()), 0);
  EXPECT_THAT(ReasonAtStart(), HasSubstr("symbolic link"));
  unlink(path.c_str());
}

TEST_F(MaliciousSegmentTest, Malicious_Fifo) {
  const std::string path = bad_.path();
  unlink(path.c_str());
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(ReasonAtStart(), HasSubstr("regular file"));
}

TEST_F(MaliciousSegmentTest, Malicious_HardLink) {
  ASSERT_EQ(link(bad_.path().c_str(), (segments_.path() + "/other").c_str()), 0);
  EXPECT_THAT(ReasonAtStart(), HasSubstr("hard links"));
}

TEST_F(MaliciousSegmentTest, Malicious_TruncatedWhileFollowed) {
  EXPECT_THAT(ReasonAfter([&] { ASSERT_EQ(ftruncate(bad_.fd(), 8192), 0); }), HasSubstr("resized"));
}

TEST_F(MaliciousSegmentTest, Malicious_CellsThatGoBackwards) {
  EXPECT_THAT(ReasonAfter([&] {
                bad_.Record(0, bad_series_, 100);
                bad_.Cell(0, bad_series_, 1)->store(0);
              }),
              HasSubstr("went backwards"));
}

TEST_F(MaliciousSegmentTest, Malicious_CellsThatChangeAloneAreFoundWithTheNextSample) {
  StartAgent();
  CloseInterval();
  bad_.Cell(0, bad_series_, 1)->store(0);
  CloseInterval();
  EXPECT_EQ(agent_->counters().quarantined, 0u) << "nothing was recorded: nothing is read";
  bad_.Record(0, bad_series_, 100);
  EXPECT_THAT(ReasonAfterAnInterval(), HasSubstr("went backwards"));
}

TEST_F(MaliciousSegmentTest, Malicious_PunchedPool) {
  EXPECT_THAT(ReasonAfter([&] {
                fallocate(bad_.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                          static_cast<off_t>(bad_.geometry().pool_offset),
                          static_cast<off_t>(bad_.geometry().pool_bytes));
              }),
              HasSubstr("block of series 0"));
}

TEST_F(MaliciousSegmentTest, Malicious_BlockOutsideThePool) {
  EXPECT_THAT(ReasonAfter([&] {
                *bad_.directory(1, bad_series_) = 0xffffffff;
                bad_.header()->lanes_used.store(2);
              }),
              HasSubstr("outside the pool"));
}

TEST_F(MaliciousSegmentTest, Malicious_BlockThatMoves) {
  EXPECT_THAT(ReasonAfter([&] {
                *bad_.directory(0, bad_series_) += 1;
                bad_.lane(0)->timing_dropped.fetch_add(1);
              }),
              HasSubstr("moved"));
}

TEST_F(MaliciousSegmentTest, Malicious_BlockOfAnotherSeries) {
  EXPECT_THAT(ReasonAfter([&] {
                bad_.Block(0, bad_series_)->series = 3;
                bad_.lane(0)->timing_dropped.fetch_add(1);
              }),
              HasSubstr("of another one"));
}

TEST_F(MaliciousSegmentTest, Malicious_BlocksThatOverlap) {
  EXPECT_THAT(ReasonAfter([&] {
                bad_.header()->lanes_used.store(3);
                auto* const tables =
                    reinterpret_cast<proto::BlockTable*>(bad_.Block(0, bad_series_) + 1);
                const uint32_t page = tables->page[0].load();
                for (auto& entry : tables->page) entry.store(page);
              }),
              HasSubstr("overlap"));
}

TEST_F(MaliciousSegmentTest, Malicious_BlockWithoutASeries) {
  EXPECT_THAT(ReasonAfter([&] {
                bad_.header()->series_count.store(2);
                *bad_.directory(0, 1) = *bad_.directory(0, bad_series_);
              }),
              HasSubstr("no name"));
}

TEST_F(MaliciousSegmentTest, Malicious_SeriesOfNoKind) {
  EXPECT_THAT(ReasonAfter([&] { bad_.series(bad_.AddDuration("x"))->kind = 99; }),
              HasSubstr("no known kind"));
}

TEST_F(MaliciousSegmentTest, Malicious_CountsThatShrink) {
  EXPECT_THAT(ReasonAfter([&] { bad_.header()->pool_used.store(64); }), HasSubstr("backwards"));
}

TEST_F(MaliciousSegmentTest, Malicious_RingHeadBeyondTheRing) {
  EXPECT_THAT(ReasonAfter([&] { bad_.lane(0)->timing_head.store(1000); }),
              HasSubstr("timing ring"));
}

TEST_F(MaliciousSegmentTest, Malicious_CountsBeyondTheCapacityAreClamped) {
  StartAgent();
  CloseInterval();
  bad_.header()->series_count.store(0xffffffff);
  bad_.header()->lanes_used.store(0xffffffff);
  bad_.header()->slots_used.store(0xffffffff);
  bad_.header()->pool_used.store(~uint64_t{0});
  bad_.Cell(0, bad_series_, 1)->store(2);
  CloseInterval();
  EXPECT_TRUE(Last(bad_.uuid()).quarantine.empty());
  EXPECT_EQ(Delivered("bad").Count(), 2u);
}

TEST_F(MaliciousSegmentTest, Malicious_WhatItHadNotDeliveredIsSaid) {
  const auto refuse = [&] {
    bad_.Record(0, bad_series_, 100);
    bad_.lane(0)->timing_head.store(1000);
  };
  EXPECT_THAT(ReasonAfter(refuse), HasSubstr("; 1 samples are not delivered"));
  const proto::ProducerTotals totals = Last(bad_.uuid()).totals;
  EXPECT_EQ(totals.lost[static_cast<size_t>(proto::LossReason::kQuarantined)], 1u);
  EXPECT_EQ(totals.recorded, 1u);
}

TEST_F(MaliciousSegmentTest, Malicious_BlocksThatCannotBeReadAreNotGuessed) {
  const auto refuse = [&] {
    const uint32_t other = bad_.AddDuration("other");
    for (int i = 0; i < 2; ++i) bad_.Record(0, other, 100);
    bad_.Cell(0, bad_series_, 1)->store(0);
  };
  EXPECT_THAT(ReasonAfter(refuse), HasSubstr("backwards; at least 2 samples are not delivered"));
}

TEST_F(MaliciousSegmentTest, Malicious_AnAbsurdGrowthIsNotBelieved) {
  const auto refuse = [&] {
    bad_.Cell(0, bad_series_, 1)->store(uint64_t{1} << 60);
    bad_.lane(0)->timing_head.store(1000);
  };
  EXPECT_THAT(ReasonAfter(refuse), HasSubstr("; at least 0 samples are not delivered"));
}

TEST_F(MaliciousSegmentTest, Malicious_OfATruncatedFileNothingIsKnown) {
  EXPECT_THAT(ReasonAfter([&] { ASSERT_EQ(ftruncate(bad_.fd(), 8192), 0); }),
              HasSubstr("; what it had not delivered cannot be counted"));
}

TEST_F(MaliciousSegmentTest, Malicious_AQuarantinedProducersFilesGoWithIt) {
  EXPECT_THAT(ReasonAfter([&] { bad_.header()->pool_used.store(0); }), HasSubstr("backwards"));
  bad_.Die();
  CloseIntervals(2);
  EXPECT_FALSE(bad_.Exists());
  EXPECT_TRUE(Last(bad_.uuid()).is_final);
  EXPECT_EQ(agent_->counters().quarantined, 0u);
}

TEST_F(MaliciousSegmentTest, Malicious_ATruncatedOneGoesWithItsProcessToo) {
  EXPECT_THAT(ReasonAfter([&] { ASSERT_EQ(ftruncate(bad_.fd(), 8192), 0); }), HasSubstr("resized"));
  bad_.Die();
  CloseIntervals(2);
  EXPECT_FALSE(bad_.Exists());
  EXPECT_TRUE(Last(bad_.uuid()).is_final);
  EXPECT_EQ(agent_->counters().quarantined, 0u);
}

TEST_F(MaliciousSegmentTest, Malicious_RandomDamageNeverHarmsTheOthers) {
  StartAgent();
  CloseInterval();
  uint64_t state = 12345;
  const uint64_t bytes = bad_.geometry().segment_bytes;
  for (int i = 0; i < 2000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    // Not the first bytes: what was validated when the file was opened is not read again.
    const uint64_t at = 512 + (state >> 20) % (bytes - 512);
    bad_.base()[at] = static_cast<std::byte>(state >> 56);
    if (i % 100 == 99) {
      good_.Record(0, good_series_, 1);
      CloseInterval();
    }
  }
  EXPECT_EQ(Delivered("good").Count(), 21u);
}

}  // namespace
}  // namespace ringside::agent
