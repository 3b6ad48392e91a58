// Whose segments an agent reads, by the file alone.
#include "agent/owner_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::agent {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

struct stat File(uid_t owner, gid_t group, mode_t mode) {
  struct stat file {};
  file.st_uid = owner;
  file.st_gid = group;
  file.st_mode = S_IFREG | mode;
  return file;
}

OwnerRule Ordinary() {
  OwnerRule rule;
  rule.uid = 1000;
  rule.all = false;
  return rule;
}

TEST(OwnerRuleTest, Ordinary_ReadsItsOwnOnly) {
  EXPECT_THAT(Ordinary().Refusal(File(1000, 5, 0600)), IsEmpty());
  EXPECT_THAT(Ordinary().Refusal(File(1001, 5, 0666)), HasSubstr("user 1001"));
  EXPECT_THAT(Ordinary().Refusal(File(0, 0, 0666)), HasSubstr("user 0"));
}

TEST(OwnerRuleTest, Root_ReadsEverybodys) {
  OwnerRule root = Ordinary();
  root.all = true;
  EXPECT_THAT(root.Refusal(File(1001, 5, 0600)), IsEmpty());
}

TEST(OwnerRuleTest, Group_IsReadWhenTheFileIsForIt) {
  OwnerRule rule = Ordinary();
  rule.has_group = true;
  rule.group = 77;
  EXPECT_THAT(rule.Refusal(File(1001, 77, 0660)), IsEmpty());
  EXPECT_THAT(rule.Refusal(File(1001, 77, 0640)), HasSubstr("group 77")) << "not to be written";
  EXPECT_THAT(rule.Refusal(File(1001, 78, 0660)), HasSubstr("user 1001")) << "another group";
}

TEST(OwnerRuleTest, Group_IsANameOrANumberOrAnError) {
  EXPECT_FALSE(MakeOwnerRule("")->has_group);
  EXPECT_EQ(MakeOwnerRule("4711")->group, 4711u);
  EXPECT_EQ(MakeOwnerRule("root")->group, 0u);
  EXPECT_TRUE(MakeOwnerRule("root")->has_group);
  const auto unknown = MakeOwnerRule("no such group");
  ASSERT_FALSE(unknown.ok());
  EXPECT_THAT(unknown.message(), HasSubstr("no such group"));
}

TEST(OwnerRuleTest, Label_SaysTheOwnerAndNotWhatTheSegmentClaims) {
  proto::LabelList labels = {{"team", "a"}, {"uid", "0"}};
  LabelOwner(geteuid(), &labels);
  EXPECT_EQ(labels, (proto::LabelList{{"team", "a"}}));
  LabelOwner(geteuid() + 1, &labels);
  EXPECT_EQ(labels, (proto::LabelList{{"team", "a"}, {"uid", std::to_string(geteuid() + 1)}}));
}

TEST(OwnerRuleTest, Label_ReplacesAnotherWhenThereIsNoRoom) {
  proto::LabelList labels;
  for (size_t i = 0; i < proto::kMaxLabels; ++i) labels.emplace_back("z" + std::to_string(i), "");
  LabelOwner(geteuid() + 1, &labels);
  EXPECT_EQ(labels.size(), proto::kMaxLabels);
  EXPECT_EQ(labels.front().first, "uid");
}

}  // namespace
}  // namespace ringside::agent
