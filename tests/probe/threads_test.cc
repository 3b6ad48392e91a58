// Threads come and go, one by one and in storms: lanes are reused, counters go on, and whatever a
// thread records on its way out counts.
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sched.h>

#include <ringside/probe.h>

#include "tests/probe/probe_fixture.h"

namespace ringside::tests {
namespace {

using std::chrono::nanoseconds;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kStorm = 2'000;
#else
constexpr int kStorm = 20'000;
#endif

class Threads : public ProbeTest {
 protected:
  static void* Work(void* operation) {
    static_cast<const Operation*>(operation)->Record(nanoseconds{3});
    return nullptr;
  }
  static pthread_t StartThread(void* (*work)(void*), const void* argument) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 << 10);
    pthread_t thread{};
    REQUIRE(pthread_create(&thread, &attributes, work, const_cast<void*>(argument)) == 0);
    pthread_attr_destroy(&attributes);
    return thread;
  }
};

TEST_F(Threads, Storm_ReusesLanesAndCountersGoOn) {
  constexpr int kAtOnce = 16;
  const int threads = IsLong() ? 100'000 : kStorm;
  ASSERT_EQ(Run([threads] {
              const Operation operation{"work"};
              std::vector<pthread_t> running;
              for (int i = 0; i < threads; ++i) {
                running.push_back(StartThread(Work, &operation));
                if (running.size() < kAtOnce) continue;
                for (const pthread_t thread : running) pthread_join(thread, nullptr);
                running.clear();
              }
              for (const pthread_t thread : running) pthread_join(thread, nullptr);
            }),
            0);
  const auto segment = Segment();
  EXPECT_EQ(segment->Totals("work").count, static_cast<uint64_t>(threads));
  EXPECT_EQ(segment->Totals("work").sum, 3u * static_cast<uint64_t>(threads));
  EXPECT_LE(segment->lanes_used(), 1u + kAtOnce);
  EXPECT_EQ(segment->lane(0).timing_dropped.load(), 0u);  // none went to the shared lane
  EXPECT_LT(segment->ResidentBytes(), 8u << 20);
}

TEST_F(Threads, Storm_OfMoreThanTheLanesStillCountsAll) {
  constexpr int kAtOnce = 200;
  constexpr int kRounds = 5;
  Environment("RINGSIDE_LANES", "8");
  ASSERT_EQ(Run([] {
              const Operation operation{"work"};
              for (int round = 0; round < kRounds; ++round) {
                static std::atomic<int> started;
                started = 0;
                std::vector<pthread_t> running;
                running.reserve(kAtOnce);
                for (int i = 0; i < kAtOnce; ++i) {
                  running.push_back(StartThread(
                      [](void* argument) -> void* {
                        Work(argument);
                        ++started;
                        while (started < kAtOnce) sched_yield();
                        return Work(argument);
                      },
                      &operation));
                }
                for (const pthread_t thread : running) pthread_join(thread, nullptr);
              }
            }),
            0);
  const auto segment = Segment();
  EXPECT_EQ(segment->Totals("work").count, 2u * kAtOnce * kRounds);
  EXPECT_EQ(segment->lanes_used(), 8u);
  EXPECT_GT(segment->lane(0).timing_dropped.load(), 0u);
}

TEST_F(Threads, LaneThatGetsFree_IsTakenByAThreadThatHadNone) {
  Environment("RINGSIDE_LANES", "2");
  ASSERT_EQ(Run([] {
              const Operation operation{"work"};
              std::atomic<int> step{0};
              std::thread first([&] {
                operation.Record(nanoseconds{1});
                step = 1;
                while (step < 2) sched_yield();
              });
              while (step < 1) sched_yield();
              for (int i = 0; i < 10; ++i) operation.Record(nanoseconds{1});
              step = 2;
              first.join();
              for (int i = 0; i < 100; ++i) operation.Record(nanoseconds{1});
            }),
            0);
  const auto segment = Segment();
  EXPECT_EQ(segment->Totals("work").count, 111u);
  EXPECT_EQ(segment->lane(0).timing_dropped.load(), 10u);
  EXPECT_EQ(segment->TimingWritten(), 101u);
}

