// Status, Result, names of kinds, outcomes and reasons, the checksum.
#include <memory>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "proto/checksum.h"
#include "proto/loopback.h"
#include "proto/loss.h"
#include "proto/series.h"
#include "proto/status.h"

namespace ringside::proto {
namespace {

TEST(Loopback_Host, IsALiteralOrLocalhost) {
  for (const char* host : {"127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"}) {
    EXPECT_TRUE(IsLoopbackHost(host)) << host;
  }
  for (const char* host : {"0.0.0.0", "10.0.0.1", "*", "", "[]", "::", "127.0.0.1.example.org",
                           "localhost.example.org", "128.0.0.1", "::ffff:10.0.0.1"}) {
    EXPECT_FALSE(IsLoopbackHost(host)) << host;
  }
}

TEST(Status_Ok, HasNoMessage) {
  EXPECT_TRUE(Status().ok());
  EXPECT_EQ(Status().message(), "");
}

TEST(Status_Error, KeepsItsMessageEvenAnEmptyOne) {
  EXPECT_FALSE(Status::Error("spool: full").ok());
  EXPECT_EQ(Status::Error("spool: full").message(), "spool: full");
  EXPECT_FALSE(Status::Error("").ok());
}

TEST(Result_Value, CanBeMovedOut) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
  ASSERT_TRUE(result.ok());
  const std::unique_ptr<int> taken = std::move(*result);
  EXPECT_EQ(*taken, 7);
}

TEST(Result_Error, HasTheReason) {
  const Result<int> result(Status::Error("no"));
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.message(), "no");
}

TEST(Series_Names, ReadBack) {
  for (const Kind kind : {Kind::kDuration, Kind::kValue, Kind::kCounter, Kind::kGauge}) {
    Kind parsed = kind == Kind::kGauge ? Kind::kDuration : Kind::kGauge;
    ASSERT_TRUE(ParseKind(ToString(kind), &parsed));
    EXPECT_EQ(parsed, kind);
  }
  for (const Outcome outcome : {Outcome::kOk, Outcome::kError, Outcome::kAborted}) {
    Outcome parsed = outcome == Outcome::kOk ? Outcome::kError : Outcome::kOk;
    ASSERT_TRUE(ParseOutcome(ToString(outcome), &parsed));
    EXPECT_EQ(parsed, outcome);
  }
  Kind kind = Kind::kValue;
  EXPECT_FALSE(ParseKind("Duration", &kind));
  EXPECT_EQ(kind, Kind::kValue);
}

TEST(Series_RealFactor, IsSecondsForDurationsAndAPowerOfTwoForValues) {
  SeriesKey key;
  EXPECT_EQ(RealFactor(key), 1e-9);
  key.kind = Kind::kGauge;
  key.resolution = -10;
  EXPECT_EQ(RealFactor(key), 1.0 / 1024);
}

TEST(Loss_Names, AreAllThereAndDifferent) {
  std::set<std::string> names(kLossReasonNames.begin(), kLossReasonNames.end());
  EXPECT_EQ(names.size(), kLossReasonCount);
  EXPECT_STREQ(ToString(LossReason::kQuarantined), "quarantined");
  names = std::set<std::string>(kDropReasonNames.begin(), kDropReasonNames.end());
  EXPECT_EQ(names.size(), kDropReasonCount);
  EXPECT_STREQ(ToString(DropReason::kCorrupt), "corrupt");
}

TEST(Checksum_Golden, IsXxh3) {
  // Spools and archives hold these: the function must never become another one.
  EXPECT_EQ(Checksum(""), 0x2d06800538d394c2u);
  EXPECT_EQ(Checksum("ringside"), Checksum("ringside", 0));
}

TEST(Checksum_Chain, DependsOnTheOrder) {
  EXPECT_NE(Checksum("b", Checksum("a")), Checksum("a", Checksum("b")));
}

}  // namespace
}  // namespace ringside::proto
