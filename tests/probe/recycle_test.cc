// Workers that are recycled, one process after the other, while no agent takes their segments away:
// the directory stays within its quota, whoever comes too late counts its losses, and an agent that
// comes later still delivers every sample that a segment took.
#include <chrono>
#include <filesystem>

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <ringside/probe.h>

#include "tests/agent/segment_fold.h"
#include "tests/probe/probe_fixture.h"

namespace ringside::tests {
namespace {

constexpr int kRecorded = 0;
constexpr int kLost = 3;
constexpr uint64_t kSamples = 2;  // of each worker

class Recycle : public ProbeTest {
 protected:
  void SetUp() override {
    ProbeTest::SetUp();
    Environment("RINGSIDE_LANES", "2");
    Environment("RINGSIDE_SERIES", "16");
    Environment("RINGSIDE_TIMING_RING_RECORDS", "16");
    Environment("RINGSIDE_POOL_BYTES", "65536");
    Environment("RINGSIDE_QUIET", "1");
  }
  int RunWorker() {
    return Run([] {
      const Operation operation{"work"};
      for (uint64_t i = 0; i < kSamples; ++i) operation.Record(std::chrono::nanoseconds{5});
      const uint64_t lost = Health().lost_no_segment;
      REQUIRE(lost == 0 || lost == kSamples);
      _exit(lost == 0 ? kRecorded : kLost);
    });
  }
  uint64_t Files() const {
    const std::filesystem::directory_iterator all(directory());
    return static_cast<uint64_t>(std::distance(begin(all), end(all)));
  }
  uint64_t ResidentBytes() const {
    uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory())) {
      struct stat info {};
      if (stat(entry.path().c_str(), &info) == 0) bytes += static_cast<uint64_t>(info.st_blocks);
    }
    return bytes * 512;
  }
  uint64_t TmpfsBytes() const {
    struct statvfs info {};
    statvfs(directory().c_str(), &info);
    return uint64_t{info.f_blocks} * info.f_frsize;
  }
};

TEST_F(Recycle, WithoutAnAgent_TheDirectoryStaysWithinItsQuota) {
  const int workers = IsLong() ? 10'000 : 2'000;
  const uint64_t quota = IsLong() ? 1024 : 256;  // 1024 is the default
  if (!IsLong()) Environment("RINGSIDE_MAX_SEGMENTS", std::to_string(quota));
  uint64_t recorded = 0;
  for (int i = 0; i < workers; ++i) {
    const int status = RunWorker();
    ASSERT_TRUE(status == kRecorded || status == kLost) << status;
    if (status == kRecorded) ++recorded;
    ASSERT_LE(recorded, quota);
  }
  EXPECT_GT(recorded, 0u);
  // One file for each that had one, and nothing else: no left-over of those that were refused.
  EXPECT_EQ(Files(), recorded);
  EXPECT_EQ(Segments().size(), recorded);
  const uint64_t bytes = ResidentBytes();
  EXPECT_LE(bytes, TmpfsBytes() / 4 + bytes / recorded);
  // On a small tmpfs the bytes are what runs out first.
  if (bytes < TmpfsBytes() / 8) {
    EXPECT_EQ(recorded, quota);
  }
  EXPECT_EQ(agent::FoldByAgent(directory()).Of("work").Count(), recorded * kSamples);
  EXPECT_EQ(Segments().size(), 0u);
  EXPECT_EQ(RunWorker(), kRecorded) << "there is room again";
}

}  // namespace
}  // namespace ringside::tests
