// SIGKILL at random moments: what the segment holds is within one record per thread of an oracle
// that the worker keeps outside the system. 25 seeds, 1,000 with RINGSIDE_LONG set.
#include <chrono>
#include <random>
#include <thread>

#include <sys/mman.h>
#include <unistd.h>

#include <ringside/probe.h>

#include "tests/probe/probe_fixture.h"

namespace ringside::tests {
namespace {

constexpr int kThreads = 4;

// In memory shared with the test, which outlives the worker.
struct OracleRow {
  alignas(64) std::atomic<uint64_t> begun;
  std::atomic<uint64_t> ended;
  std::atomic<uint64_t> begun_sum;
  std::atomic<uint64_t> ended_sum;
};

class Kill : public ProbeTest, public ::testing::WithParamInterface<int> {
 protected:
  void SetUp() override {
    ProbeTest::SetUp();
    void* memory = mmap(nullptr, sizeof(OracleRow) * kThreads, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    rows_ = static_cast<OracleRow*>(memory);
  }
  void TearDown() override {
    munmap(rows_, sizeof(OracleRow) * kThreads);
    ProbeTest::TearDown();
  }

  // Durations over many octaves, under changing labels and outcomes; requests in between.
  static void Work(int seed, int thread, OracleRow* row) {
    std::mt19937_64 random(static_cast<uint64_t>(seed) * 100 + static_cast<uint64_t>(thread));
    const Operation operation{"work"};
    for (uint64_t i = 0;; ++i) {
      const uint64_t ns = (random() >> (random() % 40 + 20)) + 1;
      const std::string label = std::to_string(random() % 50);
      const Operation labelled = operation.With(Labels{{"n", label}});
      row->begun_sum.store(row->begun_sum + ns, std::memory_order_relaxed);
      row->begun.store(i + 1, std::memory_order_relaxed);
      labelled.Record(std::chrono::nanoseconds{static_cast<int64_t>(ns)});
      row->ended.store(i + 1, std::memory_order_relaxed);
      row->ended_sum.store(row->ended_sum + ns, std::memory_order_relaxed);
      if (i % 16 == 0) {
        Request request{"job", Attributes{{"i", i}}};
        request.Next("step");
        request.End();
      }
    }
  }

  OracleRow* rows_ = nullptr;
};

TEST_P(Kill, Record_IsWithinOneOfTheOracle) {
  const int seed = GetParam();
  const pid_t pid = Start([&] {
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([this, seed, t] { Work(seed, t, &rows_[t]); });
    }
    for (std::thread& thread : threads) thread.join();
  });
  // From the first instructions on to a few 10 ms later.
  std::mt19937 random(static_cast<unsigned>(seed));
  usleep(random() % 40'000 + 500);
  kill(pid, SIGKILL);
  ASSERT_EQ(Wait(pid), 128 + SIGKILL);

  uint64_t begun = 0;
  uint64_t ended = 0;
  uint64_t begun_sum = 0;
  uint64_t ended_sum = 0;
  for (int t = 0; t < kThreads; ++t) {
    begun += rows_[t].begun;
    ended += rows_[t].ended;
    begun_sum += rows_[t].begun_sum;
    ended_sum += rows_[t].ended_sum;
  }
  const auto segments = Segments();
  ASSERT_LE(segments.size(), 1u);
  if (segments.empty()) {  // killed before the segment was linked
    EXPECT_EQ(ended, 0u);
    return;
  }
  const SegmentView& segment = *segments.front();
  const SeriesTotals totals = segment.Totals("work");
  EXPECT_GE(totals.count, ended);
  EXPECT_LE(totals.count, begun);
  // A kill between a count and its sum leaves the sum behind by that one record.
  EXPECT_GE(totals.sum, ended_sum);
  EXPECT_LE(totals.sum, begun_sum);
  const uint64_t raw = segment.TimingWritten() + segment.TimingDropped();
  EXPECT_LE(raw, totals.count);
  EXPECT_GE(raw + kThreads, totals.count);
  // Every record that was published is whole.
  for (const SegmentRequest& request : segment.Requests()) {
    EXPECT_EQ(request.path, "job");
    EXPECT_EQ(request.steps.size(), 1u);
  }
  EXPECT_LE(segment.OpenRequests().size(), static_cast<size_t>(kThreads));
}

INSTANTIATE_TEST_SUITE_P(Seeds, Kill, ::testing::Range(1, IsLong() ? 1001 : 26));

}  // namespace
}  // namespace ringside::tests
