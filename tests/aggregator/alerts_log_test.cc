#include "aggregator/alerts_log.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/aggregator/temp_dir.h"

namespace ringside::aggregator {
namespace {

using testing::ElementsAre;

class AlertsLogTest : public testing::Test {
 protected:
  static void Write(AlertsLog* log, const std::string& line) {
    log->Add(line);
    log->Flush();
    EXPECT_EQ(log->waiting(), 0u) << line;
  }
  std::vector<std::string> Lines(const std::string& suffix = "") {
    return dir_.Lines("alerts.jsonl" + suffix);
  }

  TempDir dir_;
};

TEST_F(AlertsLogTest, Full_FileIsKeptUnderANumberAndTheOldestGoes) {
  AlertsLog log(dir_.File("alerts.jsonl"), 10);
  for (int i = 0; i < 12; ++i) Write(&log, "line " + std::to_string(i));
  EXPECT_THAT(Lines(), ElementsAre("line 10", "line 11"));
  EXPECT_THAT(Lines(".1"), ElementsAre("line 8", "line 9"));
  EXPECT_THAT(Lines(".3"), ElementsAre("line 4", "line 5"));
  EXPECT_FALSE(std::filesystem::exists(dir_.File("alerts.jsonl.4")));
}

TEST_F(AlertsLogTest, Full_GoesOnAfterARestart) {
  for (int i = 0; i < 4; ++i) {
    AlertsLog log(dir_.File("alerts.jsonl"), 10);
    Write(&log, "line " + std::to_string(i));
  }
  EXPECT_THAT(Lines(".1"), ElementsAre("line 0", "line 1"));
  EXPECT_THAT(Lines(), ElementsAre("line 2", "line 3"));
}

TEST_F(AlertsLogTest, Full_GrowsOnWhereItCannotBeRenamed) {
  dir_.Write("alerts.jsonl.2", "old");
  std::filesystem::create_directories(dir_.File("alerts.jsonl.3"));
  AlertsLog log(dir_.File("alerts.jsonl"), 10);
  for (int i = 0; i < 4; ++i) Write(&log, "line " + std::to_string(i));
  EXPECT_THAT(Lines(), ElementsAre("line 0", "line 1", "line 2", "line 3"));
}

}  // namespace
}  // namespace ringside::aggregator
