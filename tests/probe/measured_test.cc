// Requests and stages that were measured elsewhere, and what a caller can learn about its own.
#include <cstring>
#include <map>
#include <string>

#include <ringside/probe_c.h>

#include "tests/probe/probe_fixture.h"

namespace ringside::tests {
namespace {

const ringside_operation* Job(const char* name) {
  return ringside_operation_get(ringside_str(name), nullptr, 0);
}

class Measured : public ProbeTest {};

TEST_F(Measured, Single_IsOneStepOfItsOwnNameAndOneSample) {
  ASSERT_EQ(Run([] {
              ringside_request request;
              ringside_attribute job{};
              job.key = ringside_str("job_id");
              job.type = RINGSIDE_STRING;
              job.value.text = ringside_str("j1");
              ringside_request_start(&request, Job("inference"), {}, &job, 1);
              ringside_request_end_single(&request, RINGSIDE_OK, nullptr);
              ringside_request_end_single(&request, RINGSIDE_OK, nullptr);  // does nothing
            }),
            0);
  const auto segment = Segment();
  const auto requests = segment->Requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].attributes.at("job_id"), "j1");
  ASSERT_EQ(requests[0].steps.size(), 1u);
  EXPECT_EQ(requests[0].steps[0].path, "inference");
  EXPECT_TRUE(requests[0].steps[0].is_done);
  EXPECT_EQ(requests[0].steps[0].duration_ns, requests[0].duration_ns);
  const SeriesTotals totals = segment->Totals("inference");
  EXPECT_EQ(totals.count, 1u);
  EXPECT_EQ(totals.sum, requests[0].duration_ns);
  EXPECT_EQ(segment->TotalCount(), 1u);
}

TEST_F(Measured, Single_TakesADurationAndAnError) {
  ASSERT_EQ(Run([] {
              ringside_request request;
              ringside_request_start(&request, Job("resize"), {}, nullptr, 0);
              ringside_request_fail(&request, ringside_str("timeout"), ringside_str("too late"));
              const uint64_t ns = 245'000'000;
              ringside_request_end_single(&request, RINGSIDE_OK, &ns);
              uint64_t recorded = 0;
              REQUIRE(ringside_request_span(&request, &recorded) == 1);
              REQUIRE(recorded == ns);
            }),
            0);
  const auto segment = Segment();
  const SegmentRequest request = segment->Requests().at(0);
  EXPECT_EQ(request.duration_ns, 245'000'000u);
  EXPECT_EQ(request.outcome, proto::Outcome::kError);
  EXPECT_EQ(request.error_type, "timeout");
  EXPECT_EQ(request.error_message, "too late");
  ASSERT_EQ(request.steps.size(), 1u);
  EXPECT_EQ(request.steps[0].error_type, "timeout");
  EXPECT_EQ(request.steps[0].duration_ns, 245'000'000u);
  EXPECT_EQ(segment->Totals("resize", proto::Outcome::kError).sum, 245'000'000u);
}

