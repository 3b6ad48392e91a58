// What is in flight: read from lanes and slots of a live producer, tallied, and told to an
// aggregator that takes it.
#include <algorithm>
#include <cmath>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/inflight_rows.h"
#include "agent/inflight_sample.h"
#include "agent/inflight_tally.h"
#include "agent/inflight_watch.h"
#include "agent/producer_set.h"
#include "proto/inflight_word.h"
#include "tests/agent/agent_fixture.h"

namespace ringside::agent {
namespace {

constexpr uint64_t kSecond = 1000000000;
constexpr uint64_t kStep = 256;  // an in-flight word drops eight bits of its ticks

class InFlightTest : public AgentTest {
 protected:
  InFlightTest() : segment_(segments_.path()) {
    decode_ = segment_.AddDuration("decode");
    request_ = segment_.AddDuration("transcribe");
    stage_ = segment_.AddDuration("transcribe/load");
    segment_.header()->lanes_used.store(3);
    segment_.Live();
  }

  void OpenTimer(uint32_t lane, uint32_t series, uint64_t start_ticks, uint32_t tid) {
    segment_.lane(lane)->owner_tid = tid;
    segment_.lane(lane)->in_flight.store(proto::InFlightWord(series, start_ticks));
  }
  // The producers of the directory, after they have been closed once.
  class Closed {
   public:
    explicit Closed(InFlightTest* test)
        : set_(test->directory_fd(), test->agent_fd(), OwnerRule{}) {
      std::vector<std::string> notes;
      set_.Rescan(0, &notes);
      EXPECT_EQ(all().size(), 1u) << testing::PrintToString(notes);
      CloseContext context;
      context.now_monotonic_ns = test->monotonic_ns_;
      context.now_unix_ns = test->unix_ns_;
      ProcessMaps maps;
      context.processes = &maps;
      proto::ProducerDelta delta;
      all()[0]->Collect(context, &delta);
    }
    std::vector<Producer*> all() { return set_.All(); }

   private:
    ProducerSet set_;
  };
  proto::InFlight Look() {
    Closed closed(this);
    watch_.DoWork(closed.all(), true, monotonic_ns_, unix_ns_);
    auto message = watch_.TakeMessage();
    EXPECT_TRUE(message.has_value());
    return message.value_or(proto::InFlight());
  }
  int directory_fd() {
    directory_ = proto::UniqueFd(open(segments_.path().c_str(), O_RDONLY | O_DIRECTORY));
    return directory_.get();
  }
  int agent_fd() {
    agent_directory_ = proto::UniqueFd(open(state_.path().c_str(), O_RDONLY | O_DIRECTORY));
    return agent_directory_.get();
  }

  SegmentBuilder segment_;
  proto::UniqueFd directory_;
  proto::UniqueFd agent_directory_;
  InFlightWatch watch_{50000000};
  uint32_t decode_ = 0;
  uint32_t request_ = 0;
  uint32_t stage_ = 0;
};

TEST_F(InFlightTest, Rows_NameOperationAndRequestTheOldestFirst) {
  OpenTimer(1, decode_, monotonic_ns_ - 3 * kSecond, 77);
  EntryWriter entries;
  entries.Step(stage_, monotonic_ns_ - 2 * kSecond, kSecond, true);
  const size_t open_at = entries.bytes().size();
  entries.Step(stage_, monotonic_ns_ - kSecond, 0, false);
  entries.Attribute("request.id", "photo-9");
  segment_.OpenRequest(2, request_, monotonic_ns_ - 4 * kSecond, entries.bytes());
  segment_.slot(2)->current_step.store(static_cast<uint32_t>(open_at) + 1);

  const proto::InFlight message = Look();
  EXPECT_EQ(message.operations, 1u);
  EXPECT_EQ(message.requests, 1u);
  ASSERT_EQ(message.rows.size(), 2u);
  const proto::InFlightRow& request = message.rows[0];
  EXPECT_TRUE(request.is_request);
  EXPECT_EQ(request.operation, "transcribe");
  EXPECT_EQ(request.stage, "load");
  EXPECT_EQ(request.id, "photo-9");
  EXPECT_EQ(request.age_ns, 4 * kSecond);
  EXPECT_EQ(request.stage_age_ns, kSecond);
  const proto::InFlightRow& operation = message.rows[1];
  EXPECT_FALSE(operation.is_request);
  EXPECT_EQ(operation.operation, "decode");
  EXPECT_EQ(operation.tid, 77u);
  EXPECT_EQ(operation.pid, static_cast<uint64_t>(segment_.process()));
  EXPECT_GE(operation.age_ns, 3 * kSecond);
  EXPECT_LT(operation.age_ns, 3 * kSecond + kStep);
}

TEST_F(InFlightTest, Rows_NothingIsInFlightWhenTimerAndRequestHaveEnded) {
  OpenTimer(1, decode_, monotonic_ns_ - kSecond, 77);
  segment_.OpenRequest(0, request_, monotonic_ns_ - kSecond, "");
  segment_.lane(1)->in_flight.store(0);
  segment_.slot(0)->lifecycle.fetch_or(proto::kSlotEnded);
  const proto::InFlight message = Look();
  EXPECT_TRUE(message.rows.empty());
  EXPECT_EQ(message.operations + message.requests, 0u);
}

TEST_F(InFlightTest, Rows_OnlySoManyTheRestIsCounted) {
  OpenTimer(0, decode_, monotonic_ns_ - 1 * kSecond, 1);
  OpenTimer(1, decode_, monotonic_ns_ - 3 * kSecond, 2);
  OpenTimer(2, decode_, monotonic_ns_ - 2 * kSecond, 3);
  ProducerInFlight sample;
  Closed closed(this);
  InFlightSampler().Sample(*closed.all()[0], monotonic_ns_, unix_ns_, &sample);
  std::vector<ProducerInFlight> samples;
  samples.push_back(std::move(sample));
  EvidenceReader evidence;
  const auto rows = OldestRows(samples, 2, monotonic_ns_, &evidence);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].tid, 2u);
  EXPECT_EQ(rows[1].tid, 3u);
}

