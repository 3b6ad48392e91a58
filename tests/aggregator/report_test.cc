// The report: totals, shares, bottlenecks, and the last requests.
#include "aggregator/report.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/aggregator/batch_builder.h"

namespace ringside::aggregator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Step {
  const char* name;
  uint64_t ms;
  const char* error = nullptr;
};

class ReportTest : public testing::Test {
 protected:
  ReportTest() : store_(StoreOptions::ForArchive()) {}

  // A finished request, as the agent would tell of it: its row, and its series.
  void Finish(double second, const std::vector<Step>& steps, uint64_t total_ms,
              proto::LabelList labels = {}, const std::string& operation = "transcribe") {
    proto::RequestRow row;
    row.id = "r" + std::to_string(++count_);
    row.operation = operation;
    row.labels = labels;
    row.start_unix_ns = BatchBuilder::Moment(second) - total_ms * kTestMs;
    row.duration_ns = total_ms * kTestMs;
    row.attributes = {{"file", "a.wav"},
                      {"size_bytes", static_cast<int64_t>(1000 * count_)},
                      {"ratio", 0.5},
                      {"cached", true}};
    BatchBuilder builder(second);
    uint64_t offset = 0;
    std::string error;
    for (const Step& step : steps) {
      proto::StepRow entry;
      entry.name = step.name;
      entry.start_offset_ns = offset;
      entry.duration_ns = step.ms * kTestMs;
      offset += entry.duration_ns;
      if (step.error != nullptr) {
        error = entry.error_type = step.error;
        entry.error_message = "went wrong";
        entry.outcome = proto::Outcome::kError;
      }
      builder.Durations(operation + "/" + step.name, {static_cast<int64_t>(entry.duration_ns)},
                        labels, entry.outcome, entry.error_type);
      row.steps.push_back(std::move(entry));
    }
    row.outcome = error.empty() ? proto::Outcome::kOk : proto::Outcome::kError;
    row.error_type = error;
    builder.Durations(operation, {static_cast<int64_t>(row.duration_ns)}, labels, row.outcome,
                      error);
    store_.Apply(builder.Request(row));
  }

  Json Ask(const Parameters& parameters) const {
    const proto::Result<ReportRequest> request = ParseReportRequest(parameters);
    EXPECT_TRUE(request.ok()) << request.message();
    if (!request) return {};
    proto::Result<Json> answer = AnswerReport(store_, *request, 0);
    EXPECT_TRUE(answer.ok()) << answer.message();
    return answer.ok() ? *answer : Json{};
  }
  static const Json& Stage(const Json& operation, const std::string& name) {
    for (const Json& stage : operation.at("stages")) {
      if (stage.at("stage") == name) return stage;
    }
    static const Json none;
    ADD_FAILURE() << "no stage " << name << " in " << operation.dump(1);
    return none;
  }

  Store store_;
  int count_ = 0;
};

TEST_F(ReportTest, Range_TotalsSharesAndBottleneck) {
  Finish(1, {{"read", 10}, {"decode", 80}}, 100);
  Finish(2, {{"read", 10}, {"decode", 75, "timeout"}}, 100);
  const Json report = Ask({});
  EXPECT_EQ(report["totals"]["requests"], 2);
  EXPECT_EQ(report["totals"]["successful"], 1);
  EXPECT_EQ(report["totals"]["failed"], 1);
  EXPECT_DOUBLE_EQ(report["totals"]["attributes"]["size_bytes"]["mean"].get<double>(), 1500);
  EXPECT_DOUBLE_EQ(report["totals"]["attributes"]["ratio"]["mean"].get<double>(), 0.5);
  EXPECT_FALSE(report["totals"]["attributes"].contains("cached"));
  EXPECT_FALSE(report["totals"]["attributes"].contains("file"));
  ASSERT_EQ(report["operations"].size(), 1u);
  const Json& operation = report["operations"][0];
  EXPECT_EQ(operation["operation"], "transcribe");
  EXPECT_EQ(operation["bottleneck"], "decode");
  EXPECT_EQ(operation["bottlenecks"], Json::array({"decode"}));
  EXPECT_EQ(operation["errors_by_type"], (Json{{"timeout", 1}}));
  EXPECT_DOUBLE_EQ(operation["mean"].get<double>(), 0.1);
  EXPECT_DOUBLE_EQ(operation["share"].get<double>(), 1);
  EXPECT_EQ(operation["stages"][0]["stage"], "decode") << "the largest share first";
  EXPECT_DOUBLE_EQ(Stage(operation, "decode")["share"].get<double>(), 0.775);
  EXPECT_DOUBLE_EQ(Stage(operation, "read")["share"].get<double>(), 0.1);
  EXPECT_DOUBLE_EQ(Stage(operation, "(untimed)")["share"].get<double>(), 0.125);
  EXPECT_EQ(Stage(operation, "decode")["errors_by_type"], (Json{{"timeout", 1}}));
}