TEST_F(Measured, Stage_CountsWhatItIsToldAndBeganSoLongAgo) {
  ASSERT_EQ(Run([] {
              ringside_request request;
              ringside_request_start(&request, Job("job"), {}, nullptr, 0);
              ringside_stage stage;
              ringside_stage_start(&stage, &request, ringside_str("upload"), nullptr, 0);
              ringside_stage_end_measured(&stage, RINGSIDE_OK, 1'500'000'000);
              ringside_stage_end_measured(&stage, RINGSIDE_OK, 7);  // does nothing
              uint64_t offset = 1;
              uint64_t duration = 0;
              REQUIRE(ringside_stage_span(&stage, &request, &offset, &duration) == 1);
              REQUIRE(offset == 0);  // before the request
              REQUIRE(duration == 1'500'000'000);
              ringside_request_end(&request, RINGSIDE_OK);
            }),
            0);
  const auto segment = Segment();
  const SegmentRequest request = segment->Requests().at(0);
  ASSERT_EQ(request.steps.size(), 1u);
  EXPECT_EQ(request.steps[0].duration_ns, 1'500'000'000u);
  EXPECT_EQ(segment->Totals("job/upload").sum, 1'500'000'000u);
  EXPECT_EQ(segment->Totals("job/upload").count, 1u);
}

TEST_F(Measured, Span_IsWhatTheRecordSays) {
  ASSERT_EQ(Run([] {
              ringside_request request;
              ringside_request_start(&request, Job("job"), {}, nullptr, 0);
              uint64_t so_far = 0;
              REQUIRE(ringside_request_span(&request, &so_far) == 1);
              ringside_stage stage;
              ringside_stage_start(&stage, &request, ringside_str("decode"), nullptr, 0);
              ringside_stage_end(&stage, RINGSIDE_OK);
              uint64_t offset = 0;
              uint64_t stage_ns = 0;
              REQUIRE(ringside_stage_span(&stage, &request, &offset, &stage_ns) == 1);
              ringside_request_end(&request, RINGSIDE_OK);
              uint64_t request_ns = 0;
              REQUIRE(ringside_request_span(&request, &request_ns) == 1);
              REQUIRE(so_far <= request_ns);
              REQUIRE(ringside_request_span(&request, nullptr) == 1);
              REQUIRE(ringside_stage_span(&stage, &request, nullptr, nullptr) == 1);
              REQUIRE(offset + stage_ns <= request_ns + 1);  // each is rounded down
              // To compare with the record from outside.
              const ringside_value* told =
                  ringside_value_get(ringside_str("told"), ringside_str("By"), nullptr, nullptr, 0);
              ringside_value_record_int(told, static_cast<int64_t>(request_ns + stage_ns));
            }),
            0);
  const auto segment = Segment();
  const SegmentRequest request = segment->Requests().at(0);
  EXPECT_EQ(segment->Totals("told").sum, request.duration_ns + request.steps.at(0).duration_ns);
}

TEST_F(Measured, Id_IsThatOfTheRecordWhileTheRequestIsOpen) {
  ASSERT_EQ(Run([] {
              ringside_request request;
              ringside_request_start(&request, Job("job"), {}, nullptr, 0);
              uint8_t id[16] = {};
              REQUIRE(ringside_request_id(&request, id) == 1);
              ringside_attribute told{};
              told.key = ringside_str("told");
              told.type = RINGSIDE_STRING;
              told.value.text = {reinterpret_cast<const char*>(id), sizeof id};
              ringside_request_set(&request, &told);
              ringside_request_end(&request, RINGSIDE_OK);
              REQUIRE(ringside_request_id(&request, id) == 0);
            }),
            0);
  const SegmentRequest request = Segment()->Requests().at(0);
  EXPECT_EQ(request.id, request.attributes.at("told"));
}

// The request fails before or after its labels are known, or not at all.
TEST_F(Measured, Labels_KnownLateAreThoseThatCount) {
  ASSERT_EQ(Run([] {
              const ringside_label label{ringside_str("route"), ringside_str("/users/<id>")};
              for (const int failed_at : {0, 1, 2}) {
                ringside_request request;
                ringside_request_start(&request, Job("http"), {}, nullptr, 0);
                const ringside_text type = ringside_str(failed_at == 1 ? "early" : "late");
                if (failed_at == 1) ringside_request_fail(&request, type, {});
                ringside_request_label(&request, &label, 1);
                if (failed_at == 2) ringside_request_fail(&request, type, {});
                ringside_request_next(&request, ringside_str("query"), nullptr, 0);
                ringside_request_end(&request, RINGSIDE_OK);
                ringside_request_label(&request, &label, 1);  // does nothing
              }
              ringside_request_label(nullptr, &label, 1);
            }),
            0);
  const auto segment = Segment();
  std::map<std::string, uint64_t> counts;
  for (const SegmentSeries& series : segment->Series()) {
    if (series.totals.count == 0) continue;
    const std::string label = series.key.labels.empty() ? "" : series.key.labels[0].second;
    counts[series.key.path + " " + label + " " + series.key.error_type] += series.totals.count;
  }
  EXPECT_EQ(counts, (std::map<std::string, uint64_t>{{"http /users/<id> ", 1},
                                                     {"http /users/<id> early", 1},
                                                     {"http /users/<id> late", 1},
                                                     {"http/query  ", 1},
                                                     {"http/query  early", 1},
                                                     {"http/query  late", 1}}));
}

TEST_F(Measured, Nothing_IsKnownOfWhatNeverBegan) {
  Environment("RINGSIDE_DISABLED", "1");
  ASSERT_EQ(Run([] {
              ringside_request request;
              memset(&request, 0xff, sizeof request);
              ringside_request_start(&request, Job("job"), {}, nullptr, 0);
              ringside_stage stage;
              memset(&stage, 0xff, sizeof stage);
              ringside_stage_start(&stage, &request, ringside_str("decode"), nullptr, 0);
              uint8_t id[16];
              uint64_t ns = 0;
              REQUIRE(ringside_request_id(&request, id) == 0);
              REQUIRE(ringside_request_span(&request, &ns) == 0);
              REQUIRE(ringside_stage_span(&stage, &request, &ns, &ns) == 0);
              ringside_stage_end_measured(&stage, RINGSIDE_OK, 1);
              ringside_request_end_single(&request, RINGSIDE_OK, nullptr);
              REQUIRE(ringside_request_id(nullptr, id) == 0);
              ringside_stage_end_measured(nullptr, RINGSIDE_OK, 1);
              ringside_request_end_single(nullptr, RINGSIDE_OK, nullptr);
            }),
            0);
}

}  // namespace
}  // namespace ringside::tests