TEST_F(InFlightTest, Malicious_SeriesAndStepsThatAreNotThere) {
  OpenTimer(1, 0xffffff, monotonic_ns_, 77);
  OpenTimer(2, decode_, monotonic_ns_ + 100 * kSecond, 78);  // begins in the future
  segment_.OpenRequest(0, 0xffffffff, monotonic_ns_, "");
  segment_.OpenRequest(1, request_, monotonic_ns_, std::string(16, '\xff'));
  for (const uint32_t step : {1u, 9u, 8u, 0xffffffffu, 1025u, 969u}) {
    segment_.slot(1)->current_step.store(step);
    const proto::InFlight message = Look();
    EXPECT_EQ(message.operations, 1u);
    for (const proto::InFlightRow& row : message.rows) EXPECT_NE(row.operation, "");
    monotonic_ns_ += 2 * kSecond;
  }
}

TEST_F(InFlightTest, Malicious_HolesAmongTheSlotsStayHoles) {
  segment_.OpenRequest(3, request_, monotonic_ns_, "");
  const proto::Geometry g = segment_.geometry();
  const auto first_page = static_cast<off_t>((g.slots_offset + 4095) / 4096 * 4096);
  ASSERT_EQ(fallocate(segment_.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first_page, 4096),
            0);
  const auto blocks = [&] {
    struct stat info {};
    fstat(segment_.fd(), &info);
    return info.st_blocks;
  };
  Closed closed(this);
  ASSERT_EQ(fallocate(segment_.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first_page, 4096),
            0);
  const auto before = blocks();
  watch_.DoWork(closed.all(), true, monotonic_ns_, unix_ns_);
  EXPECT_EQ(watch_.TakeMessage()->requests, 0u) << "a hole is no request";
  EXPECT_EQ(blocks(), before);
}

TEST_F(InFlightTest, Malicious_AFileThatWasTruncatedIsPassedOver) {
  OpenTimer(1, decode_, monotonic_ns_, 77);
  ProducerSet set(directory_fd(), agent_fd(), OwnerRule{});
  std::vector<std::string> notes;
  set.Rescan(0, &notes);
  ASSERT_EQ(ftruncate(segment_.fd(), 0), 0);
  watch_.DoWork(set.All(), true, monotonic_ns_, unix_ns_);
  EXPECT_TRUE(watch_.TakeMessage()->rows.empty());
}

