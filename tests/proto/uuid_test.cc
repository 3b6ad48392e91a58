#include "proto/uuid.h"

#include <set>

#include <gtest/gtest.h>

namespace ringside::proto {
namespace {

TEST(Uuid_New, AreDifferentAndOfVersionFour) {
  std::set<Uuid> seen;
  for (int i = 0; i < 1000; ++i) {
    const Uuid uuid = NewUuid();
    EXPECT_TRUE(seen.insert(uuid).second);
    EXPECT_EQ(uuid.bytes[6] >> 4, 4);
    EXPECT_EQ(uuid.bytes[8] >> 6, 2);
    EXPECT_FALSE(uuid.IsZero());
  }
}

TEST(Uuid_Text, IsFiveGroupsOfLowerCaseHex) {
  Uuid uuid;
  for (size_t i = 0; i < 16; ++i) uuid.bytes[i] = static_cast<uint8_t>(i * 17);
  EXPECT_EQ(ToString(uuid), "00112233-4455-6677-8899-aabbccddeeff");
}

TEST(Uuid_Text, ReadsBackWhatItWrote) {
  const Uuid uuid = NewUuid();
  Uuid parsed;
  ASSERT_TRUE(ParseUuid(ToString(uuid), &parsed));
  EXPECT_EQ(parsed, uuid);
  ASSERT_TRUE(ParseUuid("00112233-4455-6677-8899-AABBCCDDEEFF", &parsed));
  EXPECT_EQ(ToString(parsed), "00112233-4455-6677-8899-aabbccddeeff");
}

TEST(Uuid_Text, LeavesTheResultAloneWhereItRefuses) {
  const Uuid before = NewUuid();
  Uuid uuid = before;
  for (const char* text :
       {"", "00112233-4455-6677-8899-aabbccddeef", "00112233-4455-6677-8899-aabbccddeefff",
        "00112233x4455-6677-8899-aabbccddeeff", "0011223g-4455-6677-8899-aabbccddeeff",
        "001122334-455-6677-8899-aabbccddeeff"}) {
    EXPECT_FALSE(ParseUuid(text, &uuid)) << text;
    EXPECT_EQ(uuid, before);
  }
}

}  // namespace
}  // namespace ringside::proto
