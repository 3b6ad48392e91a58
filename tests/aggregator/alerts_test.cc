// Alerts from pending to resolved, with the clock in the test's hand, and what alerts.jsonl holds.
#include "aggregator/alerts.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "tests/aggregator/batch_builder.h"
#include "tests/aggregator/temp_dir.h"

namespace ringside::aggregator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class AlertsTest : public testing::Test {
 protected:
  AlertsTest() : store_(StoreOptions::ForArchive()) {}

  void Rules(const std::string& rules) {
    dir_.Write("rules.yaml", "groups:\n- name: g\n  rules:\n" + rules);
    auto engine = AlertEngine::Load(dir_.File("rules.yaml"), dir_.File("alerts.jsonl"));
    ASSERT_TRUE(engine.ok()) << engine.message();
    engine_ = std::move(*engine);
  }
  // An interval with `decode` taking `ms`, then an evaluation.
  void Second(int64_t ms, proto::LabelList labels = {}) {
    ++second_;
    store_.Apply(BatchBuilder(second_).Durations("decode", {ms * 1'000'000}, std::move(labels)));
    Evaluate();
  }
  void Quiet() {
    ++second_;
    store_.Apply(BatchBuilder(second_));
    Evaluate();
  }
  void Evaluate() { engine_->Evaluate(BatchBuilder::Moment(second_), store_); }
  std::vector<nlohmann::json> Lines() const {
    std::vector<nlohmann::json> lines;
    for (const std::string& line : dir_.Lines("alerts.jsonl")) {
      lines.push_back(nlohmann::json::parse(line));
    }
    return lines;
  }
  std::vector<std::string> Told() const {
    std::vector<std::string> told;
    for (const nlohmann::json& line : Lines()) {
      told.push_back(line["status"].get<std::string>() + " " + line["alert"].get<std::string>());
    }
    return told;
  }

  TempDir dir_;
  Store store_;
  std::unique_ptr<AlertEngine> engine_;
  int second_ = 0;
};

TEST_F(AlertsTest, State_PendingThenFiringThenResolved) {
  Rules("  - {alert: Slow, expr: 'max(decode[1s]) > 100ms', for: 3s}\n");
  Second(50);
  EXPECT_EQ(engine_->ToJson()["alerts"].size(), 0u);
  Second(200);
  EXPECT_EQ(engine_->ToJson()["alerts"][0]["status"], "pending");
  Second(200);
  Second(200);
  EXPECT_THAT(Told(), IsEmpty());
  Second(200);
  EXPECT_THAT(Told(), ElementsAre("firing Slow"));
  EXPECT_EQ(engine_->ToJson()["alerts"][0]["status"], "firing");
  Second(300);
  EXPECT_THAT(Told(), ElementsAre("firing Slow")) << "told once";
  Second(50);
  EXPECT_THAT(Told(), ElementsAre("firing Slow", "resolved Slow"));
  EXPECT_EQ(engine_->ToJson()["alerts"].size(), 0u);
  EXPECT_EQ(engine_->ToJson()["rules"][0]["firing"], 0);
}

TEST_F(AlertsTest, State_AShortBreakStartsTheWaitAnew) {
  Rules("  - {alert: Slow, expr: 'max(decode[1s]) > 100ms', for: 2s}\n");
  Second(200);
  Second(200);
  Second(50);
  Second(200);
  Second(200);
  EXPECT_THAT(Told(), IsEmpty());
  Second(200);
  EXPECT_THAT(Told(), ElementsAre("firing Slow"));
}

TEST_F(AlertsTest, State_NoSamplesResolvesAndAbsentFires) {
  Rules(
      "  - {alert: Slow, expr: 'max(decode[2s]) > 100ms'}\n"
      "  - {alert: Gone, expr: 'absent(decode[2s])'}\n");
  Second(200);
  EXPECT_THAT(Told(), ElementsAre("firing Slow"));
  Quiet();
  Quiet();
  EXPECT_THAT(Told(), ElementsAre("firing Slow", "resolved Slow", "firing Gone"));
  Second(50);
  EXPECT_EQ(Told().back(), "resolved Gone");
}

TEST_F(AlertsTest, State_PerGroupOfLabels) {
  Rules("  - {alert: Slow, expr: 'max(decode[1m]) by (model) > 100ms'}\n");
  Second(200, {{"model", "a"}});
  Second(300, {{"model", "b"}});
  Second(10, {{"model", "c"}});
  ASSERT_EQ(Lines().size(), 2u);
  EXPECT_EQ(Lines()[0]["labels"]["model"], "a");
  EXPECT_EQ(Lines()[1]["labels"]["model"], "b");
  EXPECT_EQ(engine_->ToJson()["rules"][0]["firing"], 2);
}

