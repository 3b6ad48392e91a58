#include "aggregator/group_limit.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/aggregator/temp_dir.h"

namespace ringside::aggregator {
namespace {

constexpr uint64_t kGibibyte = uint64_t{1} << 30;

class GroupLimitTest : public testing::Test {
 protected:
  void Own(const std::string& lines) { Put("proc/self/cgroup", lines); }
  void Limit(const std::string& group, const std::string& text) {
    Put("sys/fs/cgroup" + group + "/memory.max", text + "\n");
  }
  uint64_t Bytes() const { return GroupLimitBytes(dir_.File("proc"), dir_.File("sys")); }

 private:
  void Put(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(dir_.File(name)).parent_path());
    dir_.Write(name, text);
  }

  TempDir dir_;
};

TEST_F(GroupLimitTest, Bytes_AreTheLeastOfTheGroupAndThoseAboveIt) {
  Own("4:memory:/elsewhere\n0::/system.slice/ringside.service\n");
  EXPECT_EQ(Bytes(), 0u) << "not known";
  Limit("/system.slice/ringside.service", "max");
  EXPECT_EQ(Bytes(), 0u) << "none";
  Limit("/system.slice/ringside.service", std::to_string(2 * kGibibyte));
  EXPECT_EQ(Bytes(), 2 * kGibibyte);
  Limit("/system.slice", std::to_string(kGibibyte));
  EXPECT_EQ(Bytes(), kGibibyte);
}

TEST_F(GroupLimitTest, Bytes_OfAContainerWithItsOwnRoot) {
  EXPECT_EQ(Bytes(), 0u);
  Own("0::/\n");
  Limit("", std::to_string(kGibibyte));
  EXPECT_EQ(Bytes(), kGibibyte);
}

TEST_F(GroupLimitTest, Warning_AboveThreeQuarters) {
  EXPECT_EQ(GroupLimitWarning(kGibibyte, 0), "");
  EXPECT_EQ(GroupLimitWarning(kGibibyte / 2, kGibibyte), "");
  EXPECT_THAT(GroupLimitWarning(kGibibyte, kGibibyte),
              testing::HasSubstr("memory_limit 1024MiB is more than three quarters"));
}

}  // namespace
}  // namespace ringside::aggregator
