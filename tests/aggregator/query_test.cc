// Queries: what the numbers mean, against exact values.
#include "aggregator/query.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/aggregator/batch_builder.h"

namespace ringside::aggregator {
namespace {

using testing::HasSubstr;

class QueryTest : public testing::Test {
 protected:
  QueryTest() : store_(StoreOptions::ForArchive()) {}

  void Apply(const proto::Batch& batch) { store_.Apply(batch); }

  Json Ask(const Parameters& parameters, uint64_t now = 0) const {
    const proto::Result<QueryRequest> request = ParseQueryRequest(parameters);
    EXPECT_TRUE(request.ok()) << request.message();
    if (!request) return {};
    proto::Result<Json> answer = AnswerQuery(store_, *request, now);
    EXPECT_TRUE(answer.ok()) << answer.message();
    return answer.ok() ? *answer : Json{};
  }
  Json Rows(const Parameters& parameters) const { return Ask(parameters)["rows"]; }
  // The only row.
  Json Row(const Parameters& parameters) const {
    const Json rows = Rows(parameters);
    EXPECT_EQ(rows.size(), 1u) << rows.dump(1);
    return rows.empty() ? Json{} : rows[0];
  }
  static std::string ErrorOf(const Parameters& parameters) {
    return ParseQueryRequest(parameters).message();
  }

