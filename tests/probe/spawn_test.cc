// Programs that a worker starts, in all the ways there are, and the worker's own last steps.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringside/probe.h>

#include "tests/probe/probe_fixture.h"

namespace ringside::tests {
namespace {

using std::chrono::nanoseconds;

class Spawn : public ProbeTest {
 protected:
  static constexpr const char* kWorker = RINGSIDE_C_WORKER;
  static constexpr const char* kLateWorker = RINGSIDE_LATE_WORKER;

  // One parent and `children` runs of the C worker, each with a segment of its own.
  void ExpectParentAnd(pid_t parent, size_t children) const {
    const auto segments = Segments();
    ASSERT_EQ(segments.size(), 1 + children) << Stderr();
    for (const auto& segment : segments) {
      const bool is_parent = segment->header().pid == static_cast<uint64_t>(parent);
      EXPECT_EQ(segment->Totals("work").count, is_parent ? 2u : 0u);
      EXPECT_EQ(segment->Find("calls").totals.sum, is_parent ? 0u : 1u);
    }
  }
  static std::vector<char*> Arguments(const char* program, const char* argument = nullptr) {
    return {const_cast<char*>(program), const_cast<char*>(argument), nullptr};
  }
};

TEST_F(Spawn, PosixSpawn_HasASegmentOfItsOwn) {
  const pid_t parent = Start([] {
    const Operation operation{"work"};
    operation.Record(nanoseconds{1});
    for (int i = 0; i < 3; ++i) {
      pid_t pid = 0;
      REQUIRE(posix_spawn(&pid, kWorker, nullptr, nullptr, Arguments(kWorker).data(), environ) ==
              0);
      REQUIRE(Wait(pid) == 0);
    }
    operation.Record(nanoseconds{1});
  });
  ASSERT_EQ(Wait(parent), 0);
  ExpectParentAnd(parent, 3);
}

TEST_F(Spawn, VforkAndExec_HasASegmentOfItsOwn) {
  const pid_t parent = Start([] {
    const Operation operation{"work"};
    operation.Record(nanoseconds{1});
    const auto arguments = Arguments(kWorker);
    const pid_t pid = vfork();  // NOLINT(clang-analyzer-security.insecureAPI.vfork): the case
    if (pid == 0) {
      execv(kWorker, arguments.data());
      _exit(127);
    }
    REQUIRE(Wait(pid) == 0);
    operation.Record(nanoseconds{1});
  });
  ASSERT_EQ(Wait(parent), 0);
  ExpectParentAnd(parent, 1);
}

TEST_F(Spawn, Exec_GoesOnInANewSegment) {
  const pid_t worker = Start([] {
    Operation{"work"}.Record(nanoseconds{1});
    execv(kWorker, Arguments(kWorker).data());
  });
  ASSERT_EQ(Wait(worker), 0);
  const auto segments = Segments();
  ASSERT_EQ(segments.size(), 2u);
  uint64_t work = 0;
  uint64_t calls = 0;
  for (const auto& segment : segments) {
    EXPECT_EQ(segment->header().pid, static_cast<uint64_t>(worker));
    work += segment->Totals("work").count;
    calls += segment->Find("calls").totals.sum;
  }
  EXPECT_EQ(work, 1u);
  EXPECT_EQ(calls, 1u);
}

TEST_F(Spawn, Descriptors_AreNotInherited) {
  ASSERT_EQ(Run([] {
              Operation{"work"}.Record(nanoseconds{1});
              int of_probe = 0;
              for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
                char target[1024] = {};
                if (readlink(entry.path().c_str(), target, sizeof target - 1) < 0) continue;
                if (std::string{target}.find("/segments") == std::string::npos) continue;
                ++of_probe;
                const int fd = std::stoi(entry.path().filename());
                REQUIRE((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
                REQUIRE(fd > 64);  // out of the way of programs that count from 3
              }
              REQUIRE(of_probe == 1);
            }),
            0);
}

// ---- daemons ------------------------------------------------------------------------------------

// Forks twice, leaves its session, closes every descriptor.
void Daemonize(const std::function<void()>& work) {
  const pid_t first = fork();
  if (first != 0) {
    int status = 0;
    REQUIRE(waitpid(first, &status, 0) == first && status == 0);
    return;
  }
  setsid();
  if (fork() != 0) _exit(0);
  for (int fd = 0; fd < 1024; ++fd) close(fd);
  work();
  _exit(0);
}

TEST_F(Spawn, Daemon_ThatClosesEverythingRecordsOn) {
  const std::string done = directory() + "/done";
  const pid_t parent = Start([&] {
    const Operation operation{"work"};
    operation.Record(nanoseconds{1});
    Daemonize([&] {
      // Its files get the numbers that ours had.
      int mine[100];
      for (int& fd : mine) fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
      for (int i = 0; i < 300; ++i) {
        const std::string label = std::to_string(i);
        operation.With(Labels{{"n", label}}).Record(nanoseconds{int64_t{1} << (i % 40)});
      }
      for (const int fd : mine) {
        if (fcntl(fd, F_GETFD) < 0) _exit(1);
      }
      close(open(done.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    });
    while (!std::filesystem::exists(done)) usleep(1000);
    operation.Record(nanoseconds{1});
  });
  ASSERT_EQ(Wait(parent), 0);
  ASSERT_EQ(Segments().size(), 2u);
  for (const auto& segment : Segments()) {
    const bool is_parent = segment->header().pid == static_cast<uint64_t>(parent);
    EXPECT_EQ(segment->Totals("work").count, is_parent ? 2u : 300u);
  }
}

TEST_F(Spawn, Closefrom_InPlaceDoesNotStopGrowth) {
  ASSERT_EQ(Run([] {
              const Operation operation{"work"};
              operation.Record(nanoseconds{1});
              for (int fd = 3; fd < 1024; ++fd) close(fd);
              std::thread([&] {
                for (int i = 0; i < 300; ++i) {
                  const std::string label = std::to_string(i);
                  operation.With(Labels{{"n", label}}).Record(nanoseconds{int64_t{1} << (i % 40)});
                }
              }).join();
              Request request{"job"};
              request.Next("step");
              request.End();
            }),
            0);
  EXPECT_EQ(Segment()->Totals("work").count, 301u);
  EXPECT_EQ(Segment()->Requests().size(), 1u);
}

// ---- before and after main ----------------------------------------------------------------------

TEST_F(Spawn, BeforeAndAfterMain_AllIsCounted) {
  ASSERT_EQ(Run([] { execv(kLateWorker, Arguments(kLateWorker).data()); }), 0) << Stderr();
  const auto segment = Segment();
  EXPECT_EQ(segment->Totals("work").count, 1u);
  EXPECT_EQ(segment->Find("constructor").totals.sum, 2u);
  EXPECT_EQ(segment->Find("destructor").totals.sum, 2u);
  EXPECT_EQ(segment->Totals("first").count, 2u);
  EXPECT_EQ(segment->Totals("of_thread").count, 2u);
  EXPECT_EQ(segment->Totals("late_request").count, 2u);
  EXPECT_EQ(segment->Find("atexit").totals.sum, 1u);
  EXPECT_EQ(segment->Find("last_destructor").totals.sum, 1u);
}

TEST_F(Spawn, MainThreadThatEndsFirst_HarmsNobody) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer does not know that the main thread can be joined";
#endif
  ASSERT_EQ(Run([] { execv(kLateWorker, Arguments(kLateWorker, "leave-main").data()); }), 0)
      << Stderr();
  const auto segment = Segment();
  EXPECT_EQ(segment->Totals("work").count, 2u);
  // The C library ends the main thread without its thread_local destructors.
  EXPECT_EQ(segment->Totals("first").count, 2u);
  EXPECT_EQ(segment->Find("last_destructor").totals.sum, 1u);
}

}  // namespace
}  // namespace ringside::tests
