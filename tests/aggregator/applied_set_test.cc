#include "aggregator/applied_set.h"

#include <random>
#include <set>

#include <gtest/gtest.h>

namespace ringside::aggregator {
namespace {

proto::BatchId Id(uint8_t agent, uint64_t epoch, uint64_t sequence) {
  proto::BatchId id;
  id.agent.bytes[0] = agent;
  id.epoch = epoch;
  id.sequence = sequence;
  return id;
}

TEST(AppliedSetTest, Add_InAnyOrderEqualsASet) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    AppliedSet applied;
    std::set<uint64_t> model;
    for (int i = 0; i < 100; ++i) {
      const uint64_t sequence = 1 + random() % 60;
      EXPECT_EQ(applied.Add(sequence), model.insert(sequence).second);
      uint64_t contiguous = 0;
      while (model.contains(contiguous + 1)) ++contiguous;
      ASSERT_EQ(applied.Contiguous(), contiguous);
      for (uint64_t s = 1; s <= 61; ++s) ASSERT_EQ(applied.Contains(s), model.contains(s)) << s;
      uint64_t last = applied.Contiguous();
      for (const auto& [first, end] : applied.ranges()) {
        ASSERT_GT(first, last + 1) << "adjacent ranges must be one";
        last = end;
      }
    }
  }
}

TEST(AppliedSetTest, Merge_IsTheUnion) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 200; ++round) {
    AppliedSet a;
    AppliedSet b;
    AppliedSet both;
    for (int i = 0; i < 30; ++i) {
      const uint64_t sequence = 1 + random() % 80;
      (random() % 2 == 0 ? a : b).Add(sequence);
      both.Add(sequence);
    }
    a.Merge(b);
    EXPECT_TRUE(a == both);
  }
}

TEST(AppliedSetTest, Add_AtTheEndsOfTheNumbers) {
  AppliedSet applied;
  EXPECT_TRUE(applied.Contains(0)) << "no batch has sequence 0";
  EXPECT_TRUE(applied.Add(UINT64_MAX));
  EXPECT_FALSE(applied.Add(UINT64_MAX));
  EXPECT_TRUE(applied.Add(UINT64_MAX - 1));
  EXPECT_EQ(applied.ranges().size(), 1u);
  applied.AddRange(1, UINT64_MAX);
  EXPECT_EQ(applied.Contiguous(), UINT64_MAX);
  EXPECT_TRUE(applied.ranges().empty());
  EXPECT_FALSE(applied.Add(5));
}

TEST(AppliedSetTest, HasRoomFor_IsBoundedButGapsCanAlwaysClose) {
  AppliedSet applied;
  for (uint64_t i = 0; i < AppliedSet::kMaxRanges; ++i) applied.Add(10 + 3 * i);
  EXPECT_FALSE(applied.HasRoomFor(1'000'000));
  EXPECT_TRUE(applied.HasRoomFor(1)) << "the contiguous part";
  EXPECT_TRUE(applied.HasRoomFor(11)) << "behind a range";
  EXPECT_TRUE(applied.HasRoomFor(9)) << "before a range";
  EXPECT_TRUE(applied.HasRoomFor(10)) << "there already";
}

TEST(AppliedSetsTest, Epochs_AreApart) {
  AppliedSets sets;
  EXPECT_TRUE(sets.Add(Id(1, 7, 1), 0));
  EXPECT_FALSE(sets.Add(Id(1, 7, 1), 0));
  EXPECT_TRUE(sets.Add(Id(1, 8, 1), 0));
  EXPECT_TRUE(sets.Add(Id(2, 7, 1), 0));
  EXPECT_FALSE(sets.Contains(Id(2, 8, 1)));
  EXPECT_EQ(sets.Contiguous(Id(1, 7, 0).agent, 7), 1u);
  EXPECT_EQ(sets.Contiguous(Id(9, 7, 0).agent, 7), 0u);
}

TEST(AppliedSetsTest, CloseIdle_ForgetsOldEpochsButNeverAnAgentsNewest) {
  constexpr uint64_t kLater = AppliedSets::kCloseAfterNs + 100;
  AppliedSets sets;
  sets.Add(Id(1, 7, 1), 1);
  sets.Add(Id(1, 8, 1), 50);
  sets.Add(Id(2, 9, 1), 1);
  EXPECT_EQ(sets.CloseIdle(50, {}), 0u);
  EXPECT_EQ(sets.CloseIdle(kLater, sets), 0u) << "a batch of each is on its way";
  EXPECT_EQ(sets.CloseIdle(kLater, {}), 1u);
  EXPECT_FALSE(sets.Contains(Id(1, 7, 1)));
  EXPECT_TRUE(sets.Contains(Id(1, 8, 1)));
  EXPECT_TRUE(sets.Contains(Id(2, 9, 1)));
}

// A table that is full: epoch i had its last batch at time 1 + i.
AppliedSets FullTable() {
  AppliedSets sets;
  for (uint64_t i = 0; i < AppliedSets::kMaxEpochs; ++i) sets.Add(Id(1, i, 1), 1 + i);
  return sets;
}

TEST(AppliedSetsTest, LetGoIdlest_TakesTheLongestIdleBeyondTheAgeAlone) {
  AppliedSets sets = FullTable();
  const proto::BatchId fresh = Id(2, 0, 1);
  EXPECT_FALSE(sets.HasRoomFor(fresh));
  EXPECT_TRUE(sets.HasRoomFor(Id(1, 5, 2))) << "who is known goes on";
  EXPECT_EQ(sets.LetGoIdlest(1 + AppliedSets::kLetGoAfterNs, {}), 0u);
  EXPECT_FALSE(sets.HasRoomFor(fresh));
  EXPECT_EQ(sets.LetGoIdlest(3 + AppliedSets::kLetGoAfterNs, {}), 2u);
  EXPECT_TRUE(sets.HasRoomFor(fresh));
  EXPECT_FALSE(sets.Contains(Id(1, 1, 1)));
  EXPECT_TRUE(sets.Contains(Id(1, 2, 1)));
}

TEST(AppliedSetsTest, LetGoIdlest_IsBoundedAndLeavesWhatIsInUse) {
  AppliedSets sets = FullTable();
  AppliedSets in_use;
  in_use.Add(Id(1, 0, 2), 0);
  EXPECT_EQ(sets.LetGoIdlest(UINT64_MAX, in_use), AppliedSets::kLetGoAtOnce);
  EXPECT_TRUE(sets.Contains(Id(1, 0, 1)));
  EXPECT_FALSE(sets.Contains(Id(1, AppliedSets::kLetGoAtOnce, 1)));
  EXPECT_TRUE(sets.Contains(Id(1, AppliedSets::kLetGoAtOnce + 1, 1)));
}

}  // namespace
}  // namespace ringside::aggregator
