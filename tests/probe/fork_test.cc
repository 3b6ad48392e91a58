// A child counts in a segment of its own; nothing of its parent's is counted twice or touched.
#include <atomic>
#include <chrono>
#include <thread>

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringside/probe.h>

#include "tests/probe/probe_fixture.h"

namespace ringside::tests {
namespace {

using std::chrono::nanoseconds;

class Fork : public ProbeTest {
 protected:
  // Forks inside a worker; the child runs `work` and exits.
  template <typename Work>
  static void InChild(const Work& work) {
    const pid_t pid = fork();
    if (pid == 0) {
      work();
      _exit(0);
    }
    REQUIRE(Wait(pid) == 0);
  }
  uint64_t CountIn(pid_t pid, const std::string& path) const {
    const auto segment = SegmentOf(pid);
    return segment == nullptr ? 0 : segment->Totals(path).count;
  }
};

TEST_F(Fork, Child_HasASegmentOfItsOwn) {
  const pid_t parent = Start([] {
    const Operation operation{"work"};
    operation.Record(nanoseconds{1});
    InChild([&] {
      operation.Record(nanoseconds{10});
      operation.Record(nanoseconds{10});
    });
    operation.Record(nanoseconds{1});
  });
  ASSERT_EQ(Wait(parent), 0);
  ASSERT_EQ(Segments().size(), 2u);
  EXPECT_EQ(SegmentOf(parent)->Totals("work").sum, 2u);
  for (const auto& segment : Segments()) {
    if (segment->header().pid == static_cast<uint64_t>(parent)) continue;
    EXPECT_EQ(segment->Totals("work").sum, 20u);
  }
}

TEST_F(Fork, Child_ThatRecordsNothingHasNoSegment) {
  ASSERT_EQ(Run([] {
              Operation{"work"}.Record(nanoseconds{1});
              for (int i = 0; i < 20; ++i) InChild([] {});
            }),
            0);
  EXPECT_EQ(Segments().size(), 1u);
}

TEST_F(Fork, Timer_OpenAcrossTheForkCountsOnceInTheParent) {
  const pid_t parent = Start([] {
    const Operation operation{"work"};
    {
      const Timer outer{operation};
      const pid_t pid = fork();
      if (pid == 0) {
        { const Timer own{operation}; }
        return;  // ends `outer` in the child, through its destructor
      }
      REQUIRE(Wait(pid) == 0);
    }
  });
  ASSERT_EQ(Wait(parent), 0);
  EXPECT_EQ(CountIn(parent, "work"), 1u);
  ASSERT_EQ(Segments().size(), 2u);
  uint64_t all = 0;
  for (const auto& segment : Segments()) all += segment->Totals("work").count;
  EXPECT_EQ(all, 2u);
}

TEST_F(Fork, Request_OpenAcrossTheForkEndsInTheParent) {
  const pid_t parent = Start([] {
    Request request{"job"};
    request.Next("step");
    InChild([&] {
      request.Next("other");
      request.Set({"child", 1});
      request.End();
    });
    request.End();
  });
  ASSERT_EQ(Wait(parent), 0);
  ASSERT_EQ(Segments().size(), 1u);
  const auto requests = Segment()->Requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].steps.size(), 1u);
  EXPECT_TRUE(requests[0].attributes.empty());
}

TEST_F(Fork, Child_OfARawCloneHasASegmentOfItsOwn) {
  const pid_t parent = Start([] {
    const Operation operation{"work"};
    operation.Record(nanoseconds{1});
    // No pthread_atfork handler runs.
    const long pid = syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
    if (pid == 0) {
      operation.Record(nanoseconds{10});
      _exit(0);
    }
    REQUIRE(Wait(static_cast<pid_t>(pid)) == 0);
    operation.Record(nanoseconds{1});
  });
  ASSERT_EQ(Wait(parent), 0);
  // glibc's getpid is a system call: the child's header names the child.
  EXPECT_EQ(CountIn(parent, "work"), 2u);
  EXPECT_EQ(Segments().size(), 2u);
}

TEST_F(Fork, Vfork_ChildCountsAsItsParent) {
  const pid_t parent = Start([] {
    const Operation operation{"work"};
    operation.Record(nanoseconds{1});
    const pid_t pid = vfork();  // NOLINT(clang-analyzer-security.insecureAPI.vfork): the case
    if (pid == 0) _exit(0);
    REQUIRE(Wait(pid) == 0);
    operation.Record(nanoseconds{1});
  });
  ASSERT_EQ(Wait(parent), 0);
  EXPECT_EQ(CountIn(parent, "work"), 2u);
  EXPECT_EQ(Segments().size(), 1u);
}