TEST_F(AlertsTest, Lines_HoldAllThereIsToKnow) {
  Rules(R"yaml(  - alert: Slow
    expr: 'max(decode{host="alpha"}[1m]) by (host) > 100ms'
    labels: {severity: page, at: "{{ labels.host }}"}
    annotations: {summary: "decode on {{ labels.host }} takes {{ value }} ({{ labels.severity }})"}
)yaml");
  Second(250);
  ASSERT_EQ(dir_.Lines("alerts.jsonl").size(), 1u);
  EXPECT_THAT(dir_.Lines("alerts.jsonl")[0], testing::StartsWith("{\"type\":\"alert\","));
  const nlohmann::json line = Lines()[0];
  EXPECT_EQ(line["timestamp"], "2025-03-01T00:00:01.000Z");
  EXPECT_EQ(line["since"], "2025-03-01T00:00:01.000Z");
  EXPECT_EQ(line["status"], "firing");
  EXPECT_EQ(line["group"], "g");
  EXPECT_EQ(line["expr"], "max(decode{host=\"alpha\"}[1m]) by (host) > 100ms");
  EXPECT_DOUBLE_EQ(line["value"].get<double>(), 0.25);
  EXPECT_EQ(line["value_text"], "250 ms");
  EXPECT_EQ(line["unit"], "s");
  EXPECT_EQ(
      line["labels"],
      (nlohmann::json{
          {"severity", "page"}, {"at", "alpha"}, {"host", "alpha"}, {"operation", "decode"}}));
  EXPECT_EQ(line["annotations"]["summary"], "decode on alpha takes 250 ms (page)");
}

TEST_F(AlertsTest, Lines_FailingWritesAreTriedAgainAndNothingIsLost) {
  Rules("  - {alert: Slow, expr: 'max(decode[1s]) > 100ms'}\n");
  mkdir(dir_.File("alerts.jsonl").c_str(), 0700);  // in the file's place
  Second(200);
  Second(50);
  rmdir(dir_.File("alerts.jsonl").c_str());
  Evaluate();
  EXPECT_THAT(Told(), ElementsAre("firing Slow", "resolved Slow"));
}

TEST_F(AlertsTest, Lines_ATornLineDoesNotSwallowTheNext) {
  dir_.Write("alerts.jsonl", "{\"type\":\"alert\",\"stat");
  Rules("  - {alert: Slow, expr: 'max(decode[1s]) > 100ms'}\n");
  Second(200);
  const std::vector<std::string> lines = dir_.Lines("alerts.jsonl");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(nlohmann::json::parse(lines[1])["status"], "firing");
}

TEST_F(AlertsTest, Lines_AreAppendedAcrossEngines) {
  const std::string rules = "  - {alert: Slow, expr: 'max(decode[1s]) > 100ms'}\n";
  Rules(rules);
  Second(200);
  Rules(rules);
  Evaluate();
  EXPECT_THAT(Told(), ElementsAre("firing Slow", "firing Slow"));
}

TEST_F(AlertsTest, Load_RefusesABrokenFileAndTakesNone) {
  dir_.Write("rules.yaml", "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'p99(a[1m]) >'}\n");
  const auto broken = AlertEngine::Load(dir_.File("rules.yaml"), dir_.File("alerts.jsonl"));
  ASSERT_FALSE(broken.ok());
  EXPECT_THAT(broken.message(), HasSubstr("rules.yaml:4:"));
  const auto none = AlertEngine::Load("", dir_.File("alerts.jsonl"));
  ASSERT_TRUE(none.ok());
  (*none)->Evaluate(1, store_);
  EXPECT_EQ((*none)->rule_count(), 0u);
  EXPECT_THAT(dir_.Lines("alerts.jsonl"), IsEmpty());
}

TEST_F(AlertsTest, Malicious_UnboundedLabelsAreBounded) {
  Rules("  - {alert: Slow, expr: 'max(decode[1m]) by (id) > 100ms', for: 1h}\n");
  BatchBuilder builder(1);
  for (int i = 0; i < 3000; ++i) {
    builder.Durations("decode", {200'000'000}, {{"id", std::to_string(i)}});
  }
  store_.Apply(builder);
  second_ = 1;
  Evaluate();
  EXPECT_EQ(engine_->ToJson()["alerts"].size(), 1000u);
}

}  // namespace
}  // namespace ringside::aggregator
