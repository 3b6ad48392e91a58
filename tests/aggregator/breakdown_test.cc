#include "aggregator/breakdown.h"

#include <map>

#include <gtest/gtest.h>

namespace ringside::aggregator {
namespace {

class BreakdownTest : public testing::Test {
 protected:
  BreakdownTest() { request_.duration_ns = 100; }

  void Step(const std::string& name, uint64_t start, uint64_t end,
            proto::Outcome outcome = proto::Outcome::kOk) {
    proto::StepRow step;
    step.name = name;
    step.start_offset_ns = start;
    step.duration_ns = end - start;
    step.outcome = outcome;
    request_.steps.push_back(step);
  }
  void Break() {
    breakdown_ = BreakdownOf(request_);
    self_.clear();
    for (const StageShare& stage : breakdown_.stages) self_[stage.name] = stage.self_ns;
  }

  proto::RequestRow request_;
  Breakdown breakdown_;
  std::map<std::string, uint64_t> self_;
};

TEST_F(BreakdownTest, Sequence_SharesAndUntimedAddUpToAll) {
  Step("load", 5, 25);
  Step("decode", 25, 85);
  Break();
  EXPECT_EQ(breakdown_.untimed_ns, 20u);
  EXPECT_DOUBLE_EQ(breakdown_.untimed_share, 0.20);
  EXPECT_EQ(breakdown_.stages[0].name, "load");
  EXPECT_DOUBLE_EQ(breakdown_.stages[0].share, 0.20);
  EXPECT_DOUBLE_EQ(breakdown_.stages[1].share, 0.60);
  EXPECT_EQ(breakdown_.bottleneck, "decode");
}

TEST_F(BreakdownTest, Repeated_StepsOfOneNameAreSummarised) {
  Step("decode", 0, 10);
  Step("decode", 10, 40, proto::Outcome::kError);
  Step("decode", 40, 50, proto::Outcome::kAborted);
  Break();
  ASSERT_EQ(breakdown_.stages.size(), 1u);
  EXPECT_EQ(breakdown_.stages[0].count, 3u);
  EXPECT_EQ(breakdown_.stages[0].ok, 1u);
  EXPECT_EQ(breakdown_.stages[0].errors, 2u);
  EXPECT_EQ(breakdown_.stages[0].total_ns, 50u);
}

TEST_F(BreakdownTest, Nested_TimeBelongsToTheInnermost) {
  Step("outer", 0, 80);
  Step("inner", 10, 70);
  Step("innermost", 20, 30);
  Step("innermost", 40, 50);
  Break();
  EXPECT_EQ(self_["outer"], 20u);
  EXPECT_EQ(self_["inner"], 40u);
  EXPECT_EQ(self_["innermost"], 20u);
  EXPECT_EQ(breakdown_.untimed_ns, 20u);
  EXPECT_EQ(breakdown_.bottleneck, "inner");
}

TEST_F(BreakdownTest, Parallel_StagesKeepTheirTimeAndWallTimeIsCoveredOnce) {
  Step("a", 0, 60);
  Step("b", 40, 100);
  Step("c", 0, 60);
  Break();
  EXPECT_EQ(self_["a"], 60u);
  EXPECT_EQ(self_["b"], 60u);
  EXPECT_EQ(self_["c"], 60u);
  EXPECT_EQ(breakdown_.untimed_ns, 0u);
}

TEST_F(BreakdownTest, Nested_ParallelChildrenCoverTheirParentOnce) {
  Step("parent", 0, 100);
  Step("x", 10, 60);
  Step("y", 40, 90);
  Break();
  EXPECT_EQ(self_["parent"], 20u);
}

TEST_F(BreakdownTest, Empty_RequestWithoutStages) {
  Break();
  EXPECT_TRUE(breakdown_.stages.empty());
  EXPECT_TRUE(breakdown_.bottleneck.empty());
  EXPECT_DOUBLE_EQ(breakdown_.untimed_share, 1.0);
}

TEST_F(BreakdownTest, Malicious_TimesDoNotOverflow) {
  request_.duration_ns = 0;
  Step("late", UINT64_MAX - 5, UINT64_MAX);
  request_.steps.back().duration_ns = UINT64_MAX;
  Step("late", 3, 4);
  Break();
  EXPECT_EQ(breakdown_.untimed_ns, 0u);
  EXPECT_EQ(self_["late"], 6u);
}

}  // namespace
}  // namespace ringside::aggregator
