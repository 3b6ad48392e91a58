// What `ringside shm` makes of hostile bytes: nothing may crash it, whatever it shows of them.
#include "cli/segment_report.h"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "agent/process_maps.h"
#include "agent/segment_file.h"
#include "cli/segment_look.h"
#include "cli/shm_text.h"
#include "proto/tick_clock.h"
#include "tests/agent/agent_fixture.h"
#include "tests/agent/segment_builder.h"

namespace ringside::cli {
namespace {

using agent::EntryWriter;
using agent::SegmentBuilder;
using agent::SegmentFile;
using aggregator::Json;

class SegmentReportTest : public testing::Test {
 protected:
  SegmentReportTest() : directory_("/dev/shm"), segment_(directory_.path()) {
    const uint32_t decode = segment_.AddDuration("decode");
    const uint32_t request = segment_.AddDuration("transcribe");
    const uint32_t stage = segment_.AddDuration("transcribe/decode");
    for (int64_t i = 1; i <= 100; ++i) segment_.Record(0, decode, i * 1000);
    for (uint32_t i = 0; i < 12; ++i) segment_.PushTiming(0, decode, Now(), i);
    EntryWriter entries;
    entries.Attribute("file", "a.wav");
    const uint32_t step = entries.Step(stage, Now(), 0, false);
    entries.Attribute("model", "base", step);
    for (int i = 0; i < 3; ++i) segment_.PushRequest(0, request, Now(), 1000, entries.bytes());
    segment_.OpenRequest(0, request, Now(), entries.bytes());
    segment_.lane(0)->in_flight.store(uint64_t{decode} << 40 |
                                      (Now() >> 8 & ((uint64_t{1} << 40) - 1)));
  }

  static uint64_t Now() { return proto::MonotonicNs(); }

  std::unique_ptr<SegmentFile> Open() {
    SegmentFile::OpenError error;
    std::unique_ptr<SegmentFile> file = SegmentFile::OpenReadOnly(segment_.path(), &error);
    reason_ = error.reason;
    return file;
  }
  Json Report(const SegmentFile& file) {
    processes_.BeginRound();
    Json report = ReportSegment(file, segment_.path(), 20, &processes_);
    // Text and JSON must stand whatever is in the report.
    EXPECT_FALSE(ShmText(report, 80).empty());
    EXPECT_FALSE(report.dump().empty());
    return report;
  }