// Wherever an operation begins between the looks at an idle worker, on average it counts for as
// many as it was open.
TEST_F(InFlightTest, Idle_IsLookedAtMoreRarelyAndCountsTheSame) {
  constexpr uint64_t kLook = kSecond / 20;
  Closed closed(this);
  const auto looks = [&](uint32_t idle, uint32_t open) {
    InFlightWatch watch(kLook);
    int met = 0;
    const auto look = [&] {
      monotonic_ns_ += kLook;
      met += watch.DoWork(closed.all(), false, monotonic_ns_, unix_ns_);
    };
    for (uint32_t i = 0; i < idle; ++i) look();
    OpenTimer(1, decode_, monotonic_ns_ + kLook / 2, 77);
    for (uint32_t i = 0; i < open; ++i) look();
    segment_.lane(1)->in_flight.store(0);
    std::vector<proto::SeriesDelta> series;
    watch.AppendSeries({}, monotonic_ns_, unix_ns_, &series);
    for (const proto::SeriesDelta& one : series) {
      if (one.key->path == "operation.inflight.samples") {
        return std::pair<int, int64_t>(met, static_cast<int64_t>(one.delta.sum));
      }
    }
    return std::pair<int, int64_t>(met, 0);
  };
  for (uint32_t open = 1; open <= 6; ++open) {
    int met = 0;
    int64_t counted = 0;
    for (uint32_t phase = 0; phase < InFlightWatch::kIdleEvery; ++phase) {
      const auto [really, as_if] = looks(InFlightWatch::kIdleAfterLooks + phase, open);
      met += really;
      counted += as_if;
    }
    EXPECT_EQ(counted, int64_t{InFlightWatch::kIdleEvery} * open);
    EXPECT_LT(met, static_cast<int>(InFlightWatch::kIdleEvery * open)) << "fewer looks";
  }
}

TEST_F(InFlightTest, Series_SamplesOpenAndAgeByOperation) {
  OpenTimer(1, decode_, monotonic_ns_ - 3 * kSecond, 77);
  StartAgent();
  CloseInterval();  // now the agent knows the series
  CloseInterval();
  CloseInterval();
  EXPECT_EQ(Delivered("operation.inflight.samples").sum, 2);
  EXPECT_EQ(Delivered("operation.inflight").last, 1);
  const proto::Distribution age = Delivered("operation.inflight.age");
  EXPECT_NEAR(std::ldexp(static_cast<double>(age.last), age.resolution), 6.0, 0.001);
  segment_.lane(1)->in_flight.store(0);
  CloseInterval();
  EXPECT_EQ(Delivered("operation.inflight").last, 0) << "said once";
  const size_t said = Deltas("operation.inflight").size();
  CloseIntervals(3);
  EXPECT_EQ(Deltas("operation.inflight").size(), said) << "and not again";
}

TEST_F(InFlightTest, Series_NoLookNoSeries) {
  OpenTimer(1, decode_, monotonic_ns_ - 3 * kSecond, 77);
  AgentConfig config = Config();
  config.inflight_interval = std::chrono::milliseconds(0);
  StartAgent(config);
  CloseIntervals(3);
  EXPECT_TRUE(Deltas("operation.inflight").empty());
}

TEST_F(InFlightTest, Series_ADeadWorkerIsInTheMiddleOfNothing) {
  OpenTimer(1, decode_, monotonic_ns_ - 3 * kSecond, 77);
  StartAgent();
  CloseIntervals(2);
  segment_.Die();
  CloseIntervals(2);
  EXPECT_EQ(Delivered("operation.inflight").last, 0);
}

TEST(InFlightTally, Stuck_IsWhatPassedTheLimitThatTheAggregatorSaid) {
  InFlightTally tally;
  tally.BeginSample();
  tally.Add("ocr", "decode", 20 * kSecond, true);
  tally.Add("ocr", "decode", kSecond, false);
  std::vector<proto::SeriesDelta> series;
  tally.Append(1, &series);
  const auto stuck = std::find_if(series.begin(), series.end(), [](const proto::SeriesDelta& s) {
    return s.key->path == "operation.inflight.stuck";
  });
  ASSERT_NE(stuck, series.end());
  EXPECT_EQ(stuck->delta.last, 1);
  EXPECT_EQ(stuck->key->labels, (proto::LabelList{{"operation", "decode"}, {"service", "ocr"}}));
}

TEST(InFlightTally, Bound_OperationsBeyondItShareOneSeries) {
  InFlightTally tally;
  tally.BeginSample();
  for (size_t i = 0; i < InFlightTally::kMostOperations + 50; ++i) {
    tally.Add("s", "operation-" + std::to_string(i), 1, false);
  }
  std::vector<proto::SeriesDelta> series;
  tally.Append(1, &series);
  int64_t open = 0;
  size_t rows = 0;
  for (const proto::SeriesDelta& s : series) {
    if (s.key->path != "operation.inflight") continue;
    open += s.delta.last;
    ++rows;
  }
  EXPECT_EQ(rows, InFlightTally::kMostOperations + 1);
  EXPECT_EQ(open, static_cast<int64_t>(InFlightTally::kMostOperations + 50));
}

}  // namespace
}  // namespace ringside::agent
