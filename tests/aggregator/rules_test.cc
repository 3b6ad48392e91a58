// The rule file: what it takes, and where and why it is refused.
#include "aggregator/rules.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/aggregator/temp_dir.h"

namespace ringside::aggregator {
namespace {

using testing::HasSubstr;

constexpr const char* kGood = R"(groups:
  - name: latency
    rules:
      - alert: SlowDecode
        expr: p99(transcribe/decode{model="en-us"}[1m]) > 2s
        for: 30s
        labels: {severity: page, where: "{{ labels.host }}"}
        annotations:
          summary: "decode takes {{ value }}"
      - alert: Failures
        expr: |
          error_rate(transcribe[1m])
            > 5%
  - name: machine
    rules:
      - alert: Memory
        expr: 'max(gpu.memory.used[1m]) > 20GiB'
        for: 0
)";

TEST(Rules, File_IsReadInFull) {
  const auto rules = ParseRules(kGood, "rules.yaml");
  ASSERT_TRUE(rules.ok()) << rules.message();
  ASSERT_EQ(rules->size(), 3u);
  const Rule& rule = (*rules)[0];
  EXPECT_EQ(rule.group, "latency");
  EXPECT_EQ(rule.alert, "SlowDecode");
  EXPECT_EQ(rule.expr, "p99(transcribe/decode{model=\"en-us\"}[1m]) > 2s");
  EXPECT_EQ(rule.for_ns, 30'000'000'000u);
  EXPECT_EQ(rule.line, 4);
  EXPECT_EQ(rule.labels.size(), 2u);
  EXPECT_EQ(rule.annotations[0].second.Render("3.1 s", {}), "decode takes 3.1 s");
  EXPECT_EQ((*rules)[1].for_ns, 0u);
  EXPECT_EQ((*rules)[2].group, "machine");
}

TEST(Rules, Template_FillsInValueAndLabels) {
  const auto parsed =
      Template::Parse("{{value}} on {{ labels.host }}, {{ labels.none }}{{ value }}.");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->Render("2 s", {{"host", "a"}}), "2 s on a, 2 s.");
  EXPECT_EQ(Template::Parse("")->Render("x", {}), "");
  EXPECT_EQ(Template::Parse("plain } { text")->Render("x", {}), "plain } { text");
  EXPECT_THAT(Template::Parse("{{ host }}").message(), HasSubstr("unknown {{ host }}"));
  EXPECT_THAT(Template::Parse("{{ labels. }}").message(), HasSubstr("unknown"));
  EXPECT_THAT(Template::Parse("{{ value").message(), HasSubstr("without"));
}

struct BadRules {
  const char* text;
  const char* message;
};

class BadRuleFiles : public testing::TestWithParam<BadRules> {};

TEST_P(BadRuleFiles, AreRefusedWithFileLineColumnAndReason) {
  const auto rules = ParseRules(GetParam().text, "r.yaml");
  ASSERT_FALSE(rules.ok());
  EXPECT_THAT(rules.message(), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Rules, BadRuleFiles,
    testing::Values(
        BadRules{"", "r.yaml:1:1: expected a map with \"groups:\""},
        BadRules{"[]", "r.yaml:1:1: expected a map with \"groups:\""},
        BadRules{"groups: 5", "r.yaml:1:9: groups: expected a list"},
        BadRules{"rules: []", "r.yaml:1:1: unknown key \"rules\" (known: groups)"},
        BadRules{"groups:\n- rules: []", "r.yaml:2:3: expected \"name:\""},
        BadRules{"groups:\n- name: x", "r.yaml:2:3: expected \"rules:\""},
        BadRules{"groups:\n- name: x\n  rules:\n  - alert: A", "r.yaml:4:5: expected \"expr:\""},
        BadRules{"groups:\n- name: x\n  rules:\n  - expr: absent(a[1m])",
                 "r.yaml:4:5: expected \"alert:\""},
        BadRules{"groups:\n- name: x\n  rules:\n  - alert: A\n    expr: p99(a[1m]) > 2sec",
                 "r.yaml:5:24: alert \"A\": unknown unit \"sec\""},
        BadRules{"groups:\n- name: x\n  rules:\n  - alert: A\n    expr: \"p99(a[1m])\"",
                 "r.yaml:5:22: alert \"A\": expected a comparison"},
        BadRules{"groups:\n- name: x\n  rules:\n  - alert: A\n    expr: |\n      p99(a[1m])\n      "
                 " > 2sec\n",
                 "r.yaml:7:10: alert \"A\": unknown unit \"sec\""},
        BadRules{"groups:\n- name: x\n  rules:\n  - alert: A\n    expr: >\n      p99(a[1m])\n      "
                 "> 2sec\n",
                 "(column 14 of the expression)"},
        BadRules{"groups:\n- name: x\n  rules:\n  - alert: A\n    expr: absent(a[1m])\n    for: 10",
                 "r.yaml:6:10: for: \"10\" has no unit"},
        BadRules{
            "groups:\n- name: x\n  rules:\n  - alert: A\n    expr: absent(a[1m])\n    fro: 10s",
            "r.yaml:6:5: unknown key \"fro\" (known: alert, expr, for, labels, annotations)"},
        BadRules{"groups:\n- name: x\n  rules:\n  - alert: A\n    expr: absent(a[1m])\n    expr: b",
                 "r.yaml:6:5: \"expr\" comes twice"},
        BadRules{"groups:\n- name: x\n  rules:\n  - {alert: A, expr: 'absent(a[1m])'}\n"
                 "  - {alert: A, expr: 'absent(b[1m])'}",
                 "r.yaml:5:5: the alert \"A\" comes twice in the group \"x\""},
        BadRules{
            "groups:\n- name: x\n  rules:\n  - alert: A\n    expr: absent(a[1m])\n    labels: 5",
            "r.yaml:6:13: labels: expected a map"},
        BadRules{"groups:\n- name: x\n  rules:\n  - alert: A\n    expr: absent(a[1m])\n"
                 "    annotations: {summary: '{{ nothing }}'}",
                 "annotations: summary: unknown {{ nothing }}"},
        BadRules{"groups:\n- name: x\n  rules:\n  - alert: [A]\n    expr: absent(a[1m])",
                 "r.yaml:4:12: alert: expected a text"},
        BadRules{"groups:\n  - name: \"x", "r.yaml:2:"}, BadRules{"a: b: c", "r.yaml:1:5: "}));

TEST(Rules, Malicious_FilesAreRefusedAndNeverFatal) {
  EXPECT_FALSE(ParseRules(std::string(200'000, '['), "r.yaml").ok());
  EXPECT_FALSE(ParseRules(std::string(200'000, '{'), "r.yaml").ok());
  EXPECT_THAT(ParseRules(std::string((1 << 20) + 1, ' '), "r.yaml").message(), HasSubstr("larger"));
  EXPECT_FALSE(ParseRules("groups: &a [*a]", "r.yaml").ok());
  EXPECT_FALSE(ParseRules("groups: *none", "r.yaml").ok());
  EXPECT_FALSE(ParseRules(std::string("groups:\n- name: \0x", 18), "r.yaml").ok());
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c <= 'i'; ++c) {
    const std::string before(1, static_cast<char>(c - 1));
    bomb += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 9; ++i) bomb += "*" + before + (i == 8 ? "]\n" : ",");
  }
  EXPECT_FALSE(ParseRules(bomb, "r.yaml").ok());
  std::string many = "groups:\n- name: x\n  rules:\n";
  for (int i = 0; i < 1001; ++i) {
    many += "  - {alert: A" + std::to_string(i) + ", expr: 'absent(a[1m])'}\n";
  }
  EXPECT_THAT(ParseRules(many, "r.yaml").message(), HasSubstr("more than 1000 rules"));
}

TEST(Rules, File_ThatIsNotThereIsNamed) {
  EXPECT_THAT(LoadRules("/nonexistent/r.yaml").message(),
              HasSubstr("/nonexistent/r.yaml: cannot be read"));
  const TempDir dir;
  EXPECT_FALSE(LoadRules(dir.File("")).ok()) << "a directory";
  dir.Write("r.yaml", kGood);
  EXPECT_TRUE(LoadRules(dir.File("r.yaml")).ok());
}

}  // namespace
}  // namespace ringside::aggregator
