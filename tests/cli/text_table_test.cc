#include "cli/text_table.h"

#include <gtest/gtest.h>

namespace ringside::cli {
namespace {

using Align = TextTable::Align;

TextTable Operations() {
  TextTable table;
  table.AddColumn("operation", Align::kLeft);
  table.AddColumn("p99", Align::kRight);
  table.AddRow({"transcribe/decode", "12.3 ms"});
  table.AddRow({"ocr", "1.2 s"});
  return table;
}

TEST(TextTable, NumbersAreRightAligned) {
  EXPECT_EQ(Operations().Format(0),
            "operation              p99\n"
            "transcribe/decode  12.3 ms\n"
            "ocr                  1.2 s\n");
}

TEST(TextTable, TextGivesWayToNumbersInANarrowTerminal) {
  EXPECT_EQ(Operations().Format(20),
            "operation        p99\n"
            "transcribe…  12.3 ms\n"
            "ocr            1.2 s\n");
}

TEST(TextTable, NumbersAreNeverCut) {
  EXPECT_NE(Operations().Format(5).find("12.3 ms"), std::string::npos);
}

TEST(TextTable, MissingCellsAreEmpty) {
  TextTable table;
  table.AddColumn("a", Align::kLeft);
  table.AddColumn("b", Align::kRight);
  table.AddRow({"x"});
  EXPECT_EQ(table.Format(0), "a  b\nx\n");
}

TEST(TextTable, IndentIsInFrontOfEveryLine) {
  EXPECT_EQ(Operations().Format(0, "> ").substr(0, 2), "> ");
  EXPECT_NE(Operations().Format(0, "> ").find("\n> ocr"), std::string::npos);
}

TEST(TextTable, NoTitlesNoHeader) {
  TextTable table;
  table.AddColumn("", Align::kLeft);
  table.AddRow({"x"});
  EXPECT_EQ(table.Format(0), "x\n");
}

TEST(DisplayWidth, CountsCodePointsNotBytes) {
  EXPECT_EQ(DisplayWidth("45 °C"), 5u);
  EXPECT_EQ(DisplayWidth(""), 0u);
}

TEST(CutToWidth, NeverSplitsACodePoint) {
  EXPECT_EQ(CutToWidth("äöüß", 4), "äöüß");
  EXPECT_EQ(CutToWidth("äöüß", 3), "äö…");
  EXPECT_EQ(CutToWidth("äöüß", 1), "…");
}

}  // namespace
}  // namespace ringside::cli
