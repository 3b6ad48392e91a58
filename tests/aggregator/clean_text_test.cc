#include "aggregator/clean_text.h"

#include <gtest/gtest.h>

namespace ringside::aggregator {
namespace {

std::string Cleaned(std::string text) {
  CleanText(&text);
  return text;
}

TEST(CleanTextTest, Valid_StaysAsItIs) {
  for (const std::string text : {"", "plain", "Größe", "日本語", "🎧", "\x7f\x01"}) {
    std::string copy = text;
    EXPECT_FALSE(CleanText(&copy));
    EXPECT_EQ(copy, text);
  }
}

TEST(CleanTextTest, Invalid_BytesAreReplacedOneByOne) {
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(Cleaned("a\xff"
                    "b"),
            "a" + mark + "b");
  EXPECT_EQ(Cleaned("\xc0\x80"), mark + mark) << "overlong";
  EXPECT_EQ(Cleaned("\xe0\x80\x80"), mark + mark + mark) << "overlong";
  EXPECT_EQ(Cleaned("\xed\xa0\x80"), mark + mark + mark) << "surrogate";
  EXPECT_EQ(Cleaned("\xf4\x90\x80\x80"), mark + mark + mark + mark) << "above U+10FFFF";
  EXPECT_EQ(Cleaned("\xe6\x97"), mark + mark) << "cut short";
  EXPECT_EQ(Cleaned("\xe6\x97z"), mark + mark + "z");
}

TEST(CleanTextTest, Labels_StaySortedAndUnique) {
  proto::SeriesKey key;
  key.labels = {{"a\xf0", "1"}, {"a\xf1", "2"}, {"b", "3"}};
  EXPECT_TRUE(CleanKey(&key));
  const proto::LabelList labels = key.labels;
  ASSERT_EQ(labels.size(), 2u);
  EXPECT_EQ(labels[0].first, "a\xEF\xBF\xBD");
  EXPECT_EQ(labels[1].first, "b");
  EXPECT_FALSE(CleanKey(&key));
}

}  // namespace
}  // namespace ringside::aggregator
