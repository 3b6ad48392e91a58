// The language of rules: what it takes, what it refuses and where, and what it says of the store.
#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aggregator/expression_eval.h"
#include "aggregator/expression_parser.h"
#include "tests/aggregator/batch_builder.h"

namespace ringside::aggregator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class GoodExpressions : public testing::TestWithParam<const char*> {};

TEST_P(GoodExpressions, AreTaken) {
  const ParsedExpression parsed = ParseExpression(GetParam());
  EXPECT_FALSE(parsed.error.has_value()) << parsed.error->offset << ": " << parsed.error->message;
  EXPECT_NE(parsed.tree, nullptr);
}

INSTANTIATE_TEST_SUITE_P(
    Expression, GoodExpressions,
    testing::Values("p99(transcribe/decode{model=\"en-us\"}[1m]) > 2s",
                    "error_rate(transcribe[1m]) > 5%", "max(gpu.memory.used[1m]) > 20GiB",
                    "p99.9(decode[5m]) >= 150ms", "count(decode[1h]) == 0 or absent(decode[1h])",
                    "rate(requests{host!=\"a\",service='x'}[30s]) by (host, service) < 1.5e3",
                    "(p50(a[1m]) > 1s and p99(a[1m]) > 2s) or mean(b[1m]) != 0",
                    "p99(a[1m]) / p50(a[1m]) > 10", "p99(a[1m]) > 2 * p99(a[1h])",
                    "2s < p99(a[1m])", "p99(a[1m]) - 0.5s > -1s", "min({service=\"x\"}[1m]) > 1",
                    "sum(my-op[1m30s]) > 1", "last(\"transcribe/(untimed)\"[10s]) <= 3",
                    "absent(a{x=\"\"}[1d])", "p0(a[1ms]) > 0s", "((((((p1(a[1m])))))) > 1s)",
                    "p99(a{}[1m]) > 1s", "p99( a { x = \"y\" , } [ 1m ] ) > 1s",
                    "error_rate(a[1m]) > 0.05", "p99(absent[1m]) > 1s",
                    "max(a{\"odd-label\"=\"v\"}[1m]) by (\"odd-label\") > 1", "--p99(a[1m]) > 1s"));

struct Bad {
  const char* text;
  size_t column;  // from 1
  const char* message;
};

class BadExpressions : public testing::TestWithParam<Bad> {};