TEST_F(ReportTest, Range_SelfTimeOfNestedStagesIsWithoutTheirStages) {
  store_.Apply(BatchBuilder(1)
                   .Durations("job", {100})
                   .Durations("job/decode", {90})
                   .Durations("job/decode/beam", {60}));
  const Json operation = Ask({})["operations"][0];
  EXPECT_DOUBLE_EQ(Stage(operation, "decode")["share"].get<double>(), 0.3);
  EXPECT_DOUBLE_EQ(Stage(operation, "decode/beam")["share"].get<double>(), 0.6);
  EXPECT_DOUBLE_EQ(Stage(operation, "(untimed)")["share"].get<double>(), 0.1);
  EXPECT_EQ(operation["bottlenecks"], Json::array({"decode/beam", "decode"}));
}

TEST_F(ReportTest, Range_ASeriesOfUntimedTimeIsNotCountedTwice) {
  store_.Apply(BatchBuilder(1)
                   .Durations("job", {100})
                   .Durations("job/a", {70})
                   .Durations("job/(untimed)", {30}));
  const Json operation = Ask({})["operations"][0];
  EXPECT_EQ(operation["stages"].size(), 2u);
  EXPECT_DOUBLE_EQ(Stage(operation, "(untimed)")["share"].get<double>(), 0.3);
  EXPECT_EQ(operation["bottleneck"], "a");
}

TEST_F(ReportTest, Range_BareOperationsAreListedButAreNoRequests) {
  Finish(1, {{"read", 10}}, 20);
  store_.Apply(BatchBuilder(1).Durations("cleanup", {5}).Durations("http/get", {5}));
  const Json report = Ask({});
  EXPECT_EQ(report["totals"]["requests"], 1);
  ASSERT_EQ(report["operations"].size(), 3u);
  EXPECT_EQ(report["operations"][0]["operation"], "transcribe") << "the most time first";
  EXPECT_TRUE(report["operations"][1]["bottleneck"].is_null());
  EXPECT_EQ(report["operations"][1]["stages"].size(), 0u);
}

TEST_F(ReportTest, Range_AbortedTimeCountsForSharesButNotForLatency) {
  store_.Apply(BatchBuilder(1)
                   .Durations("job", {100})
                   .Durations("job", {100}, {}, proto::Outcome::kAborted)
                   .Durations("job/a", {50})
                   .Durations("job/a", {100}, {}, proto::Outcome::kAborted));
  const Json operation = Ask({})["operations"][0];
  EXPECT_EQ(operation["aborted"], 1);
  EXPECT_DOUBLE_EQ(Stage(operation, "a")["share"].get<double>(), 0.75);
  EXPECT_DOUBLE_EQ(Stage(operation, "a")["max"].get<double>(), 50e-9);
}

TEST_F(ReportTest, Range_ByAndWhere) {
  Finish(1, {{"decode", 10}}, 20, {{"model", "a"}});
  Finish(2, {{"decode", 90}}, 100, {{"model", "b"}});
  const Json by = Ask({{"by", "model"}})["operations"];
  ASSERT_EQ(by.size(), 2u);
  EXPECT_EQ(by[0]["labels"], (Json{{"model", "b"}}));
  EXPECT_DOUBLE_EQ(Stage(by[0], "decode")["share"].get<double>(), 0.9);
  EXPECT_DOUBLE_EQ(Stage(by[1], "decode")["share"].get<double>(), 0.5);
  const Json where = Ask({{"where", "model=a"}});
  EXPECT_EQ(where["totals"]["requests"], 1);
  EXPECT_EQ(where["requests"].size(), 1u);
  EXPECT_EQ(Ask({{"name", "other"}})["operations"].size(), 0u);
}

TEST_F(ReportTest, Range_StagesWithLabelsOfTheirOwnStayWithTheirOperation) {
  store_.Apply(BatchBuilder(1)
                   .Durations("job", {100})
                   .Durations("job/load", {20}, {{"model", "a"}})
                   .Durations("job/load", {30}, {{"model", "b"}}));
  const Json operations = Ask({{"by", "model"}})["operations"];
  ASSERT_EQ(operations.size(), 1u);
  EXPECT_EQ(operations[0]["stages"].size(), 3u);
  EXPECT_DOUBLE_EQ(Stage(operations[0], "(untimed)")["share"].get<double>(), 0.5);
}

