// What agents say is in flight, as it is answered: filtered, sorted, with what is stuck.
#include "aggregator/inflight_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aggregator/store.h"
#include "tests/aggregator/batch_builder.h"

namespace ringside::aggregator {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kNow = kTestStart + 20 * kSecond;

class InFlightBoardTest : public testing::Test {
 protected:
  InFlightBoardTest() : store_(Options()), board_(&store_, 10) {}

  static StoreOptions Options() {
    StoreOptions options;
    options.now_unix_ns = [] { return kNow; };
    return options;
  }
  static proto::InFlightRow Row(const std::string& operation, const std::string& stage,
                                uint64_t age_ns, uint64_t stage_age_ns = 0) {
    proto::InFlightRow row;
    row.is_request = !stage.empty();
    row.pid = 7;
    row.service = "ocr";
    row.operation = operation;
    row.stage = stage;
    row.age_ns = age_ns;
    row.stage_age_ns = stage_age_ns;
    return row;
  }
  static proto::InFlight Message(uint8_t agent, const std::string& host,
                                 std::vector<proto::InFlightRow> rows) {
    proto::InFlight message;
    message.agent.bytes[0] = agent;
    message.host = host;
    message.operations = rows.size();
    message.rows = std::move(rows);
    return message;
  }
  // `count` samples of so long, ended within the hour.
  void Record(const std::string& path, size_t count, int64_t ns) {
    store_.Apply(BatchBuilder(10).Durations(path, std::vector<int64_t>(count, ns)).batch());
  }
  Json Rows(const Parameters& parameters = {}, uint64_t now = kNow) {
    const auto request = ParseInFlightRequest(parameters);
    EXPECT_TRUE(request.ok()) << request.message();
    return board_.Answer(*request, now).at("rows");
  }

  Store store_;
  InFlightBoard board_;
};

TEST_F(InFlightBoardTest, Stuck_TenTimesItsP99) {
  Record("decode", 100, static_cast<int64_t>(kSecond));
  const auto limits = board_.Take(
      Message(1, "a", {Row("decode", "", 11 * kSecond), Row("decode", "", 9 * kSecond)}), kNow);
  ASSERT_EQ(limits.limits.size(), 1u);
  EXPECT_EQ(limits.limits[0].path, "decode");
  EXPECT_NEAR(static_cast<double>(limits.limits[0].limit_ns), 10e9, 10e9 * 0.006);
  const Json rows = Rows();
  EXPECT_TRUE(rows[0].at("stuck"));
  EXPECT_NEAR(rows[0].at("ratio").get<double>(), 11, 0.1);
  EXPECT_EQ(rows[0].at("compared_with"), "decode");
  EXPECT_FALSE(rows[1].at("stuck"));
}

TEST_F(InFlightBoardTest, Stuck_NeverBelowFiveSeconds) {
  Record("decode", 1000, 1000);
  board_.Take(Message(1, "a", {Row("decode", "", 4900 * kSecond / 1000)}), kNow);
  EXPECT_FALSE(Rows()[0].at("stuck"));
  board_.Take(Message(1, "a", {Row("decode", "", 5100 * kSecond / 1000)}), kNow);
  EXPECT_TRUE(Rows()[0].at("stuck"));
}

TEST_F(InFlightBoardTest, Stuck_NobodyKnowsFromTooFewSamples) {
  Record("decode", 99, 1000);
  Record("other/decode", 1000, 1000);  // another series that the name would find
  EXPECT_TRUE(
      board_.Take(Message(1, "a", {Row("decode", "", 3600 * kSecond)}), kNow).limits.empty());
  EXPECT_FALSE(Rows()[0].at("stuck"));
  EXPECT_TRUE(Rows()[0].at("p99").is_null());
}

TEST_F(InFlightBoardTest, Stuck_ByItsStage) {
  Record("transcribe", 100, static_cast<int64_t>(10 * kSecond));
  Record("transcribe/decode", 100, static_cast<int64_t>(kSecond));
  board_.Take(Message(1, "a", {Row("transcribe", "decode", 30 * kSecond, 29 * kSecond)}), kNow);
  const Json row = Rows()[0];
  EXPECT_TRUE(row.at("stuck"));
  EXPECT_EQ(row.at("compared_with"), "transcribe/decode");
  EXPECT_NEAR(row.at("ratio").get<double>(), 29, 0.2);
}

TEST_F(InFlightBoardTest, Stuck_ATurnLooksUpOnlySoMany) {
  std::vector<proto::InFlightRow> rows;
  for (int i = 0; i < 20; ++i) {
    Record("operation-" + std::to_string(i), 100, 1000);
    rows.push_back(Row("operation-" + std::to_string(i), "", 60 * kSecond));
  }
  EXPECT_EQ(board_.Take(Message(1, "a", rows), kNow).limits.size(), 8u);
  EXPECT_EQ(board_.Take(Message(1, "a", rows), kNow).limits.size(), 16u);
  EXPECT_EQ(board_.Take(Message(1, "a", rows), kNow).limits.size(), 20u);
}

TEST_F(InFlightBoardTest, Rows_OfAllAgentsTheOldestFirst) {
  board_.Take(Message(1, "a", {Row("x", "", 1 * kSecond), Row("y", "", 3 * kSecond)}), kNow);
  board_.Take(Message(2, "b", {Row("z", "", 2 * kSecond)}), kNow);
  const Json rows = Rows();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].at("operation"), "y");
  EXPECT_EQ(rows[1].at("host"), "b");
  EXPECT_EQ(rows[2].at("operation"), "x");
  EXPECT_EQ(Rows({{"limit", "2"}}).size(), 2u);
  EXPECT_EQ(Rows({{"where", "host=b"}}).size(), 1u);
  EXPECT_EQ(Rows({{"where", "pid!=7"}}).size(), 0u);
}