TEST_P(BadExpressions, AreRefusedAtTheirPlace) {
  const ParsedExpression parsed = ParseExpression(GetParam().text);
  ASSERT_TRUE(parsed.error.has_value()) << GetParam().text;
  EXPECT_EQ(parsed.tree, nullptr);
  EXPECT_EQ(parsed.error->offset + 1, GetParam().column) << parsed.error->message;
  EXPECT_THAT(parsed.error->message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Expression, BadExpressions,
    testing::Values(
        Bad{"", 1, "expected a function such as p99(...), a number or \"(\", found the end"},
        Bad{"p99(a[1m])", 11, "expected a comparison such as \"> 2s\", found the end"},
        Bad{"p99(a[1m]) >", 13, "found the end"},
        Bad{"p99(a[1m]) = 2s", 12, "expected \"==\" to compare"},
        Bad{"p99 a[1m] > 2s", 5, "expected \"(\", found \"a\""},
        Bad{"p99(a) > 2s", 6, "expected a range such as [1m], found \")\""},
        Bad{"p99(a[1m) > 2s", 7, "expected a range such as [1m]"},
        Bad{"p99(a[]) > 2s", 7, "is no duration"}, Bad{"p99(a[5]) > 2s", 7, "has no unit"},
        Bad{"p99(a[0s]) > 2s", 7, "a range lasts from"},
        Bad{"p99(a[90d]) > 2s", 7, "a range lasts from"},
        Bad{"p99(a[1m] > 2s", 11, "expected \")\", found \">\""},
        Bad{"p99([1m]) > 2s", 5, "expected the name of an operation"},
        Bad{"p99(a{model}[1m]) > 2s", 12, "expected \"=\" or \"!=\", found \"}\""},
        Bad{"p99(a{model=en}[1m]) > 2s", 13, "expected a value in quotes, found \"en\""},
        Bad{"p99(a{model=\"en}[1m]) > 2s", 13, "a text without its closing quote"},
        Bad{"p99(a{model=\"en\" x=\"y\"}[1m]) > 2s", 18, "expected \",\" or \"}\""},
        Bad{"p999(a[1m]) > 2s", 1, "unknown function \"p999\""},
        Bad{"avg(a[1m]) > 2s", 1, "unknown function \"avg\" (known: p50,"},
        Bad{"p99(a[1m]) > 2sec", 14, "unknown unit \"sec\""},
        Bad{"p99(a[1m]) > 2s 3s", 17, "expected \"and\", \"or\" or the end, found \"3s\""},
        Bad{"p99(a[1m]) > 2s and", 20, "found the end"},
        Bad{"p99(a[1m]) > 2s and p50(a[1m])", 21,
            "\"and\" joins conditions, but this is a measured value"},
        Bad{"1 or p99(a[1m]) > 2s", 1, "\"or\" joins conditions, but this is a number"},
        Bad{"1 > 2", 1, "compares two constants"},
        Bad{"error_rate(a[1m]) > 2s", 21, "\">\" compares a ratio with a time"},
        Bad{"count(a[1m]) > 5%", 16, "\">\" compares a count with a ratio"},
        Bad{"p99(a[1m]) > 2s + 3GiB", 19, "\"+\" joins a time with a size in bytes"},
        Bad{"(p99(a[1m]) > 2s) * 2 > 1", 1, "\"*\" needs numbers, but this is a condition"},
        Bad{"-(p99(a[1m]) > 2s)", 2, "\"-\" needs numbers"},
        Bad{"p99(a[1m]) > 2s > 1s", 17, "expected \"and\", \"or\" or the end, found \">\""},
        Bad{"absent(a[1m]) by (host)", 15, "absent(...) has no \"by\""},
        Bad{"max(a[1m]) by host > 1", 15, "expected \"(\", found \"host\""},
        Bad{"max(a[1m]) by () > 1", 16, "expected a label, found \")\""},
        Bad{"max(a[1m]) by (x,x) > 1", 18, "the label comes twice"},
        Bad{"p99(a[1m]) > $x", 14, "found \"$\""}, Bad{"p99(a[1m]) > \x01", 14, "found the byte 1"},
        Bad{"p99(a[1m]) > 1e999", 14, "is no number"},
        Bad{"p99(a[1m]) ! 1", 12, "expected a comparison or an operator, found \"!\""}));

TEST(Expression, Malicious_DeepNestingIsRefused) {
  for (const int depth : {33, 1000, 2000}) {
    const std::string text =
        std::string(depth, '(') + "p99(a[1m])" + std::string(depth, ')') + " > 1s";
    const ParsedExpression parsed = ParseExpression(text);
    ASSERT_TRUE(parsed.error.has_value());
    EXPECT_THAT(parsed.error->message, HasSubstr("nested deeper than 32"));
  }
  EXPECT_TRUE(ParseExpression(std::string(4000, '(')).error.has_value());
  EXPECT_FALSE(ParseExpression(std::string(4000, '-') + "p1(a[1m]) > 1").error.has_value())
      << "signs are no nesting";
}

TEST(Expression, Malicious_LongExpressionsAreRefused) {
  std::string sum = "p99(a[1m])";
  for (int i = 0; i < 500; ++i) sum += "+1";
  EXPECT_THAT(ParseExpression(sum + " > 1s").error->message, HasSubstr("too large"));
  EXPECT_THAT(ParseExpression(std::string(100'000, ' ')).error->message, HasSubstr("longer than"));
}

TEST(Expression, Malicious_EveryPrefixAndEveryByteIsTakenOrRefusedButNeverFatal) {
  const std::string good =
      "p99(a/b{x=\"y\",z!='w'}[1m]) by (h) > 2 * (1.5e3 - 5) and absent(q[1s])";
  ASSERT_FALSE(ParseExpression(good).error.has_value());
  for (size_t length = 0; length < good.size(); ++length) {
    const ParsedExpression parsed = ParseExpression(good.substr(0, length));
    EXPECT_EQ(parsed.tree == nullptr, parsed.error.has_value());
    if (parsed.error) {
      EXPECT_LE(parsed.error->offset, length);
    }
  }
  for (size_t place = 0; place < good.size(); ++place) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text = good;
      text[place] = static_cast<char>(byte);
      const ParsedExpression parsed = ParseExpression(text);
      ASSERT_EQ(parsed.tree == nullptr, parsed.error.has_value());
    }
  }
}

class ExpressionEvaluation : public testing::Test {
 protected:
  ExpressionEvaluation() : store_(StoreOptions::ForArchive()) {
    for (int second = 1; second <= 120; ++second) {
      store_.Apply(BatchBuilder(second)
                       .Durations("transcribe/decode", {3'000'000'000}, {{"model", "big"}})
                       .Durations("transcribe/decode", {1'000'000'000}, {{"model", "small"}})
                       .Durations("decode", {10'000'000})
                       .Errors("transcribe/decode", {500'000'000}, "timeout"));
      store_.Apply(BatchBuilder(second).Host("beta").Gauge("gpu.memory.used", "By",
                                                           int64_t{21} << 30, {{"gpu", "0"}}));
      store_.Apply(BatchBuilder(second).Host("beta").Gauge("gpu.memory.used", "By",
                                                           int64_t{5} << 30, {{"gpu", "1"}}));
    }
  }

  std::vector<Element> Evaluate(const std::string& text) const {
    const ParsedExpression parsed = ParseExpression(text);
    if (parsed.error) {
      ADD_FAILURE() << text << ": " << parsed.error->message;
      return {};
    }
    return EvaluateCondition(*parsed.tree, store_, store_.LastClosedUnixNs());
  }
  bool Holds(const std::string& text) const { return !Evaluate(text).empty(); }

  Store store_;
};

TEST_F(ExpressionEvaluation, Functions_SeeTheMergedStore) {
  EXPECT_TRUE(Holds("p99(transcribe/decode[1m]) > 2s"));
  EXPECT_FALSE(Holds("p99(transcribe/decode{model=\"small\"}[1m]) > 2s"));
  EXPECT_TRUE(Holds("max(transcribe/decode[1m]) == 3s"));
  EXPECT_TRUE(Holds("count(transcribe/decode[1m]) == 180"));
  EXPECT_TRUE(Holds("errors(transcribe/decode[1m]) == 60"));
  EXPECT_TRUE(Holds("rate(transcribe/decode[1m]) == 3"));
  EXPECT_TRUE(Holds("error_rate(transcribe/decode[1m]) > 33%"));
  EXPECT_FALSE(Holds("error_rate(transcribe/decode[1m]) > 34%"));
  EXPECT_TRUE(Holds("mean(transcribe/decode[1m]) == 1.5"));
  EXPECT_TRUE(Holds("max(gpu.memory.used[1m]) > 20GiB"));
  EXPECT_TRUE(Holds("last(gpu.memory.used{gpu=\"1\"}[1m]) == 5GiB"));
}

TEST_F(ExpressionEvaluation, Elements_AreSeparatePerPathAndPerByLabel) {
  const std::vector<Element> both = Evaluate("count(decode[1m]) > 0");
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].operation, "decode");
  EXPECT_EQ(both[1].operation, "transcribe/decode");
  const std::vector<Element> gpus = Evaluate("max(gpu.memory.used[1m]) by (gpu, host) > 1GiB");
  ASSERT_EQ(gpus.size(), 2u);
  EXPECT_THAT(gpus[0].labels, ElementsAre(std::pair<std::string, std::string>("gpu", "0"),
                                          std::pair<std::string, std::string>("host", "beta")));
  EXPECT_EQ(gpus[0].unit, "By");
  EXPECT_EQ(Evaluate("max(gpu.memory.used[1m]) by (gpu) > 20GiB").size(), 1u);
}

TEST_F(ExpressionEvaluation, NoSamples_DoNotFireButAbsentDoes) {
  EXPECT_FALSE(Holds("p99(nothing[1m]) > 0s"));
  EXPECT_FALSE(Holds("p99(nothing[1m]) <= 0s"));
  EXPECT_FALSE(Holds("count(nothing[1m]) == 0"));
  EXPECT_TRUE(Holds("absent(nothing[1m])"));
  EXPECT_FALSE(Holds("absent(decode[1m])"));
  const std::vector<Element> absent = Evaluate("absent(decode{model=\"x\",host!=\"y\"}[1m])");
  ASSERT_EQ(absent.size(), 1u);
  EXPECT_EQ(absent[0].operation, "decode");
  EXPECT_THAT(absent[0].labels, ElementsAre(std::pair<std::string, std::string>("model", "x")));
}

TEST_F(ExpressionEvaluation, Arithmetic_FollowsPrecedence) {
  EXPECT_TRUE(Holds("count(transcribe[1m]) > 0 or 1 + 2 * 3 == 0 * count(decode{x=\"\"}[1m]) + 7"));
  EXPECT_TRUE(Holds("p0(transcribe/decode[1m]) * 2 + 1s > 1.9s"));
  EXPECT_TRUE(Holds("(count(transcribe/decode[1m]) - 80) / 10 == 10"));
  EXPECT_TRUE(Holds("-max(transcribe/decode[1m]) == -3s"));
  EXPECT_TRUE(Holds("2s < max(transcribe/decode[1m])"));
  EXPECT_FALSE(Holds("max(transcribe/decode[1m]) / 0 > 1")) << "no number, no alert";
}

TEST_F(ExpressionEvaluation, Joins_MatchLabelsAndOperations) {
  EXPECT_EQ(Evaluate("p99(decode[1m]) > 2s and count(decode[1m]) > 100").size(), 1u)
      << "only the operation for which both hold";
  EXPECT_EQ(Evaluate("count(decode[1m]) > 100 or max(gpu.memory.used[1m]) > 20GiB").size(), 1u)
      << "the right side adds only what matches nothing on the left";
  EXPECT_TRUE(Holds("max(transcribe/decode[1m]) / max(decode{kind=\"duration\"}[1m]) > 200"));
  EXPECT_EQ(Evaluate("max(transcribe/decode[1m]) by (model) > "
                     "2 * mean(transcribe/decode{outcome=\"ok\"}[1m]) - 2s")
                .size(),
            1u);
  EXPECT_FALSE(Holds("max(decode[1m]) > 1s and absent(decode[1m])"));
}

}  // namespace
}  // namespace ringside::aggregator