TEST_F(ReportTest, Requests_RestrictsTheStatisticsToTheLastN) {
  Finish(1, {{"decode", 500}}, 1000);
  Finish(2, {{"read", 30}, {"decode", 20}}, 100);
  Finish(3, {{"read", 70}, {"decode", 20, "io"}}, 100);
  const Json report = Ask({{"requests", "2"}});
  EXPECT_EQ(report["totals"]["requests"], 2);
  EXPECT_EQ(report["totals"]["failed"], 1);
  EXPECT_DOUBLE_EQ(report["totals"]["attributes"]["size_bytes"]["mean"].get<double>(), 2500);
  const Json& operation = report["operations"][0];
  EXPECT_EQ(operation["count"], 2);
  EXPECT_DOUBLE_EQ(operation["max"].get<double>(), 0.1);
  EXPECT_EQ(operation["bottleneck"], "read");
  EXPECT_DOUBLE_EQ(Stage(operation, "read")["share"].get<double>(), 0.5);
  EXPECT_DOUBLE_EQ(Stage(operation, "(untimed)")["share"].get<double>(), 0.3);
  EXPECT_EQ(operation["errors_by_type"], (Json{{"io", 1}}));
  EXPECT_EQ(report["requests"].size(), 2u);
  EXPECT_EQ(report["window"]["to"], "2025-03-01T00:00:03.000Z");
}

TEST_F(ReportTest, Requests_OneByOneNewestFirst) {
  Finish(1, {{"read", 10}, {"decode", 80}}, 100, {{"model", "a"}});
  Finish(2, {{"decode", 50, "timeout"}}, 100);
  const Json requests = Ask({})["requests"];
  ASSERT_EQ(requests.size(), 2u);
  const Json& failed = requests[0];
  EXPECT_EQ(failed["id"], "r2");
  EXPECT_EQ(failed["success"], false);
  EXPECT_EQ(failed["error"]["type"], "timeout");
  EXPECT_EQ(failed["steps"][0]["error"]["message"], "went wrong");
  const Json& good = requests[1];
  EXPECT_EQ(good["operation"], "transcribe");
  EXPECT_EQ(good["timestamp"], "2025-03-01T00:00:00.900Z");
  EXPECT_EQ(good["attributes"]["file"], "a.wav");
  EXPECT_EQ(good["attributes"]["size_bytes"], 1000);
  EXPECT_EQ(good["attributes"]["cached"], true);
  EXPECT_EQ(good["labels"], (Json{{"model", "a"}}));
  EXPECT_EQ(good["host"], "alpha");
  EXPECT_EQ(good["service"], "worker");
  EXPECT_TRUE(good["error"].is_null());
  EXPECT_DOUBLE_EQ(good["duration"].get<double>(), 0.1);
  EXPECT_EQ(good["steps"].size(), 2u);
  EXPECT_EQ(good["steps"][1]["name"], "decode");
  EXPECT_DOUBLE_EQ(good["steps"][1]["start_offset"].get<double>(), 0.01);
  EXPECT_DOUBLE_EQ(good["steps"][1]["percent"].get<double>(), 80);
  EXPECT_DOUBLE_EQ(good["breakdown_percent"]["(untimed)"].get<double>(), 10);
  EXPECT_EQ(good["bottleneck"], "decode");
  EXPECT_EQ(good["bottlenecks"], Json::array({"decode"}));
}

TEST_F(ReportTest, Requests_NoneIsAnEmptyReport) {
  const Json report = Ask({{"requests", "5"}});
  EXPECT_EQ(report["totals"]["requests"], 0);
  EXPECT_EQ(report["operations"].size(), 0u);
  EXPECT_EQ(Ask({})["totals"]["requests"], 0);
}

TEST_F(ReportTest, Parameters_AskBackWhenAmbiguous) {
  const auto error = [](const Parameters& parameters) {
    return ParseReportRequest(parameters).message();
  };
  EXPECT_THAT(error({{"last", "10"}}), HasSubstr("--requests 10 or --last 10m?"));
  EXPECT_THAT(error({{"requests", "5"}, {"last", "5m"}}), HasSubstr("not both"));
  EXPECT_THAT(error({{"requests", "0"}}), HasSubstr("requests: \"0\" is no number"));
  EXPECT_THAT(error({{"requests", "9999999"}}), HasSubstr("1 to 10000"));
  EXPECT_THAT(error({{"stat", "p99"}}), HasSubstr("stat: unknown parameter"));
}

}  // namespace
}  // namespace ringside::aggregator
