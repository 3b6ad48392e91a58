// Who reports, and clocks that differ: with the aggregator's clock in the test's hand.
#include "aggregator/host_board.h"

#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aggregator/alerts.h"
#include "aggregator/hosts_answer.h"
#include "aggregator/ledger.h"
#include "aggregator/report.h"
#include "aggregator/store.h"
#include "tests/aggregator/batch_builder.h"
#include "tests/aggregator/temp_dir.h"

namespace ringside::aggregator {
namespace {

using testing::ElementsAre;

constexpr int64_t kSignedSecond = 1'000'000'000;

uint64_t At(double seconds) { return BatchBuilder::Moment(seconds); }

proto::Uuid AgentNumber(uint8_t number) {
  proto::Uuid uuid;
  uuid.bytes[0] = number;
  return uuid;
}

TEST(ClockOffsetTest, Nearest_IsTheMessageThatWasUnderWayTheShortest) {
  ClockOffset clock;
  EXPECT_FALSE(clock.ahead_ns().has_value());
  clock.AddMoment(At(100), At(10.9));  // 90 s ahead, 900 ms under way
  clock.AddMoment(At(101), At(11.01));
  clock.AddMoment(At(102), At(12.5));
  EXPECT_EQ(*clock.ahead_ns(), 89'990'000'000);
}

TEST(ClockOffsetTest, SetBack_IsKnownAfterTwoWindows) {
  ClockOffset clock;
  clock.AddMoment(At(300), At(0));
  for (int second = 1; second <= 30; ++second) clock.AddMoment(At(second), At(second));
  EXPECT_EQ(*clock.ahead_ns(), 300 * kSignedSecond) << "late messages look alike";
  for (int second = 31; second <= 61; ++second) clock.AddMoment(At(second), At(second));
  EXPECT_EQ(*clock.ahead_ns(), 0);
}

TEST(ClockOffsetTest, Backlog_IsNoClockThatIsBehind) {
  ClockOffset clock;
  clock.AddMoment(At(3600), At(3600));  // an hour's outage is over, the spool comes
  double now = 3600.1;
  for (int second = 0; second < 3600; ++second) {
    clock.AddInterval(At(second), At(second + 1), At(now));
    now += 0.03;
  }
  EXPECT_EQ(*clock.ahead_ns(), 0);
}

TEST(ClockOffsetTest, Intervals_AreEnoughWhereTheyKeepPace) {
  ClockOffset clock;
  for (int second = 0; second < 90; ++second) {
    clock.AddInterval(At(second), At(second + 1), At(second + 121.02));
  }
  EXPECT_EQ(*clock.ahead_ns(), -120'020'000'000);
}

// A board, a store and a ledger as the aggregator joins them.
class HostBoardTest : public testing::Test {
 protected:
  HostBoardTest() : store_(Options()) { board_.Begin(At(0)); }

  StoreOptions Options() const {
    StoreOptions options;
    options.now_unix_ns = [this] { return At(now_); };
    return options;
  }
  void Greet(uint8_t agent, const std::string& host, double ahead = 0) {
    proto::Hello hello;
    hello.agent = AgentNumber(agent);
    hello.epoch = 7;
    hello.next_sequence = 1;
    hello.host = host;
    hello.software_version = "1.2.3";
    hello.sent_unix_ns = At(now_ + ahead);
    proto::WireHeader header{};
    header.major_version = 1;
    header.minor_version = 4;
    board_.Greet(hello, header, At(now_));
  }
  // The interval that has just ended, by the host's own clock.
  void Interval(uint8_t agent, const std::string& host, double ahead = 0) {
    BatchBuilder builder(now_ + ahead);
    builder.Host(host).Producer(agent, "asr").Durations("decode", {kTestMs});
    proto::RequestRow request;
    request.id = host;
    request.operation = "decode";
    request.start_unix_ns = At(now_ + ahead - 0.5);
    builder.Request(request);
    proto::Batch batch = builder;
    batch.id = {AgentNumber(agent), 7, ++sequences_[agent]};
    proto::ProducerTotals& totals = batch.producers[0].totals;
    totals.recorded = totals.detail_written = totals.detail_sent = ++recorded_[agent];
    store_.Apply(batch);
    ledger_.Apply(batch);
    applied_.Add(batch.id, At(now_));
    board_.Take(batch, At(now_));
  }
  void Look() {
    board_.Look(applied_, At(now_));
    store_.SetClocks(board_.Clocks(At(now_)));
    for (const proto::Batch& batch : board_.Observe(At(now_))) store_.ApplyOwn(batch, At(now_));
  }
  Json Answer(const Parameters& parameters = {}) {
    const auto request = ParseHostsRequest(parameters);
    EXPECT_TRUE(request.ok()) << request.message();
    return AnswerHosts(board_, &ledger_, *request, At(now_));
  }
  std::string State(const std::string& host) {
    const Json answer = Answer();
    for (const Json& row : answer["hosts"]) {
      if (row["host"] == host) return row["state"];
    }
    return "unknown";
  }
  Json Query(Parameters parameters) {
    const auto request = ParseQueryRequest(parameters);
    EXPECT_TRUE(request.ok()) << request.message();
    return (*AnswerQuery(store_, *request, At(now_)))["rows"];
  }
  Json ByHost(const std::string& name, const std::string& last, const std::string& stat) {
    Json values = Json::object();
    for (const Json& row :
         Query({{"name", name}, {"by", "host"}, {"last", last}, {"stat", stat}})) {
      values[row["labels"]["host"].get<std::string>()] = row[stat];
    }
    return values;
  }
  std::vector<std::string> Names(const Json& answer) {
    std::vector<std::string> names;
    for (const Json& row : answer["hosts"]) names.push_back(row["host"]);
    return names;
  }

  double now_ = 0;
  HostBoard board_;
  Store store_;
  Ledger ledger_;
  AppliedSets applied_;
  std::map<uint8_t, uint64_t> sequences_;
  std::map<uint8_t, uint64_t> recorded_;
};

TEST_F(HostBoardTest, Row_SaysWhatIsKnown) {
  Greet(1, "a");
  EXPECT_EQ(State("a"), "late") << "it has greeted and not delivered";
  now_ = 1;
  Interval(1, "a");
  now_ = 3;
  Look();
  const Json row = Answer()["hosts"][0];
  EXPECT_EQ(row["agent"], proto::ToString(AgentNumber(1)));
  EXPECT_EQ(row["state"], "ok");
  EXPECT_EQ(row["software_version"], "1.2.3");
  EXPECT_EQ(row["wire_version"], "1.4");
  EXPECT_EQ(row["lag"], 2.0);
  EXPECT_EQ(row["seen_ago"], 2.0);
  EXPECT_EQ(row["clock_offset"], 0.0);
  EXPECT_EQ(row["producers"], 1);
  EXPECT_EQ(row["recorded"], 1);
  EXPECT_EQ(row["backlog_batches"], 0);
  EXPECT_TRUE(row["balanced"]);
  EXPECT_TRUE(row["spool_bytes"].is_null()) << "no batch has said";
}

TEST_F(HostBoardTest, State_LateThenMissingThenBack) {
  Greet(1, "a");
  now_ = 1;
  Interval(1, "a");
  EXPECT_EQ(State("a"), "ok");
  now_ = 12;
  EXPECT_EQ(State("a"), "late");
  now_ = 32;
  EXPECT_EQ(State("a"), "missing");
  Interval(1, "a");
  EXPECT_EQ(State("a"), "ok");
  EXPECT_EQ(Answer()["states"]["ok"], 1);
  EXPECT_EQ(Answer()["states"]["missing"], 0);
}

TEST_F(HostBoardTest, State_RefusedUntilSomethingGoodComes) {
  Greet(1, "a");
  Interval(1, "a");
  now_ = 1;
  board_.Refuse(AgentNumber(1), "speaks wire 9.0, this is 1.1", At(now_));
  EXPECT_EQ(State("a"), "refused");
  EXPECT_EQ(Answer()["hosts"][0]["refusal"], "speaks wire 9.0, this is 1.1");
  now_ = 2;
  Interval(1, "a");
  EXPECT_EQ(State("a"), "ok");
  EXPECT_TRUE(Answer()["hosts"][0]["refusal"].is_null());
}

TEST_F(HostBoardTest, Restart_KnowsWhatTheArchiveKnowsAndWaitsBeforeItCallsAnybodyMissing) {
  board_.Restore(BatchBuilder(-3000).Host("a"));
  board_.Restore(BatchBuilder(-600).Host("a"));
  const Json row = Answer()["hosts"][0];
  EXPECT_EQ(row["state"], "late");
  EXPECT_EQ(row["first_seen"], "2025-02-28T23:09:59.000Z");
  EXPECT_EQ(row["last_seen"], "2025-02-28T23:50:00.000Z");
  EXPECT_FALSE(row["heard"]);
  for (const char* unknown : {"clock_offset", "software_version", "wire_version"}) {
    EXPECT_TRUE(row[unknown].is_null()) << unknown;
  }
  Look();
  EXPECT_TRUE(Query({{"name", "agent.up"}}).empty()) << "unknown is neither up nor down";
  now_ = 31;
  EXPECT_EQ(State("a"), "missing");
}

TEST_F(HostBoardTest, Series_OfAHostThatIsUpAndOneThatGoes) {
  for (now_ = 1; now_ <= 100; ++now_) {
    Interval(1, "a");
    if (now_ <= 40) Interval(2, "b");
    Look();
  }
  now_ = 100;
  EXPECT_EQ(ByHost("agent.up", "10s", "last"), (Json{{"a", 1.0}, {"b", 0.0}}));
  EXPECT_EQ(ByHost("agent.up", "2m", "max"), (Json{{"a", 1.0}, {"b", 1.0}}));
  const Json lag = ByHost("agent.lag", "5s", "last");
  EXPECT_NEAR(lag["a"].get<double>(), 0, 1e-6);
  EXPECT_NEAR(lag["b"].get<double>(), 59, 1.01);
  EXPECT_FALSE(ByHost("agent.clock.offset", "5s", "last").contains("b")) << "nobody can know";
  EXPECT_DOUBLE_EQ(ByHost("decode", "1m", "rate")["a"].get<double>(), 1)
      << "what the aggregator sees of a host covers none of its time";
}

TEST_F(HostBoardTest, Series_OneOfTwoAgentsOfAHostIsEnough) {
  for (now_ = 1; now_ <= 50; ++now_) {
    if (now_ <= 5) Interval(1, "a");  // its state directory was lost, it came back as another
    if (now_ > 10) Interval(2, "a");
    Look();
  }
  now_ = 50;
  EXPECT_EQ(ByHost("agent.up", "5s", "last"), (Json{{"a", 1.0}}));
  EXPECT_EQ(Answer({{"where", "state=missing"}})["hosts"].size(), 1u);
}

TEST_F(HostBoardTest, Batches_ThatNeverCameAndThatAreToCome) {
  Interval(1, "a");
  sequences_[1] += 3;
  Interval(1, "a");
  proto::Hello hello;
  hello.agent = AgentNumber(1);
  hello.host = "a";
  hello.epoch = 7;
  hello.next_sequence = 11;
  hello.sent_unix_ns = At(now_);
  board_.Greet(hello, {}, At(now_));
  Look();
  EXPECT_EQ(Answer()["hosts"][0]["missing_batches"], 3);
  EXPECT_EQ(Answer()["hosts"][0]["backlog_batches"], 5);
}

TEST_F(HostBoardTest, Bounded_StrangersMakeRoomForOneAnother) {
  Interval(1, "a");
  for (uint32_t i = 0; i < HostBoard::kMostAgents + 100; ++i) {
    proto::Uuid stranger;
    stranger.bytes[0] = 2;
    std::memcpy(&stranger.bytes[1], &i, sizeof i);
    board_.Refuse(stranger, "who are you?", At(now_));
  }
  const Json answer = Answer();
  EXPECT_EQ(answer["hosts"].size(), HostBoard::kMostAgents);
  EXPECT_EQ(answer["left_out"], 101);
  EXPECT_EQ(State("a"), "ok");
  now_ = 601;
  Look();
  EXPECT_THAT(Names(Answer()), ElementsAre("a")) << "strangers are forgotten";
  now_ = 8 * 86'400;
  Look();
  EXPECT_TRUE(Answer()["hosts"].empty());
}

TEST_F(HostBoardTest, Answer_SortsFiltersAndLimits) {
  Greet(1, "a");
  Greet(2, "b", -200);
  Greet(3, "c", 100);
  for (uint8_t agent : {1, 2, 3}) Interval(agent, std::string(1, static_cast<char>('`' + agent)));
  EXPECT_THAT(Names(Answer({{"sort", "clock_offset"}})), ElementsAre("b", "c", "a"));
  EXPECT_THAT(Names(Answer({{"sort", "clock_offset:asc"}, {"limit", "1"}})), ElementsAre("a"));
  EXPECT_THAT(Names(Answer({{"where", "host!=b"}})), ElementsAre("a", "c"));
  EXPECT_EQ(Answer({{"where", "host=a"}, {"limit", "1"}})["matched"], 1);
  for (const Parameters& wrong :
       {Parameters{{"sort", "colour"}}, Parameters{{"sort", "lag:up"}}, Parameters{{"limit", "x"}},
        Parameters{{"where", "host"}}, Parameters{{"by", "host"}}}) {
    const auto request = ParseHostsRequest(wrong);
    ASSERT_FALSE(request.ok());
    EXPECT_EQ(request.message().rfind(wrong[0].first + ": ", 0), 0u) << request.message();
  }
}

// Three hosts: one of them five minutes ahead, one five minutes behind.
class SkewTest : public HostBoardTest {
 protected:
  static constexpr double kAhead = 300;

  void Run(int seconds) {
    Greet(1, "right");
    Greet(2, "ahead", kAhead);
    Greet(3, "behind", -kAhead);
    for (int i = 0; i < seconds; ++i) {
      ++now_;
      Interval(1, "right");
      Interval(2, "ahead", kAhead);
      Interval(3, "behind", -kAhead);
      Look();
    }
  }
};

TEST_F(SkewTest, LastMinute_IsEverybodysLastMinute) {
  Run(200);
  EXPECT_EQ(ByHost("decode", "1m", "count"), (Json{{"ahead", 60}, {"behind", 60}, {"right", 60}}));
  EXPECT_EQ(ByHost("decode", "1m", "rate"),
            (Json{{"ahead", 1.0}, {"behind", 1.0}, {"right", 1.0}}));
  const Json all = Query({{"name", "decode"}, {"last", "1m"}, {"stat", "count,rate"}})[0];
  EXPECT_EQ(all["count"], 180);
  EXPECT_DOUBLE_EQ(all["rate"].get<double>(), 3) << "the same minute three times, not three";
}

TEST_F(SkewTest, Report_TakesTheRequestsOfThatTime) {
  Run(100);
  const auto request = ParseReportRequest({{"last", "20s"}});
  ASSERT_TRUE(request.ok()) << request.message();
  EXPECT_EQ((*AnswerReport(store_, *request, At(now_)))["totals"]["requests"], 60);
}

TEST_F(SkewTest, Shown_AndLagIsNotTakenForIt) {
  Run(5);
  const Json answer = Answer();
  ASSERT_EQ(answer["hosts"].size(), 3u);
  for (const Json& row : answer["hosts"]) {
    EXPECT_EQ(row["state"], "ok") << row;
    EXPECT_EQ(row["lag"], 0.0) << row;
    const double offset = row["host"] == "right" ? 0 : row["host"] == "ahead" ? kAhead : -kAhead;
    EXPECT_EQ(row["clock_offset"], offset) << row;
  }
}

TEST_F(SkewTest, Times_OfAWindowThatIsNamedAreTheHostsOwn) {
  Run(100);
  const Json rows = Query({{"name", "decode"},
                           {"by", "host"},
                           {"from", "2025-03-01T00:00:00Z"},
                           {"to", "2025-03-01T00:01:40Z"},
                           {"stat", "count"}});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0]["labels"]["host"], "right");
}

TEST_F(SkewTest, Rules_SeeTheOffsetAndTheHostsLastSeconds) {
  TempDir dir;
  dir.Write("rules.yaml", R"(groups:
- name: clocks
  rules:
  - alert: ClockAhead
    expr: last(agent.clock.offset[1m]) by (host) > 5s
  - alert: ClockBehind
    expr: last(agent.clock.offset[1m]) by (host) < -5s
  - alert: Silent
    expr: count(decode[5s]) by (host) < 5
)");
  auto alerts = AlertEngine::Load(dir.File("rules.yaml"), dir.File("alerts.jsonl"));
  ASSERT_TRUE(alerts.ok()) << alerts.message();
  Run(70);
  (*alerts)->Evaluate(At(now_), store_);
  std::vector<std::string> firing;
  const Json told = (*alerts)->ToJson();
  for (const Json& alert : told["alerts"]) {
    firing.push_back(alert["alert"].get<std::string>() + " " +
                     alert["labels"]["host"].get<std::string>());
  }
  EXPECT_THAT(firing, ElementsAre("ClockAhead ahead", "ClockBehind behind"));
}

}  // namespace
}  // namespace ringside::aggregator