  Store store_;
};

double NearestRank(std::vector<int64_t> values, double q) {
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<size_t>(std::ceil(q * static_cast<double>(values.size())));
  return static_cast<double>(values[std::max<size_t>(rank, 1) - 1]);
}

TEST_F(QueryTest, Oracle_AllStatisticsAgreeWithTheRawDataOfTwoHosts) {
  std::mt19937_64 random(11);
  std::lognormal_distribution<double> lognormal(15, 1.2);
  std::vector<int64_t> all;
  for (int second = 1; second <= 50; ++second) {
    for (const char* host : {"alpha", "beta"}) {
      std::vector<int64_t> values;
      for (int i = 0; i < 40; ++i) values.push_back(1 + static_cast<int64_t>(lognormal(random)));
      all.insert(all.end(), values.begin(), values.end());
      Apply(BatchBuilder(second).Host(host).Durations("decode", values));
    }
  }
  const Json answer = Ask(
      {{"name", "decode"},
       {"stat", "count,rate,sum,mean,min,max,p0,p50,p90,p95,p99,p99.9,p99.99,p100,error_rate"}});
  const Json row = answer["rows"][0];
  const double bound = answer["error_bound"].get<double>();
  EXPECT_NEAR(bound, 0.00542, 0.00001);
  double sum = 0;
  for (const int64_t value : all) sum += static_cast<double>(value) * 1e-9;
  EXPECT_EQ(row["count"], all.size());
  EXPECT_NEAR(row["sum"].get<double>(), sum, sum * 1e-12);
  EXPECT_NEAR(row["mean"].get<double>(), sum / 4000, sum * 1e-12);
  EXPECT_DOUBLE_EQ(row["rate"].get<double>(), 4000 / 50.0);
  EXPECT_DOUBLE_EQ(row["min"].get<double>(), NearestRank(all, 0) * 1e-9);
  EXPECT_DOUBLE_EQ(row["max"].get<double>(), NearestRank(all, 1) * 1e-9);
  EXPECT_EQ(row["error_rate"], 0.0);
  for (const auto& [name, q] : std::vector<std::pair<std::string, double>>{{"p0", 0},
                                                                           {"p50", .5},
                                                                           {"p90", .9},
                                                                           {"p95", .95},
                                                                           {"p99", .99},
                                                                           {"p99.9", .999},
                                                                           {"p99.99", .9999},
                                                                           {"p100", 1}}) {
    const double exact = NearestRank(all, q) * 1e-9;
    EXPECT_NEAR(row[name].get<double>(), exact, exact * bound * 1.000001) << name;
  }
}

TEST_F(QueryTest, Json_HasTheDocumentedShapeAndOrder) {
  Apply(BatchBuilder(1).Durations("transcribe/decode", {12'300'000}, {{"model", "en-us"}}));
  const Json answer = Ask({{"stat", "count,max"}});
  EXPECT_EQ(answer.dump(),
            R"({"window":{"from":"2025-02-28T23:50:01.000Z","to":"2025-03-01T00:00:01.000Z"},)"
            R"("held":{"from":"2025-03-01T00:00:00.000Z","resolution":1.0},"error_bound":)" +
                answer["error_bound"].dump() +
                R"(,"rows":[{"operation":"transcribe/decode","kind":"duration","unit":"s",)"
                R"("labels":{"model":"en-us"},"count":1,"max":0.0123}]})");
}

TEST_F(QueryTest, Json_DefaultStatistics) {
  Apply(BatchBuilder(1).Durations("decode", {1}));
  const Json row = Row({});
  std::vector<std::string> names;
  for (const auto& item : row.items()) names.push_back(item.key());
  EXPECT_THAT(names, testing::ElementsAre("operation", "kind", "unit", "labels", "count", "rate",
                                          "mean", "p50", "p95", "p99", "max", "error_rate"));
}

TEST_F(QueryTest, Names_BareNameMatchesLastElementsAndPathsStaySeparate) {
  Apply(BatchBuilder(1)
            .Durations("decode", {1})
            .Durations("transcribe/decode", {1})
            .Durations("transcribe", {1}));
  EXPECT_EQ(Rows({{"name", "decode"}}).size(), 2u);
  EXPECT_EQ(Row({{"name", "transcribe/decode"}})["operation"], "transcribe/decode");
  EXPECT_EQ(Rows({}).size(), 3u);
  EXPECT_EQ(Rows({{"name", "nothing"}}).size(), 0u);
}

TEST_F(QueryTest, Grouping_DefaultIsOwnLabelsAcrossHostsServicesAndOutcomes) {
  Apply(BatchBuilder(1).Durations("decode", {1}, {{"model", "a"}}));
  Apply(
      BatchBuilder(1).Host("beta").Producer(2, "other").Durations("decode", {1}, {{"model", "a"}}));
  Apply(BatchBuilder(1).Durations("decode", {1}, {{"model", "b"}}));
  Apply(BatchBuilder(1).Durations("decode", {1}, {{"model", "a"}}, proto::Outcome::kError, "io"));
  const Json rows = Rows({});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["labels"], (Json{{"model", "a"}}));
  EXPECT_EQ(rows[0]["count"], 3);
  EXPECT_EQ(rows[1]["count"], 1);
}

TEST_F(QueryTest, Grouping_ByTakesThePlaceOfOwnLabels) {
  Apply(BatchBuilder(1).Durations("decode", {1}, {{"model", "a"}}));
  Apply(BatchBuilder(1).Host("beta").Durations("decode", {1, 1}, {{"model", "b"}}));
  const Json rows = Rows({{"by", "host"}});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["labels"], (Json{{"host", "alpha"}}));
  EXPECT_EQ(rows[1]["count"], 2);
  const Json both = Rows({{"by", "host,model"}});
  EXPECT_EQ(both[1]["labels"], (Json{{"host", "beta"}, {"model", "b"}}));
}

TEST_F(QueryTest, Grouping_ByAnyKnownLabel) {
  Apply(BatchBuilder(1)
            .Producer(77, "ocr")
            .Resource({{"zone", "x"}})
            .Durations("decode", {1}, {}, proto::Outcome::kError, "io"));
  const Json row = Row({{"by", "zone,service,pid,instance,outcome,error_type,kind,absent"}});
  EXPECT_EQ(row["labels"], (Json{{"zone", "x"},
                                 {"service", "ocr"},
                                 {"pid", "77"},
                                 {"instance", "77-00000000"},
                                 {"outcome", "error"},
                                 {"error_type", "io"},
                                 {"kind", "duration"},
                                 {"absent", ""}}));
}

