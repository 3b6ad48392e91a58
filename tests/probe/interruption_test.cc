// In the middle of a record, of growth, of the opening of the segment: a signal whose handler
// records, forks or never returns; a fork by another thread; a cancellation.
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <ringside/probe.h>

#include "tests/probe/probe_fixture.h"

namespace {
// Run once by whoever gets there next: where a segment gets its name, and where pages are asked
// for.
std::function<void()> in_opening;  // NOLINT(cert-err58-cpp): empty, cannot throw
std::function<void()> in_growth;   // NOLINT(cert-err58-cpp): empty, cannot throw

void RunOnce(std::function<void()>* action) {
  if (!*action) return;
  const std::function<void()> once = std::move(*action);
  *action = nullptr;
  once();
}
}  // namespace

// In place of libc's.
int linkat(int from, const char* source, int to, const char* target, int flags) noexcept {
  RunOnce(&in_opening);
  return static_cast<int>(syscall(SYS_linkat, from, source, to, target, flags));
}
int madvise(void* address, size_t bytes, int advice) noexcept {
  RunOnce(&in_growth);
  return static_cast<int>(syscall(SYS_madvise, address, bytes, advice));
}

namespace ringside::tests {
namespace {

using std::chrono::nanoseconds;

std::function<void()> in_handler;  // NOLINT(cert-err58-cpp): empty, cannot throw

class Interruption : public ProbeTest {
 protected:
  // What raise(SIGUSR1) does from now on.
  static void Handle(std::function<void()> action) {
    in_handler = std::move(action);
    struct sigaction handler {};
    handler.sa_handler = [](int) { in_handler(); };
    handler.sa_flags = SA_NODEFER;
    sigaction(SIGUSR1, &handler, nullptr);
  }
  // A thread that sleeps inside `place` until the worker ends.
  static void StickInside(std::function<void()>* place, const Operation& operation) {
    std::atomic<bool> is_inside{false};
    *place = [&] {
      is_inside = true;
      pause();
    };
    std::thread([operation] { operation.Record(nanoseconds{1}); }).detach();
    while (!is_inside) sched_yield();
  }
};

TEST_F(Interruption, Signal_StormCountsEveryRecord) {
  const pid_t pid = Start([] {
    static Operation operation{"work"};
    static std::atomic<uint64_t> handled{0};
    operation.Record(nanoseconds{1});
    struct sigaction action {};
    action.sa_handler = [](int) {
      operation.Record(nanoseconds{1});
      Request{"job"}.End();
      handled.fetch_add(1, std::memory_order_relaxed);
    };
    sigaction(SIGVTALRM, &action, nullptr);
    timer_t timer{};
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGVTALRM;
    REQUIRE(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    const itimerspec every{{0, 20'000}, {0, 20'000}};
    timer_settime(timer, 0, &every, nullptr);
    uint64_t recorded = 1;
    while (handled < 5000) {
      operation.Record(nanoseconds{1});
      ++recorded;
    }
    const itimerspec never{};
    timer_settime(timer, 0, &never, nullptr);
    Operation{"oracle"}.Record(nanoseconds{static_cast<int64_t>(recorded + handled)});
    Operation{"handled"}.Record(nanoseconds{static_cast<int64_t>(handled.load())});
  });
  ASSERT_EQ(Wait(pid), 0);
  const auto segment = Segment();
  EXPECT_EQ(segment->Totals("work").count, segment->Totals("oracle").sum);
  EXPECT_EQ(segment->Totals("job").count, segment->Totals("handled").sum);
}

TEST_F(Interruption, Signal_InsideGrowthIsCountedInTheSharedLane) {
  ASSERT_EQ(Run([] {
              const Operation operation{"work"};
              operation.Record(nanoseconds{1});
              Handle([&] {
                operation.Record(nanoseconds{1});
                operation.Record(nanoseconds{1} * 1024);  // a page of its own
                Operation{"new"}.Record(nanoseconds{1});
                Value{"value"}.Record(2.5);
                Counter{"counter"}.Add(7);
                Gauge{"gauge"}.Set(3);
                Request request{"job"};
                request.Next("step");
                request.End();
              });
              for (int i = 0; i < 30; ++i) {
                in_growth = [] { raise(SIGUSR1); };
                const std::string path = "grow" + std::to_string(i);
                Operation{path}.Record(nanoseconds{1});
                REQUIRE(in_growth == nullptr);  // there was growth
              }
            }),
            0);
  const auto segment = Segment();
  EXPECT_EQ(segment->Totals("work").count, 61u);
  EXPECT_EQ(segment->Totals("work").sum, 1 + 30u * 1025);
  EXPECT_EQ(segment->Totals("new").count, 30u);
  EXPECT_EQ(segment->Find("value").totals.count, 30u);
  EXPECT_EQ(segment->Find("counter").totals.sum, 210u);
  EXPECT_EQ(segment->Find("gauge").totals.count, 30u);
  EXPECT_EQ(segment->Totals("job").count, 30u);
  EXPECT_EQ(segment->Totals("job/step").count, 30u);
  for (int i = 0; i < 30; ++i) EXPECT_EQ(segment->Totals("grow" + std::to_string(i)).count, 1u);
  EXPECT_EQ(segment->lane(0).timing_dropped.load(), 30u * 5);
}

TEST_F(Interruption, Signal_InsideTheOpeningIsCountedAsLost) {
  ASSERT_EQ(Run([] {
              const Operation operation{"work"};
              Handle([&] {
                for (int i = 0; i < 10; ++i) operation.Record(nanoseconds{1});
                Request{"job"}.End();
              });
              in_opening = [] { raise(SIGUSR1); };
              operation.Record(nanoseconds{1});
              REQUIRE(in_opening == nullptr);
              REQUIRE(Health().lost_no_segment == 11);
            }),
            0);
  EXPECT_EQ(Segment()->Totals("work").count, 1u);
  EXPECT_EQ(Segment()->Totals("job").count, 0u);
}

TEST_F(Interruption, Jump_OutOfARecordStillCountsWhatFollows) {
  ASSERT_EQ(Run([] {
              const Operation operation{"work"};
              operation.Record(nanoseconds{1});
              static sigjmp_buf out;
              Handle([] { siglongjmp(out, 1); });
              if (sigsetjmp(out, 1) == 0) {
                in_growth = [] { raise(SIGUSR1); };
                Operation{"other"}.Record(nanoseconds{1});
                REQUIRE(false);
              }
              for (int i = 0; i < 100; ++i) operation.Record(nanoseconds{1});
              // Also in the next segment, when the agent gives this one up.
              const std::string path = OwnPath();
              SegmentView::Open(path)->mutable_header()->control.fetch_or(proto::kControlRetired);
              for (int i = 0; i < 10; ++i) operation.Record(nanoseconds{1});
              REQUIRE(OwnPath() != path);
            }),
            0);
  uint64_t work = 0;
  const auto segments = Segments();
  ASSERT_EQ(segments.size(), 2u);
  for (const auto& segment : segments) {
    const bool is_retired = (segment->header().control & proto::kControlRetired) != 0;
    EXPECT_EQ(segment->Totals("work").count, is_retired ? 101u : 10u);
    work += segment->Totals("work").count;
  }
  EXPECT_EQ(work, 111u);
}

TEST_F(Interruption, Fork_WhileAnotherThreadOpensTheSegment) {
  const pid_t parent = Start([] {
    const Operation operation{"work"};
    StickInside(&in_opening, operation);
    const pid_t pid = fork();
    if (pid == 0) {
      for (int i = 0; i < 10; ++i) operation.Record(nanoseconds{1});
      REQUIRE(Health().lost_no_segment == 0);
      return;
    }
    REQUIRE(Wait(pid) == 0);
  });
  ASSERT_EQ(Wait(parent), 0);
  const auto segment = Segment();  // the child's: the parent's never got a name
  EXPECT_NE(segment->header().pid, static_cast<uint64_t>(parent));
  EXPECT_EQ(segment->Totals("work").count, 10u);
}

TEST_F(Interruption, Fork_WhileAnotherThreadRegistersASeries) {
  const pid_t parent = Start([] {
    const Operation operation{"work"};
    operation.Record(nanoseconds{1});
    const Operation other{"other"};
    StickInside(&in_growth, other);
    const pid_t pid = fork();
    if (pid == 0) {
      for (int i = 0; i < 10; ++i) operation.Record(nanoseconds{1});
      for (int i = 0; i < 10; ++i) other.Record(nanoseconds{1});
      return;
    }
    REQUIRE(Wait(pid) == 0);
    // The thread that stands still inside its record makes nobody wait.
    for (int i = 0; i < 10; ++i) other.Record(nanoseconds{1});
  });
  ASSERT_EQ(Wait(parent), 0);
  ASSERT_EQ(Segments().size(), 2u);
  const auto own = SegmentOf(parent);
  EXPECT_EQ(own->Totals("work").count, 1u);
  EXPECT_EQ(own->Totals("other").count, 10u);
  for (const auto& segment : Segments()) {
    if (segment->path() == own->path()) continue;
    EXPECT_EQ(segment->Totals("work").count, 10u);
    EXPECT_EQ(segment->Totals("other").count, 10u);
  }
}

TEST_F(Interruption, Cancellation_WaitsUntilTheSegmentIsOpen) {
  ASSERT_EQ(Run([] {
              static const Operation operation{"work"};
              std::atomic<bool> has_recorded{false};
              pthread_t thread{};
              pthread_create(
                  &thread, nullptr,
                  [](void* argument) -> void* {
                    pthread_cancel(pthread_self());  // due at the next cancellation point
                    operation.Record(nanoseconds{1});
                    *static_cast<std::atomic<bool>*>(argument) = true;
                    pthread_testcancel();
                    return nullptr;
                  },
                  &has_recorded);
              void* result = nullptr;
              pthread_join(thread, &result);
              REQUIRE(result == PTHREAD_CANCELED);
              REQUIRE(has_recorded);
              operation.Record(nanoseconds{1});
            }),
            0);
  EXPECT_EQ(Segment()->Totals("work").count, 2u);
}

}  // namespace
}  // namespace ringside::tests