TEST_F(InFlightBoardTest, Rows_AreFoundByTheEndOfTheirPath) {
  board_.Take(Message(1, "a",
                      {Row("transcribe", "decode", 5, 3), Row("decode", "", 4),
                       Row("redecode", "", 3), Row("llm/decode", "", 2)}),
              kNow);
  EXPECT_EQ(Rows({{"name", "decode"}}).size(), 3u);
  EXPECT_EQ(Rows({{"name", "transcribe"}}).size(), 1u);
  EXPECT_EQ(Rows({{"name", "transcribe/decode"}}).size(), 1u);
}

TEST_F(InFlightBoardTest, Agents_TheNewestReplacesAndSilenceEndsIt) {
  board_.Take(Message(1, "a", {Row("x", "", 1)}), kNow);
  board_.Take(Message(1, "a", {}), kNow + kSecond);
  EXPECT_TRUE(Rows({}, kNow + kSecond).empty());
  board_.Take(Message(1, "a", {Row("x", "", 1)}), kNow);
  EXPECT_NEAR(Rows({}, kNow + 4 * kSecond)[0].at("sampled_ago").get<double>(), 4, 1e-6);
  EXPECT_EQ(Rows({}, kNow + 10 * kSecond).size(), 1u);
  EXPECT_TRUE(Rows({}, kNow + 10 * kSecond + 1).empty());
}

TEST_F(InFlightBoardTest, Agents_WhatWasOnlyCountedIsSaid) {
  proto::InFlight message = Message(1, "a", {Row("x", "", 1)});
  message.operations = 5;
  message.requests = 2;
  board_.Take(std::move(message), kNow);
  const Json agent = board_.Answer({}, kNow).at("agents").at(0);
  EXPECT_EQ(agent.at("omitted"), 6);
}

TEST_F(InFlightBoardTest, Parameters_BadOnesAreNamed) {
  EXPECT_THAT(ParseInFlightRequest({{"last", "1m"}}).message(),
              testing::HasSubstr("last: unknown"));
  EXPECT_THAT(ParseInFlightRequest({{"limit", "-1"}}).message(), testing::HasSubstr("limit: "));
  EXPECT_THAT(ParseInFlightRequest({{"where", "x"}}).message(), testing::HasSubstr("where: "));
}

}  // namespace
}  // namespace ringside::aggregator
