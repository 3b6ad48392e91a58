// The first samples of a process: while one thread opens the segment, the others wait for it, and
// lose nothing; while it is stuck for good, they go on, and every loss is counted.
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ringside/probe.h>

#include "tests/probe/probe_fixture.h"

namespace {
// What the thread that links the segment into the directory does first.
std::function<void()> before_link;  // NOLINT(cert-err58-cpp): empty, cannot throw
}  // namespace

// In place of libc's: the last call of an opening.
int linkat(int from, const char* source, int to, const char* target, int flags) noexcept {
  if (before_link) before_link();
  return static_cast<int>(syscall(SYS_linkat, from, source, to, target, flags));
}

namespace ringside::tests {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

uint64_t LostSamples() {
  ringside_health health{};
  health.size = sizeof health;
  REQUIRE(ringside_get_health(&health) == 0);
  return health.lost_no_segment;
}

// Starts threads that record at one moment, each `records` times.
void RecordAtOnce(int threads, int records) {
  std::atomic<int> ready{0};
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&] {
      const Operation operation{"work"};
      ++ready;
      while (ready.load() < threads) sched_yield();
      for (int n = 0; n < records; ++n) {
        operation.Record(nanoseconds{5});
        const Timer timer{operation};
      }
    });
  }
  for (std::thread& thread : running) thread.join();
}

class Opening : public ProbeTest {};

TEST_F(Opening, ManyProcessesAndThreadsAtOnce_LoseNothing) {
  constexpr int kProcesses = 40;
  constexpr int kThreads = 8;
  constexpr int kRecords = 50;
  std::vector<pid_t> workers;
  for (int i = 0; i < kProcesses; ++i) {
    workers.push_back(Start([] {
      RecordAtOnce(kThreads, kRecords);
      REQUIRE(LostSamples() == 0);
    }));
  }
  for (const pid_t worker : workers) EXPECT_EQ(Wait(worker), 0);
  const auto segments = Segments();
  ASSERT_EQ(segments.size(), size_t{kProcesses}) << Stderr();
  for (const auto& segment : segments) {
    EXPECT_EQ(segment->Totals("work").count, uint64_t{2 * kThreads * kRecords});
  }
}

TEST_F(Opening, SlowByAStalledMachine_TheOthersWait) {
  ASSERT_EQ(Run([] {
              before_link = [] { std::this_thread::sleep_for(seconds{4}); };
              RecordAtOnce(4, 10);
              REQUIRE(LostSamples() == 0);
            }),
            0);
  EXPECT_EQ(Segment()->Totals("work").count, 80u);
}

TEST_F(Opening, StuckForGood_TheOthersWaitOnceAndGoOn) {
  constexpr int kOthersRecords = 1000;
  ASSERT_EQ(Run([] {
              static std::atomic<bool> is_opening{false};
              static std::atomic<bool> may_go_on{false};
              before_link = [] {
                is_opening = true;
                while (!may_go_on) std::this_thread::sleep_for(std::chrono::milliseconds{1});
              };
              std::thread opener([] { Operation{"work"}.Record(nanoseconds{5}); });
              while (!is_opening) sched_yield();
              // Would each wait, the fixture's alarm would end this worker.
              for (int i = 0; i < kOthersRecords; ++i) Operation{"work"}.Record(nanoseconds{5});
              REQUIRE(LostSamples() == kOthersRecords);
              may_go_on = true;
              opener.join();
              Operation{"work"}.Record(nanoseconds{5});
            }),
            0);
  const auto segment = Segment();
  EXPECT_EQ(segment->Totals("work").count, 2u);
  EXPECT_EQ(segment->header().lost[static_cast<size_t>(proto::LossReason::kNoSegment)].load(),
            uint64_t{kOthersRecords});
}

}  // namespace
}  // namespace ringside::tests