// ---- the end of a thread ------------------------------------------------------------------------

TEST_F(Threads, Exit_ThreadLocalsOfAnyOrderStillCount) {
  ASSERT_EQ(Run([] {
              static const Operation operation{"work"};
              struct Late {
                Timer timer{operation};
                ~Late() { operation.Record(nanoseconds{1}); }  // before the timer's own end
              };
              // Made before the probe knows the thread, and after: both end after its last record.
              std::thread([] {
                static thread_local const Late late;
                (void)&late;
                operation.Record(nanoseconds{1});
              }).join();
              std::thread([] {
                operation.Record(nanoseconds{1});
                static thread_local const Late late;
                (void)&late;
              }).join();
            }),
            0);
  const auto segment = Segment();
  EXPECT_EQ(segment->Totals("work").count, 6u);
  EXPECT_EQ(segment->lane(0).timing_dropped.load(), 0u);
  EXPECT_EQ(segment->lane(1).state.load(), proto::LaneState::kFree);
  EXPECT_EQ(segment->lane(1).in_flight.load(), 0u);
}

TEST_F(Threads, Exit_WithATimerOpenFreesTheLane) {
  ASSERT_EQ(Run([] {
              const Operation operation{"work"};
              for (int i = 0; i < 20; ++i) {
                std::thread([&] {
                  ringside_timer timer;
                  ringside_timer_start(&timer, operation.handle());
                }).join();
              }
              operation.Record(nanoseconds{1});
            }),
            0);
  const auto segment = Segment();
  EXPECT_EQ(segment->Totals("work").count, 1u);
  EXPECT_LE(segment->lanes_used(), 2u);
  EXPECT_EQ(segment->lane(1).in_flight.load(), 0u);
}

TEST_F(Threads, Timer_MayEndOnAnotherThread) {
  ASSERT_EQ(Run([] {
              const Operation operation{"work"};
              ringside_timer timer;
              std::thread([&] { ringside_timer_start(&timer, operation.handle()); }).join();
              ringside_timer_end(&timer);
              ringside_timer_end(&timer);  // does nothing
            }),
            0);
  EXPECT_EQ(Segment()->Totals("work").count, 1u);
}

// A thread that is gone in the middle of a record, wherever that is.
TEST_F(Threads, Exit_InsideARecordLosesAtMostThatOne) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer cannot be cancelled asynchronously";
#endif
  constexpr int kThreads = 150;
  ASSERT_EQ(Run([] {
              static const Operation operation{"work"};
              static std::atomic<uint64_t> begun{0};
              static std::atomic<uint64_t> ended{0};
              operation.Record(nanoseconds{1});
              const auto work = [](void*) -> void* {
                operation.Record(nanoseconds{1});
                pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, nullptr);
                for (;;) {
                  begun.fetch_add(1);
                  ringside_operation_record(operation.handle(), 1, RINGSIDE_OK, {nullptr, 0});
                  ended.fetch_add(1);
                }
              };
              for (int i = 0; i < kThreads; ++i) {
                const uint64_t before = ended;
                const pthread_t thread = StartThread(work, nullptr);
                while (ended < before + 100 + static_cast<uint64_t>(i)) sched_yield();
                pthread_cancel(thread);
                void* result = nullptr;
                pthread_join(thread, &result);
                REQUIRE(result == PTHREAD_CANCELED);
              }
              const auto totals = SegmentView::Open(OwnPath())->Totals("work");
              REQUIRE(totals.count >= ended + 1 + kThreads);
              REQUIRE(totals.count <= begun + 1 + kThreads);
            }),
            0);
  const auto segment = Segment();
  EXPECT_LE(segment->lanes_used(), 3u);
  EXPECT_EQ(segment->lane(2).state.load(), proto::LaneState::kFree);
}

}  // namespace
}  // namespace ringside::tests
