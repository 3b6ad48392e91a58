#include "cli/live_line.h"

#include <gtest/gtest.h>

namespace ringside::cli {
namespace {

aggregator::Json Answer(const char* rows) {
  return aggregator::Json::parse(std::string(R"({"rows":)") + rows + "}");
}

TEST(ProgressText, NamesTheOperationDoneMostOften) {
  const auto answer = Answer(R"([
      {"operation":"ocr","kind":"duration","unit":"s","count":2,"errors":0,"p50":1,"p99":2},
      {"operation":"transcribe","kind":"duration","unit":"s","count":34,"errors":1,"aborted":1,
       "p50":0.512,"p99":2.31}])");
  EXPECT_EQ(ProgressText(answer), "transcribe: 34 done, p50 512 ms, p99 2.31 s, 2 errors");
}

TEST(ProgressText, RequestsGoBeforeTheirStages) {
  const auto answer = Answer(R"([
      {"operation":"t/decode","kind":"duration","unit":"s","count":90,"errors":0,"p50":1,"p99":1},
      {"operation":"t","kind":"duration","unit":"s","count":3,"errors":0,"p50":2,"p99":2}])");
  EXPECT_EQ(ProgressText(answer).substr(0, 9), "t: 3 done");
}

TEST(ProgressText, ValuesAndMachineSamplesAreNoWork) {
  const auto answer = Answer(R"([
      {"operation":"process.rss","kind":"gauge","unit":"By","count":90,"p50":1,"p99":1},
      {"operation":"never","kind":"duration","unit":"s","count":0}])");
  EXPECT_EQ(ProgressText(answer), "");
}

}  // namespace
}  // namespace ringside::cli