TEST_F(Fork, Child_OfARawCloneLeavesOpenTimersToItsParent) {
  const pid_t parent = Start([] {
    const Operation operation{"work"};
    const Timer timer{operation};
    Request request{"job"};
    const long pid = syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
    if (pid == 0) return;  // ends both
    REQUIRE(Wait(static_cast<pid_t>(pid)) == 0);
    request.End();
  });
  ASSERT_EQ(Wait(parent), 0);
  const auto segment = Segment();
  EXPECT_EQ(segment->Totals("work").count, 1u);
  EXPECT_EQ(segment->Totals("job").count, 1u);
  EXPECT_EQ(segment->Totals("job", proto::Outcome::kAborted).count, 0u);
}

TEST_F(Fork, Vfork_ChildThatRecordsCountsInItsParent) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer makes a fork of it";
#endif
  for (const bool is_first : {false, true}) {
    const pid_t parent = Start([is_first] {
      static Operation operation{"work"};
      if (!is_first) operation.Record(nanoseconds{1});
      const pid_t pid = vfork();  // NOLINT(clang-analyzer-security.insecureAPI.vfork): the case
      if (pid == 0) {
        operation.Record(nanoseconds{1});
        _exit(0);
      }
      REQUIRE(Wait(pid) == 0);
      for (int i = is_first ? 0 : 1; i < 10; ++i) operation.Record(nanoseconds{1});
    });
    ASSERT_EQ(Wait(parent), 0);
  }
  ASSERT_EQ(Segments().size(), 2u);
  for (const auto& segment : Segments()) EXPECT_EQ(segment->Totals("work").count, 11u);
}

TEST_F(Fork, FromAThread_TimersOfAllThreadsEndInTheParent) {
  const pid_t parent = Start([] {
    const Operation operation{"work"};
    const Timer of_main{operation};
    std::thread([&] {
      pid_t pid = 0;
      {
        const Timer of_thread{operation};
        Request request{"job"};
        auto stage = request.Stage("step");
        pid = fork();
        if (pid == 0) {
          for (int i = 0; i < 5; ++i) operation.Record(nanoseconds{1});
        }
        stage.End();
        request.End();
      }
      if (pid == 0) _exit(0);
      REQUIRE(Wait(pid) == 0);
    }).join();
  });
  ASSERT_EQ(Wait(parent), 0);
  ASSERT_EQ(Segments().size(), 2u);
  for (const auto& segment : Segments()) {
    const bool is_parent = segment->header().pid == static_cast<uint64_t>(parent);
    EXPECT_EQ(segment->Totals("work").count, is_parent ? 2u : 5u);
    EXPECT_EQ(segment->Totals("job").count, is_parent ? 1u : 0u);
    EXPECT_EQ(segment->Totals("job/step").count, is_parent ? 1u : 0u);
  }
}

TEST_F(Fork, Storm_OfAHundredChildrenAtOnceCountsAll) {
  constexpr int kChildren = 100;
  const pid_t parent = Start([] {
    const Operation operation{"work"};
    operation.Record(nanoseconds{1});
    std::vector<pid_t> children;
    for (int i = 0; i < kChildren; ++i) {
      const pid_t pid = fork();
      if (pid != 0) {
        children.push_back(pid);
        operation.Record(nanoseconds{1});
        continue;
      }
      // Every fourth one forks again at once.
      const pid_t grandchild = i % 4 == 0 ? fork() : 1;
      for (int n = 0; n < 10; ++n) operation.Record(nanoseconds{1});
      if (grandchild > 1) REQUIRE(Wait(grandchild) == 0);
      _exit(0);
    }
    for (const pid_t child : children) REQUIRE(Wait(child) == 0);
  });
  ASSERT_EQ(Wait(parent), 0);
  EXPECT_EQ(CountIn(parent, "work"), 1u + kChildren);
  const auto segments = Segments();
  ASSERT_EQ(segments.size(), 1u + kChildren + kChildren / 4);
  uint64_t all = 0;
  for (const auto& segment : segments) all += segment->Totals("work").count;
  EXPECT_EQ(all, 1u + kChildren + 10u * (kChildren + kChildren / 4));
}

