// Requests: statistics in the histograms, everything else in one record of the ring.
#include <chrono>
#include <thread>

#include <ringside/probe.h>

#include "tests/probe/probe_fixture.h"

namespace ringside::tests {
namespace {

class Requests : public ProbeTest {
 protected:
  static std::unique_ptr<SegmentView> Own() {
    char path[512];
    REQUIRE(ringside_segment_path(path, sizeof path) > 0);
    return SegmentView::Open(path);
  }
  uint64_t Dropped(proto::DropReason reason) const {
    return Segment()->header().dropped[static_cast<size_t>(reason)].load();
  }
};

TEST_F(Requests, Record_HoldsTheWholeRequest) {
  ASSERT_EQ(
      Run([] {
        Request request{
            "transcribe",
            Attributes{
                {"file", "a.wav"}, {"size_bytes", 102400}, {"quality", 0.5}, {"is_retry", true}},
            "job-17"};
        {
          auto stage = request.Stage("model_loading", Labels{{"model", "base"}});
          stage.Set({"cached", false});
        }
        request.Next("decode").Value("tokens", 512, "{token}");
        request.Next("post_processing");
        request.Set({"language", "en"});
        request.End();
        request.End();  // does nothing
      }),
      0);
  const auto segment = Segment();
  const auto requests = segment->Requests();
  ASSERT_EQ(requests.size(), 1u);
  const SegmentRequest& request = requests[0];
  EXPECT_EQ(request.path, "transcribe");
  EXPECT_EQ(request.outcome, proto::Outcome::kOk);
  const std::map<std::string, std::string> attributes = {
      {"file", "a.wav"},    {"size_bytes", "102400"}, {"quality", "0.500000"},
      {"is_retry", "true"}, {"language", "en"},       {"request.id", "job-17"}};
  EXPECT_EQ(request.attributes, attributes);
  ASSERT_EQ(request.steps.size(), 3u);
  EXPECT_EQ(request.steps[0].path, "transcribe/model_loading");
  EXPECT_EQ(request.steps[0].attributes.at("cached"), "false");
  EXPECT_EQ(request.steps[1].path, "transcribe/decode");
  EXPECT_EQ(request.steps[1].attributes.at("tokens"), "512");
  EXPECT_EQ(request.steps[2].path, "transcribe/post_processing");
  for (const RequestStep& step : request.steps) {
    EXPECT_TRUE(step.is_done);
    EXPECT_LE(step.duration_ns, request.duration_ns);
    const SeriesTotals totals = segment->Totals(step.path);
    EXPECT_EQ(totals.count, 1u);
    EXPECT_EQ(totals.sum, step.duration_ns);
  }
  EXPECT_EQ(segment->Totals("transcribe").count, 1u);
  EXPECT_EQ(segment->Totals("transcribe/decode/tokens").count, 1u);
  EXPECT_EQ(segment->Find("transcribe/model_loading").key.labels,
            (proto::LabelList{{"model", "base"}}));
  EXPECT_EQ(segment->header().requests_started.load(), 1u);
  EXPECT_EQ(segment->header().requests_ended.load(), 1u);
  EXPECT_TRUE(segment->OpenRequests().empty());
}

TEST_F(Requests, Next_EndsAndBeginsAtOneMoment) {
  ASSERT_EQ(Run([] {
              Request request{"job"};
              request.Next("a");
              request.Next("b");
              request.End();
            }),
            0);
  const auto segment = Segment();
  const auto request = segment->Requests().at(0);
  const uint64_t ticks = request.steps[1].start_ticks - request.steps[0].start_ticks;
  const auto ns = static_cast<uint64_t>(
      static_cast<double>(ticks) * static_cast<double>(segment->header().ns_per_tick_q32) / 0x1p32);
  EXPECT_NEAR(static_cast<double>(ns), static_cast<double>(request.steps[0].duration_ns), 1.0);
}

TEST_F(Requests, Outcome_UnendedIsAborted) {
  ASSERT_EQ(Run([] {
              Request request{"job"};
              request.Next("decode");
            }),
            0);
  const auto segment = Segment();
  EXPECT_EQ(segment->Totals("job", proto::Outcome::kAborted).count, 1u);
  EXPECT_EQ(segment->Totals("job/decode", proto::Outcome::kAborted).count, 1u);
  EXPECT_EQ(segment->Requests().at(0).outcome, proto::Outcome::kAborted);
  EXPECT_EQ(segment->Requests().at(0).steps.at(0).outcome, proto::Outcome::kAborted);
}

TEST_F(Requests, Outcome_FailStaysAndTellsWhy) {
  ASSERT_EQ(Run([] {
              Request request{"job"};
              {
                auto stage = request.Stage("read");
                stage.Fail("not_found", "a.wav: no such file");
              }
              request.Fail("bad_input", "nothing to do");
              request.End(Outcome::kOk);
            }),
            0);
  const auto request = Segment()->Requests().at(0);
  EXPECT_EQ(request.outcome, proto::Outcome::kError);
  EXPECT_EQ(request.error_type, "bad_input");
  EXPECT_EQ(request.error_message, "nothing to do");
  EXPECT_EQ(request.steps.at(0).error_type, "not_found");
  EXPECT_EQ(request.steps.at(0).error_message, "a.wav: no such file");
}

TEST_F(Requests, Outcome_ExceptionInFlightIsAnError) {
  ASSERT_EQ(Run([] {
              try {
                Request request{"job"};
                auto stage = request.Stage("decode");
                throw 1;
              } catch (int) {
              }
            }),
            0);
  const auto segment = Segment();
  EXPECT_EQ(segment->Find("job", proto::Outcome::kError).key.error_type, "exception");
  EXPECT_EQ(segment->Totals("job/decode", proto::Outcome::kError).count, 1u);
}

TEST_F(Requests, Detail_TooManyStepsAreDroppedAndCounted) {
  ASSERT_EQ(Run([] {
              Request request{"job"};
              for (int i = 0; i < 1000; ++i) request.Next("step");
              request.End();
              Request small{"job"};
              small.End();
            }),
            0);
  const auto segment = Segment();
  EXPECT_EQ(Dropped(proto::DropReason::kTooLarge), 1u);
  EXPECT_EQ(segment->Totals("job/step").count, 1000u);
  EXPECT_EQ(segment->Totals("job").count, 2u);
  EXPECT_EQ(segment->Requests().size(), 1u);  // the slot is clean again
  EXPECT_TRUE(segment->Requests().at(0).steps.empty());
}

TEST_F(Requests, Detail_WithoutAFreeSlotIsDroppedAndCounted) {
  Environment("RINGSIDE_SLOTS", "2");
  ASSERT_EQ(Run([] {
              Request a{"job"};
              Request b{"job"};
              Request c{"job"};
              c.Next("step");
              REQUIRE(Own()->OpenRequests().size() == 2);
              c.End();
              b.End();
              a.End();
            }),
            0);
  EXPECT_EQ(Dropped(proto::DropReason::kNoSlot), 1u);
  EXPECT_EQ(Segment()->Totals("job").count, 3u);
  EXPECT_EQ(Segment()->Totals("job/step").count, 1u);
  EXPECT_EQ(Segment()->Requests().size(), 2u);
}

TEST_F(Requests, Detail_RingFullIsDroppedAndCounted) {
  Environment("RINGSIDE_REQUEST_RING_BYTES", "4096");
  ASSERT_EQ(Run([] {
              for (int i = 0; i < 100; ++i) {
                Request request{"job", Attributes{{"number", i}}};
                request.Next("step");
                request.End();
              }
            }),
            0);
  const auto segment = Segment();
  const uint64_t written = segment->lane(1).request_records.load();
  EXPECT_GT(written, 10u);
  EXPECT_EQ(written + segment->lane(1).request_dropped.load(), 100u);
  EXPECT_EQ(segment->Requests().size(), written);
  EXPECT_EQ(segment->Totals("job").count, 100u);
}

TEST_F(Requests, Ring_WrapsWithPadding) {
  Environment("RINGSIDE_REQUEST_RING_BYTES", "4096");
  ASSERT_EQ(Run([] {
              uint64_t read = 0;
              for (int i = 0; i < 500; ++i) {
                Request request{"job", Attributes{{"number", i}}};
                for (int k = 0; k < i % 7; ++k) request.Next("step");
                request.End();
                const auto view = Own();
                for (const SegmentRequest& got : view->Requests()) {
                  REQUIRE(got.attributes.at("number") == std::to_string(i));
                  REQUIRE(got.steps.size() == static_cast<size_t>(i % 7));
                  ++read;
                }
                view->TrimRings();
              }
              REQUIRE(read == 500);
            }),
            0);
  EXPECT_GT(Segment()->lane(1).request_head.load(), 10u * 4096u);
}

TEST_F(Requests, Stages_FromSeveralThreadsAllArrive) {
  ASSERT_EQ(Run([] {
              for (int round = 0; round < 50; ++round) {
                Request request{"job"};
                std::vector<std::thread> threads;
                for (int t = 0; t < 4; ++t) {
                  threads.emplace_back([&request] {
                    for (int i = 0; i < 10; ++i) {
                      auto stage = request.Stage("part");
                      stage.Set({"i", i});
                    }
                  });
                }
                for (std::thread& thread : threads) thread.join();
                request.End();
                const auto view = Own();
                const auto all = view->Requests();
                REQUIRE(all.size() == 1 && all[0].steps.size() == 40);
                for (const RequestStep& step : all[0].steps) {
                  REQUIRE(step.is_done && step.attributes.size() == 1);
                }
                view->TrimRings();
              }
            }),
            0);
  EXPECT_EQ(Segment()->Totals("job/part").count, 50u * 40u);
}

TEST_F(Requests, Stages_ThatOutliveTheirRequestLeaveItsSlotAlone) {
  ASSERT_EQ(Run([] {
              Request first{"first"};
              auto stage = first.Stage("late");
              first.End();
              Request second{"second"};  // takes the same slot
              stage.Set({"lost", 1});
              stage.End();
              second.End();
            }),
            0);
  const auto segment = Segment();
  EXPECT_EQ(segment->Totals("first/late").count, 1u);
  const auto requests = segment->Requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_FALSE(requests[0].steps.at(0).is_done);
  EXPECT_TRUE(requests[1].steps.empty());
  EXPECT_TRUE(requests[1].attributes.empty());
}

TEST_F(Requests, Slots_ShowWhatIsOpen) {
  ASSERT_EQ(Run([] {
              Request request{"job", Attributes{{"file", "b.wav"}}};
              auto stage = request.Stage("decode");
              raise(SIGKILL);
            }),
            128 + SIGKILL);
  const auto open = Segment()->OpenRequests();
  ASSERT_EQ(open.size(), 1u);
  EXPECT_EQ(open[0].path, "job");
  EXPECT_EQ(open[0].attributes.at("file"), "b.wav");
  ASSERT_EQ(open[0].steps.size(), 1u);
  EXPECT_FALSE(open[0].steps[0].is_done);
}

TEST_F(Requests, Requests_BeyondTheLanesUseTheSharedRing) {
  Environment("RINGSIDE_LANES", "2");
  ASSERT_EQ(Run([] {
              Operation{"main"}.Record(std::chrono::nanoseconds{1});  // takes the only lane
              std::thread([] {
                Request request{"job", Attributes{{"a", 1}}};
                request.Next("step");
                request.End();
              }).join();
            }),
            0);
  const auto requests = Segment()->Requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].steps.size(), 1u);
  EXPECT_EQ(Segment()->lane(0).request_records.load(), 1u);
}

}  // namespace
}  // namespace ringside::tests