  agent::TempDirectory directory_;
  SegmentBuilder segment_;
  agent::ProcessMaps processes_;
  std::string reason_;
};

TEST_F(SegmentReportTest, Report_HoldsWhatTheSegmentHolds) {
  const auto file = Open();
  ASSERT_NE(file, nullptr) << reason_;
  const Json report = Report(*file);
  EXPECT_EQ(report.at("counters").at("recorded"), 100);
  EXPECT_EQ(report.at("records").size(), 15u);
  EXPECT_EQ(report.at("open_requests").at(0).at("stage"), "decode");
  EXPECT_EQ(report.at("open_requests").at(0).at("steps").at(0).at("attributes").at("model"),
            "base");
  EXPECT_EQ(report.at("in_flight").at(0).at("operation"), "decode");
  EXPECT_TRUE(report.at("damage").empty());
}

// An agent that drained the ring leaves its records where they are.
TEST_F(SegmentReportTest, Records_BehindTheAgentsTailAreShown) {
  proto::Lane& lane = *segment_.lane(0);
  lane.timing_tail.store(lane.timing_head.load());
  lane.request_tail.store(lane.request_head.load());
  const auto file = Open();
  ASSERT_NE(file, nullptr) << reason_;
  EXPECT_EQ(Report(*file).at("records").size(), 15u);
}

// With an agent, a segment keeps extremes of two intervals only: they are not those of all time.
TEST_F(SegmentReportTest, Maximum_OfASegmentThatAnAgentReadIsWithinTheBound) {
  segment_.header()->control.fetch_add(5);
  segment_.Record(0, 0, 1);  // of series 0: an interval in which nothing was large
  const auto file = Open();
  ASSERT_NE(file, nullptr) << reason_;
  const Json row = Report(*file).at("series").at(0);
  EXPECT_EQ(row.at("operation"), "decode");
  EXPECT_NEAR(row.at("max").get<double>(), 100e-6, 100e-6 * row.at("error_bound").get<double>());
}

TEST_F(SegmentReportTest, File_IsOpenedForReadingOnly) {
  const auto file = Open();
  ASSERT_NE(file, nullptr) << reason_;
  EXPECT_EQ(fcntl(file->fd(), F_GETFL) & O_ACCMODE, O_RDONLY);
}

TEST_F(SegmentReportTest, Malicious_TruncatedBeforeItIsOpened) {
  const auto bytes = static_cast<off_t>(segment_.geometry().segment_bytes);
  for (off_t size = 0; size < bytes; size += 4096) {
    ASSERT_EQ(ftruncate(segment_.fd(), size), 0);
    EXPECT_EQ(Open(), nullptr) << size;
    EXPECT_FALSE(reason_.empty());
    ASSERT_EQ(ftruncate(segment_.fd(), bytes), 0);
  }
}

// Every access beyond the new end is a SIGBUS. Each page in turn, from the last one: what was cut
// off is gone.
TEST_F(SegmentReportTest, Malicious_TruncatedWhileItIsRead) {
  const auto file = Open();
  ASSERT_NE(file, nullptr) << reason_;
  for (auto size = static_cast<off_t>(segment_.geometry().segment_bytes) - 4096; size >= 0;
       size -= 4096) {
    ASSERT_EQ(ftruncate(segment_.fd(), size), 0);
    EXPECT_THAT(Report(*file).at("damage").dump(), testing::HasSubstr("resized")) << size;
  }
}

TEST_F(SegmentReportTest, Malicious_RandomBytes) {
  const int seeds = std::getenv("RINGSIDE_LONG") != nullptr ? 20000 : 1000;
  const size_t bytes = segment_.geometry().segment_bytes;
  const std::string good(reinterpret_cast<const char*>(segment_.base()), bytes);
  int opened = 0;
  int damaged = 0;
  for (int seed = 0; seed < seeds; ++seed) {
    std::mt19937_64 random(static_cast<uint64_t>(seed));
    for (int i = 0; i < 40; ++i) {
      // Every other one where there is something: most of the file is zero.
      size_t at = random() % bytes;
      for (int tries = 0; i % 2 == 0 && good[at] == 0 && tries < 200; ++tries) {
        at = random() % bytes;
      }
      segment_.base()[at] = static_cast<std::byte>(random());
    }
    if (const auto file = Open(); file != nullptr) {
      ++opened;
      damaged += Report(*file).at("damage").empty() ? 0 : 1;
    }
    std::memcpy(segment_.base(), good.data(), bytes);
  }
  // Both kinds must have been met, or this test tests nothing.
  EXPECT_GT(opened, seeds / 10);
  EXPECT_GT(damaged, opened / 10);
}

// A file as large as its header says, with counts as large as it can hold, and nothing in it: what
// is not there costs no memory.
TEST_F(SegmentReportTest, Malicious_CountsThatCannotBe) {
  proto::SegmentHeader& header = *segment_.header();
  header.series_count.store(~uint32_t{0});
  header.lanes_used.store(~uint32_t{0});
  header.slots_used.store(~uint32_t{0});
  header.pool_used.store(~uint64_t{0});
  for (uint32_t i = 0; i < 3; ++i) segment_.lane(i)->timing_head.store(~uint64_t{0});
  for (uint32_t i = 0; i < 3; ++i) segment_.lane(i)->request_head.store(~uint64_t{7});
  const auto file = Open();
  ASSERT_NE(file, nullptr) << reason_;
  const Json report = Report(*file);
  EXPECT_EQ(report.at("lanes").size(), 3u);
  EXPECT_EQ(report.at("counters").at("recorded"), 100);
}

TEST(ClockOf, TheMachinesOwnClockIsTakenAsItIs) {
  agent::SegmentIdentity identity;
  identity.ns_per_tick_q32 = uint64_t{1} << 32;
  identity.anchor_ticks = 1'000;
  identity.anchor_unix_ns = 2'000'000'000'000;
  EXPECT_EQ(ClockOf(identity, 61'000'000'000, 2'060'000'000'000).now_ticks(), 61'000'000'000u);
}

TEST(ClockOf, ASegmentFromBeforeAReboot_GoesOnFromItsOwnMoment) {
  agent::SegmentIdentity identity;
  identity.ns_per_tick_q32 = uint64_t{1} << 31;  // two ticks a nanosecond
  identity.anchor_ticks = 5'000'000'000'000;
  identity.anchor_unix_ns = 2'000'000'000'000;
  const agent::TickMapper clock = ClockOf(identity, 777, 2'060'000'000'000);
  EXPECT_EQ(clock.now_ticks(), 5'000'000'000'000u + 120'000'000'000u);
  EXPECT_EQ(clock.UnixNs(identity.anchor_ticks), identity.anchor_unix_ns);
}

TEST(Printable, ControlCharactersAreReplaced) {
  EXPECT_EQ(Printable("a\nb\x1b[0m\x7f"), "a\uFFFDb\uFFFD[0m\uFFFD");
  EXPECT_EQ(Printable("\xC2\x9B"
                      "31m"),
            "\uFFFD31m");
  EXPECT_EQ(Printable("45 °C – ok"), "45 °C – ok");
}

}  // namespace
}  // namespace ringside::cli