TEST_F(QueryTest, Where_FiltersByOwnResourceAndProducerLabels) {
  Apply(BatchBuilder(1).Durations("decode", {1}, {{"model", "a"}}));
  Apply(BatchBuilder(1).Durations("decode", {1, 1}, {{"model", "b"}}));
  Apply(BatchBuilder(1).Host("beta").Durations("decode", {1, 1, 1}, {{"model", "c"}}));
  EXPECT_EQ(Row({{"where", "model=b"}})["count"], 2);
  EXPECT_EQ(Row({{"where", "host=beta"}})["count"], 3);
  EXPECT_EQ(Rows({{"where", "model!=a"}}).size(), 2u);
  EXPECT_EQ(Rows({{"where", "model=a"}, {"where", "model=b"}}).size(), 2u) << "either of them";
  EXPECT_EQ(Rows({{"where", "model=a"}, {"where", "host=beta"}}).size(), 0u) << "both of them";
  EXPECT_EQ(Rows({{"where", "absent="}}).size(), 3u);
  EXPECT_EQ(Rows({{"where", "operation=decode"}}).size(), 3u);
}

TEST_F(QueryTest, Outcomes_LatencyCoversOkAndErrorUnlessFilteredOrGrouped) {
  Apply(BatchBuilder(1)
            .Durations("decode", {10, 10})
            .Errors("decode", {30}, "timeout")
            .Durations("decode", {1000}, {}, proto::Outcome::kAborted));
  const Parameters stats = {{"stat", "count,ok,errors,aborted,error_rate,max,mean"}};
  const auto with = [&](Parameters extra) {
    extra.insert(extra.end(), stats.begin(), stats.end());
    return extra;
  };
  const Json all = Row(with({}));
  EXPECT_EQ(all["count"], 4);
  EXPECT_EQ(all["ok"], 2);
  EXPECT_EQ(all["errors"], 1);
  EXPECT_EQ(all["aborted"], 1);
  EXPECT_DOUBLE_EQ(all["error_rate"].get<double>(), 0.5);
  EXPECT_DOUBLE_EQ(all["max"].get<double>(), 30e-9);
  EXPECT_DOUBLE_EQ(all["mean"].get<double>(), 50e-9 / 3);
  const Json aborted = Row(with({{"where", "outcome=aborted"}}));
  EXPECT_EQ(aborted["count"], 1);
  EXPECT_DOUBLE_EQ(aborted["max"].get<double>(), 1000e-9);
  const Json ok = Row(with({{"where", "outcome=ok"}}));
  EXPECT_DOUBLE_EQ(ok["max"].get<double>(), 10e-9);
  EXPECT_DOUBLE_EQ(ok["error_rate"].get<double>(), 0);
  const Json by = Rows(with({{"by", "outcome"}}));
  ASSERT_EQ(by.size(), 3u);
  EXPECT_EQ(by[0]["labels"]["outcome"], "aborted");
  EXPECT_DOUBLE_EQ(by[0]["max"].get<double>(), 1000e-9);
}

TEST_F(QueryTest, Nulls_WhereThereIsNoSample) {
  Apply(BatchBuilder(1).Durations("decode", {5}, {}, proto::Outcome::kAborted));
  const Json row = Row({{"stat", "count,mean,min,max,p50,sum,error_rate,last"}});
  EXPECT_EQ(row["count"], 1);
  for (const char* name : {"mean", "min", "max", "p50", "sum", "last"}) {
    EXPECT_TRUE(row[name].is_null()) << name;
  }
  EXPECT_DOUBLE_EQ(row["error_rate"].get<double>(), 1);
}

TEST_F(QueryTest, Kinds_CounterHasSumAndRateOfWhatWasAdded) {
  for (int second = 1; second <= 10; ++second)
    Apply(BatchBuilder(second).Counter("bytes", "By", 500));
  const Json row = Row({{"stat", "count,sum,rate,mean,error_rate"}});
  EXPECT_EQ(row["kind"], "counter");
  EXPECT_EQ(row["unit"], "By");
  EXPECT_TRUE(row["count"].is_null());
  EXPECT_DOUBLE_EQ(row["sum"].get<double>(), 5000);
  EXPECT_DOUBLE_EQ(row["rate"].get<double>(), 500);
  EXPECT_TRUE(row["mean"].is_null());
  EXPECT_TRUE(row["error_rate"].is_null());
}