TEST_F(Fork, Prefork_WorkersThatAreReplacedEachHaveTheirOwn) {
  const pid_t parent = Start([] {
    const Operation operation{"work"};
    const Request preloaded{"never_ended"};
    operation.Record(nanoseconds{1});
    for (int generation = 0; generation < 5; ++generation) {
      pid_t workers[4];
      for (pid_t& worker : workers) {
        worker = fork();
        if (worker == 0) {
          std::thread([&] { operation.Record(nanoseconds{1}); }).join();
          operation.Record(nanoseconds{1});
          _exit(0);
        }
      }
      for (const pid_t worker : workers) REQUIRE(Wait(worker) == 0);
      operation.Record(nanoseconds{1});
    }
  });
  ASSERT_EQ(Wait(parent), 0);
  EXPECT_EQ(CountIn(parent, "work"), 6u);
  ASSERT_EQ(Segments().size(), 21u);
  for (const auto& segment : Segments()) {
    if (segment->header().pid == static_cast<uint64_t>(parent)) continue;
    EXPECT_EQ(segment->Totals("work").count, 2u);
    EXPECT_TRUE(segment->OpenRequests().empty());
  }
}

TEST_F(Fork, Threads_RecordingWhileOthersForkLoseNothing) {
  constexpr int kForks = 50;
  const pid_t parent = Start([] {
    const Operation operation{"work"};
    std::atomic<bool> is_done{false};
    std::atomic<uint64_t> recorded{0};
    std::thread recorder([&] {
      while (!is_done) {
        operation.Record(nanoseconds{1});
        // Registers series while the other thread forks.
        const std::string label = std::to_string(recorded % 300);
        operation.With(Labels{{"n", label}}).Record(nanoseconds{1});
        recorded += 2;
      }
    });
    for (int i = 0; i < kForks; ++i) InChild([&] { Operation{"child"}.Record(nanoseconds{1}); });
    is_done = true;
    recorder.join();
    Operation{"oracle"}.Record(nanoseconds{static_cast<int64_t>(recorded.load())});
  });
  ASSERT_EQ(Wait(parent), 0);
  const auto own = SegmentOf(parent);
  EXPECT_EQ(own->Totals("work").count, own->Totals("oracle").sum);
  EXPECT_EQ(own->Totals("child").count, 0u);
  uint64_t children = 0;
  for (const auto& segment : Segments()) children += segment->Totals("child").count;
  EXPECT_EQ(children, static_cast<uint64_t>(kForks));
}

TEST_F(Fork, Chain_OfForksKeepsOneMappingEach) {
  ASSERT_EQ(Run([] {
              const Operation operation{"work"};
              for (int depth = 0; depth < 30; ++depth) {
                operation.Record(nanoseconds{1});
                const pid_t pid = fork();
                if (pid != 0) _exit(Wait(pid));
              }
              // Neither an ancestor's file nor its address space is still held.
              FILE* maps = fopen("/proc/self/maps", "re");
              char line[512];
              int files = 0;
              while (fgets(line, sizeof line, maps) != nullptr) {
                if (strstr(line, "/dev/shm/") != nullptr) ++files;
              }
              fclose(maps);
              REQUIRE(files == 0);
              operation.Record(nanoseconds{1});
            }),
            0);
  EXPECT_EQ(Segments().size(), 31u);
}

TEST_F(Fork, Signal_ThatForksOutOfARecordHarmsNobody) {
  const pid_t parent = Start([] {
    static Operation operation{"work"};
    static std::atomic<int> forks{0};
    operation.Record(nanoseconds{1});
    struct sigaction action {};
    action.sa_handler = [](int) {
      if (forks >= 40) return;
      ++forks;
      const pid_t pid = fork();
      if (pid != 0) return;
      signal(SIGALRM, SIG_IGN);
      operation.Record(nanoseconds{1});
      forks = 1000;  // goes on with the record it was in, then sees this
    };
    sigaction(SIGALRM, &action, nullptr);
    ualarm(500, 500);
    uint64_t recorded = 1;
    while (forks < 40) {
      operation.Record(nanoseconds{1});
      ++recorded;
    }
    if (forks >= 1000) _exit(0);
    ualarm(0, 0);
    int status = 0;
    while (wait(&status) > 0) REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    Operation{"oracle"}.Record(nanoseconds{static_cast<int64_t>(recorded)});
  });
  ASSERT_EQ(Wait(parent), 0);
  const auto own = SegmentOf(parent);
  EXPECT_EQ(own->Totals("work").count, own->Totals("oracle").sum);
}

}  // namespace
}  // namespace ringside::tests
