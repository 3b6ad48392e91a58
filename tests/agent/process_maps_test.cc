// A process that is stuck while it holds its memory's lock: who asks what it maps waits for ever.
// Here a FIFO stands for its maps.
#include "agent/process_maps.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/maps_reader.h"
#include "tests/agent/agent_fixture.h"

namespace ringside::agent {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr uint64_t kStuck = 700;
constexpr uint64_t kOther = 800;
const dev_t kDevice = makedev(0, 0x1b);
constexpr ino_t kInode = 4711;

class ProcessMapsTest : public testing::Test {
 protected:
  ProcessMapsTest() : proc_("/tmp") {
    for (const uint64_t pid : {kStuck, kOther}) {
      std::filesystem::create_directory(proc_.path() + "/" + std::to_string(pid));
    }
  }
  ~ProcessMapsTest() override {
    for (const uint64_t pid : {kStuck, kOther}) Release(pid);
  }

  std::string MapsOf(uint64_t pid) const {
    return proc_.path() + "/" + std::to_string(pid) + "/maps";
  }
  void Write(uint64_t pid, const std::string& text) const { std::ofstream(MapsOf(pid)) << text; }
  void Hang(uint64_t pid) const { ASSERT_EQ(mkfifo(MapsOf(pid).c_str(), 0600), 0); }
  // Whoever reads it comes to its end.
  void Release(uint64_t pid) const {
    const int fd = open(MapsOf(pid).c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0) close(fd);
  }
  // In as many rounds as it takes.
  static bool Becomes(ProcessMaps* maps, MapsAnswer expected,
                      const std::function<MapsAnswer()>& ask) {
    for (int i = 0; i < 6000; ++i) {
      maps->BeginRound();
      if (ask() == expected) return true;
      std::this_thread::sleep_for(milliseconds(10));
    }
    return false;
  }

  TempDirectory proc_;
};

constexpr const char* kLine = "7f00-7f01 rw-s 00000000 00:1b 4711 /dev/shm/ringside/x.seg\n";

TEST_F(ProcessMapsTest, Answer_IsOfThisRound) {
  ProcessMaps maps(std::chrono::seconds(60), proc_.path());
  Write(kOther, kLine);
  EXPECT_EQ(maps.Ask(kOther, kDevice, kInode), MapsAnswer::kMaps);
  EXPECT_EQ(maps.Ask(kOther, kDevice, kInode + 1), MapsAnswer::kDoesNot);
  EXPECT_EQ(maps.Ask(kOther + 1, kDevice, kInode), MapsAnswer::kDoesNot) << "no such process";
  Write(kOther, "");
  maps.BeginRound();
  EXPECT_EQ(maps.Ask(kOther, kDevice, kInode), MapsAnswer::kDoesNot);
}

TEST_F(ProcessMapsTest, Stuck_OneIsWaitedForOnce) {
  ProcessMaps maps(milliseconds(1000), proc_.path());
  Hang(kStuck);
  EXPECT_EQ(maps.Ask(kStuck, kDevice, kInode), MapsAnswer::kPending);
  const auto begin = Clock::now();
  for (int i = 0; i < 100; ++i) {
    maps.BeginRound();
    EXPECT_EQ(maps.Ask(kStuck, kDevice, kInode), MapsAnswer::kPending);
  }
  EXPECT_LT(Clock::now() - begin, milliseconds(100 * 1000 / 2));
  Write(kOther, kLine);
  EXPECT_TRUE(Becomes(&maps, MapsAnswer::kMaps, [&] { return maps.Ask(kOther, kDevice, kInode); }))
      << "the others are answered";
}

TEST_F(ProcessMapsTest, Stuck_AllHelpersWaitForNobody) {
  ProcessMaps maps(milliseconds(1000), proc_.path());
  Hang(kStuck);
  Hang(kOther);
  (void)maps.Ask(kStuck, kDevice, kInode);
  (void)maps.Ask(kOther, kDevice, kInode);
  const auto begin = Clock::now();
  for (ino_t i = 1; i <= 100; ++i) {
    maps.BeginRound();
    EXPECT_EQ(maps.Ask(kOther, kDevice, kInode + i), MapsAnswer::kPending);
  }
  EXPECT_LT(Clock::now() - begin, milliseconds(100 * 1000 / 2));
}

TEST_F(ProcessMapsTest, Stuck_OneHoldsUpTheLookAtAllProcesses) {
  ProcessMaps maps(milliseconds(50), proc_.path());
  Write(kOther, kLine);
  Hang(kStuck);
  EXPECT_EQ(maps.AskAll(kDevice, kInode), MapsAnswer::kPending);
  maps.BeginRound();
  EXPECT_EQ(maps.AskAll(kDevice, kInode), MapsAnswer::kPending);
  std::filesystem::remove_all(proc_.path() + "/" + std::to_string(kOther));
  int writer = -1;
  for (int i = 0; i < 6000 && writer < 0; ++i) {  // it opens once there is who reads
    std::this_thread::sleep_for(milliseconds(10));
    writer = open(MapsOf(kStuck).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  }
  ASSERT_GE(writer, 0);
  ASSERT_GT(write(writer, kLine, std::char_traits<char>::length(kLine)), 0);
  close(writer);
  EXPECT_TRUE(Becomes(&maps, MapsAnswer::kMaps, [&] { return maps.AskAll(kDevice, kInode); }))
      << "what came late is picked up";
}

}  // namespace
}  // namespace ringside::agent