TEST_F(QueryTest, Kinds_GaugeHasTheLastValueSet) {
  Apply(BatchBuilder(2).Gauge("process.rss", "By", 300));
  Apply(BatchBuilder(1).Gauge("process.rss", "By", 900));
  const Json row = Row({{"stat", "last,max,mean,count"}});
  EXPECT_DOUBLE_EQ(row["last"].get<double>(), 300) << "the newest, not the last to come";
  EXPECT_DOUBLE_EQ(row["max"].get<double>(), 900);
  EXPECT_EQ(row["count"], 2);
}

TEST_F(QueryTest, Kinds_ValuesOfDifferentResolutionMergeExactly) {
  Apply(BatchBuilder(1).Value("tokens", 0, {3, 5}));
  Apply(BatchBuilder(1).Value("tokens", -2, {2}));  // 0.5
  const Json row = Row({{"stat", "count,sum,min,max"}});
  EXPECT_EQ(row["count"], 3);
  EXPECT_DOUBLE_EQ(row["sum"].get<double>(), 8.5);
  EXPECT_DOUBLE_EQ(row["min"].get<double>(), 0.5);
  EXPECT_DOUBLE_EQ(row["max"].get<double>(), 5);
}

TEST_F(QueryTest, ErrorBound_IsThatOfTheCoarsestScaleMerged) {
  proto::Batch batch = BatchBuilder(1).Durations("decode", {100});
  proto::Distribution coarse;
  coarse.histogram = proto::Histogram(0);
  coarse.Record(300);
  batch.producers[0].series.push_back(batch.producers[0].series[0]);
  batch.producers[0].series[1].delta = coarse;
  Apply(batch);
  EXPECT_NEAR(Ask({})["error_bound"].get<double>(), 1.0 / 3, 1e-9);
}

TEST_F(QueryTest, Window_IsHalfOpenAndEndsAtTheLastClosedInterval) {
  for (int second = 1; second <= 100; ++second)
    Apply(BatchBuilder(second).Durations("decode", {1}));
  EXPECT_EQ(Row({{"last", "10s"}})["count"], 10);
  EXPECT_EQ(Row({{"from", "2025-03-01T00:00:10Z"}, {"to", "2025-03-01T00:00:20Z"}})["count"], 10);
  EXPECT_EQ(Row({{"from", "2025-03-01T00:01:30Z"}})["count"], 10);
  EXPECT_EQ(Row({{"last", "5s"}, {"to", "2025-03-01T00:00:03Z"}})["count"], 3);
  EXPECT_DOUBLE_EQ(Row({{"last", "10s"}})["rate"].get<double>(), 1);
  EXPECT_DOUBLE_EQ(Row({{"last", "1h"}})["rate"].get<double>(), 1) << "only covered time divides";
}

TEST_F(QueryTest, Window_OfALiveServerEndsNowWhenTheDataIsOld) {
  Apply(BatchBuilder(100).Durations("decode", {1}));
  const auto to = [&](double now) {
    return Ask({}, BatchBuilder::Moment(now))["window"]["to"].get<std::string>();
  };
  EXPECT_EQ(to(105), "2025-03-01T00:01:40.000Z");
  EXPECT_EQ(to(200), "2025-03-01T00:03:20.000Z");
  EXPECT_EQ(to(20), "2025-03-01T00:00:20.000Z") << "a host's clock is ahead";
  EXPECT_EQ(Ask({})["window"]["to"], "2025-03-01T00:01:40.000Z") << "an archive has no now";
}

TEST_F(QueryTest, Order_SortLimitAndNullsLast) {
  Apply(BatchBuilder(1).Durations("a", {1}).Durations("b", {3}).Durations("c", {2}).Durations(
      "d", {9}, {}, proto::Outcome::kAborted));
  const auto names = [&](const Parameters& parameters) {
    std::string all;
    for (const Json& row : Rows(parameters)) all += row["operation"].get<std::string>();
    return all;
  };
  EXPECT_EQ(names({}), "abcd");
  EXPECT_EQ(names({{"sort", "max"}}), "bcad");
  EXPECT_EQ(names({{"sort", "max:asc"}}), "acbd");
  EXPECT_EQ(names({{"sort", "p99"}, {"stat", "count"}, {"limit", "2"}}), "bc");
}

TEST_F(QueryTest, Names_InvalidUtf8DoesNotBreakTheAnswer) {
  Apply(BatchBuilder(1).Durations("de\xff\xfe", {1}));
  EXPECT_EQ(Rows({}).size(), 1u);
}

struct BadParameter {
  Parameters parameters;
  const char* message;
};

class BadParameters : public testing::TestWithParam<BadParameter> {};

TEST_P(BadParameters, Malicious_AreRefusedWithTheirName) {
  const proto::Result<QueryRequest> request = ParseQueryRequest(GetParam().parameters);
  ASSERT_FALSE(request.ok());
  EXPECT_THAT(request.message(), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Query, BadParameters,
    testing::Values(BadParameter{{{"frobnicate", "1"}}, "frobnicate: unknown parameter"},
                    BadParameter{{{"stat", "p101"}}, "stat: unknown statistic \"p101\""},
                    BadParameter{{{"stat", "p99.999"}}, "unknown statistic"},
                    BadParameter{{{"stat", "p"}}, "unknown statistic"},
                    BadParameter{{{"stat", "pxx"}}, "unknown statistic"},
                    BadParameter{{{"stat", "p1e1"}}, "unknown statistic"},
                    BadParameter{{{"stat", "p-5"}}, "unknown statistic"},
                    BadParameter{{{"stat", "p9."}}, "unknown statistic"},
                    BadParameter{{{"stat", "count,,max"}}, "stat: a name is missing"},
                    BadParameter{{{"stat", ""}}, "stat: a name is missing"},
                    BadParameter{{{"where", "model"}}, "where: \"model\" is no condition"},
                    BadParameter{{{"where", "=x"}}, "is no condition"},
                    BadParameter{{{"where", "!=x"}}, "is no condition"},
                    BadParameter{{{"by", "a,,b"}}, "by: a name is missing"},
                    BadParameter{{{"last", "10"}}, "last: \"10\" has no unit: 10s or 10m?"},
                    BadParameter{{{"last", "-5m"}}, "is no duration"},
                    BadParameter{{{"last", "1e999s"}}, "is no duration"},
                    BadParameter{{{"last", "99999999999h"}}, "is too long"},
                    BadParameter{{{"last", "0s"}}, "last: must be longer than nothing"},
                    BadParameter{{{"last", "nan"}}, "is no duration"},
                    BadParameter{{{"last", "infs"}}, "is no duration"},
                    BadParameter{{{"last", "5GiB"}}, "is no duration"},
                    BadParameter{{{"from", "yesterday"}}, "from: \"yesterday\" is no time"},
                    BadParameter{{{"from", "2025-02-30"}}, "is no time"},
                    BadParameter{{{"to", "99999999999999999999"}}, "to: "},
                    BadParameter{{{"from", "2025-03-02"}, {"to", "2025-03-01"}},
                                 "from: must be before to"},
                    BadParameter{{{"from", "2025-03-02"}, {"last", "5m"}}, "not both"},
                    BadParameter{{{"limit", "0"}}, "limit: \"0\" is no number from 1"},
                    BadParameter{{{"limit", "-1"}}, "is no number"},
                    BadParameter{{{"limit", "99999999999999999999999"}}, "is no number"},
                    BadParameter{{{"sort", "p99:up"}}, "sort: \"up\" is no order"},
                    BadParameter{{{"sort", "fastest"}}, "unknown statistic"},
                    BadParameter{{{"name", std::string(1000, 'x')}}, "name: too long"},
                    BadParameter{Parameters(65, {"where", "a=b"}), "too many conditions"}));

}  // namespace
}  // namespace ringside::aggregator
