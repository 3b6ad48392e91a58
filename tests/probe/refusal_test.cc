// Where there can be no segment, or not all of one: every sample is counted as lost or recorded, at
// most one line is said, and the worker goes on.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringside/probe.h>

#include "tests/probe/probe_fixture.h"

namespace ringside::tests {
namespace {

using std::chrono::nanoseconds;

class Refusal : public ProbeTest {
 protected:
  static constexpr int kNobody = 65534;

  static void Limit(__rlimit_resource resource, uint64_t most) {
    const rlimit limit{most, most};
    REQUIRE(setrlimit(resource, &limit) == 0);
  }
  // What a worker does that cannot have a segment: it lives on and counts its losses.
  static void RecordInVain() {
    const Operation operation{"work"};
    errno = 7;
    for (int i = 0; i < 1000; ++i) operation.Record(nanoseconds{1});
    { const Timer timer{operation}; }
    Request request{"job"};
    request.Next("step");
    request.Next("another");
    { const auto stage = request.Stage("within"); }
    request.End();
    REQUIRE(errno == 7);
    // Each of them is a sample: the timer, the request and its three stages.
    REQUIRE(Health().lost_no_segment == 1000 + 1 + 4);
    REQUIRE(strlen(ringside_last_error()) > 0);
  }
  void ExpectRefusal(
      const std::string& said, const std::function<void()>& prepare = [] {}) {
    ASSERT_EQ(Run([&] {
                prepare();
                RecordInVain();
              }),
              0);
    EXPECT_NE(Stderr().find(said), std::string::npos) << Stderr();
    EXPECT_EQ(Stderr().find("ringside:"), Stderr().rfind("ringside:"));
    EXPECT_EQ(Stderr().find('\n'), Stderr().size() - 1) << "more than one line";
    EXPECT_TRUE(!std::filesystem::exists(directory()) || Segments().empty());
  }
};

TEST_F(Refusal, Directory_NotOnTmpfsIsRefused) {
  char name[] = "/var/tmp/ringside-test-XXXXXX";
  ASSERT_NE(mkdtemp(name), nullptr);
  Environment("RINGSIDE_DIR", name);
  ExpectRefusal("is not on a tmpfs: set RINGSIDE_DIR");
  std::filesystem::remove_all(name);
}

TEST_F(Refusal, Directory_WithoutAParentIsRefused) {
  Environment("RINGSIDE_DIR", directory() + "/no/such");
  ExpectRefusal("its parent does not exist");
}

TEST_F(Refusal, Directory_IsMadeWhenItsParentExists) {
  Environment("RINGSIDE_DIR", directory() + "/new");
  ASSERT_EQ(Run([] { Operation{"work"}.Record(nanoseconds{1}); }), 0);
  EXPECT_EQ(SegmentView::OpenAll(directory() + "/new").size(), 1u);
}

TEST_F(Refusal, Directory_ThatOthersCanChangeIsRefused) {
  chmod(directory().c_str(), 0777);
  ExpectRefusal("can be changed by others (mode 777)");
}

TEST_F(Refusal, Directory_BehindASymlinkIsRefused) {
  std::filesystem::create_symlink(directory(), directory() + "/../link");
  Environment("RINGSIDE_DIR", directory() + "/../link");
  ExpectRefusal("not a directory");
}

TEST_F(Refusal, Directory_OfAnotherUserIsRefused) {
  if (geteuid() == 0) {
    ASSERT_EQ(chown(directory().c_str(), kNobody, kNobody), 0);
    ExpectRefusal("belongs to user 65534");
    return;
  }
  // In a user namespace that maps only oneself, root is somebody else.
  struct stat info {};
  const bool is_foreign = stat("/dev/shm", &info) == 0 && info.st_uid == 0 && geteuid() != kNobody;
  if (!is_foreign) GTEST_SKIP() << "no tmpfs that is somebody else's";
  Environment("RINGSIDE_DIR", "/dev/shm");
  const std::string user = std::to_string(geteuid());
  const int status = Run([] { _exit(unshare(CLONE_NEWUSER) == 0 ? 0 : 1); });
  if (status != 0) GTEST_SKIP() << "no user namespaces here";
  ExpectRefusal("belongs to user", [&] {
    REQUIRE(unshare(CLONE_NEWUSER) == 0);
    const int fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
    const std::string map = user + " " + user + " 1";
    REQUIRE(write(fd, map.data(), map.size()) == static_cast<ssize_t>(map.size()));
  });
}

TEST_F(Refusal, Directory_ThatMayNotBeEnteredIsRefused) {
  const std::string closed = directory() + "/closed";
  ASSERT_EQ(mkdir(closed.c_str(), 0), 0);
  Environment("RINGSIDE_DIR", closed);
  ExpectRefusal("permission denied", [] {
    if (geteuid() == 0) REQUIRE(setresuid(kNobody, kNobody, kNobody) == 0);
  });
  rmdir(closed.c_str());
}

TEST_F(Refusal, Quota_OfSegmentsIsKept) {
  Environment("RINGSIDE_MAX_SEGMENTS", "3");
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(Run([] { Operation{"work"}.Record(nanoseconds{1}); }), 0);
  }
  EXPECT_EQ(Segments().size(), 3u);
  EXPECT_NE(Stderr().find("holds 3 segments already"), std::string::npos);
}

TEST_F(Refusal, Limit_OfFileSizeMakesASmallerSegment) {
  ASSERT_EQ(Run([] {
              Limit(RLIMIT_FSIZE, 16 << 20);
              Operation{"work"}.Record(nanoseconds{1});
            }),
            0);
  EXPECT_EQ(Segment()->Totals("work").count, 1u);
  EXPECT_LE(Segment()->header().geometry.segment_bytes, 16u << 20);
}

TEST_F(Refusal, Limit_OfFileSizeTooLowIsRefused) {
  ExpectRefusal("RLIMIT_FSIZE", [] { Limit(RLIMIT_FSIZE, 64 << 10); });
}

TEST_F(Refusal, Limit_OfAddressSpaceMakesASmallerSegment) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers reserve more address space than this";
#endif
  ASSERT_EQ(Run([] {
              Limit(RLIMIT_AS, uint64_t{80} << 20);
              Operation{"work"}.Record(nanoseconds{1});
            }),
            0);
  EXPECT_EQ(Segment()->Totals("work").count, 1u);
}

TEST_F(Refusal, Limit_OfAddressSpaceUsedUpIsRefused) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer needs address space of its own";
#endif
  ExpectRefusal("no memory for a segment", [] { Limit(RLIMIT_AS, 1); });
}

TEST_F(Refusal, Limit_OfDescriptorsIsRefused) {
  ExpectRefusal("ringside: not recording", [] { Limit(RLIMIT_NOFILE, 3); });
}

TEST_F(Refusal, Limit_OfDescriptorsAllInUse) {
  ExpectRefusal("too many open files", [] {
    Limit(RLIMIT_NOFILE, 64);
    while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0) {
    }
  });
}

TEST_F(Refusal, Limits_ReachedLaterHarmNobody) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer needs address space of its own";
#endif
  constexpr int kThreads = 8;
  ASSERT_EQ(Run([] {
              const Operation operation{"work"};
              operation.Record(nanoseconds{1});
              std::atomic<bool> may_go_on{false};
              std::vector<std::thread> threads;
              threads.reserve(kThreads);
              for (int t = 0; t < kThreads; ++t) {
                threads.emplace_back([&] {
                  while (!may_go_on) sched_yield();
                  // New series, and pages for new octaves; from threads without a lane.
                  for (int i = 0; i < 40; ++i) {
                    const char label[] = {static_cast<char>('a' + i % 8), '\0'};
                    operation.With(Labels{{"n", label}}).Record(nanoseconds{int64_t{1} << i});
                  }
                });
              }
              Limit(RLIMIT_AS, 1);
              Limit(RLIMIT_FSIZE, 0);
              Limit(RLIMIT_NOFILE, 3);
              may_go_on = true;
              for (std::thread& thread : threads) thread.join();
              REQUIRE(Health().lost_no_segment == 0);
            }),
            0);
  EXPECT_EQ(Segment()->Totals("work").count, 1u + kThreads * 40u);
  EXPECT_EQ(Segment()->Totals("work").sum, 1u + kThreads * ((uint64_t{1} << 40) - 1));
  EXPECT_EQ(Stderr(), "");
}

// ---- the one line -------------------------------------------------------------------------------

TEST_F(Refusal, Quiet_SaysNothing) {
  Environment("RINGSIDE_QUIET", "1");
  ASSERT_EQ(Run([] {
              Limit(RLIMIT_FSIZE, 64 << 10);
              RecordInVain();
            }),
            0);
  Environment("RINGSIDE_DIR", directory() + "/no/such");
  ASSERT_EQ(Run(RecordInVain), 0);
  Environment("RINGSIDE_DIR", "/proc");
  ASSERT_EQ(Run(RecordInVain), 0);
  EXPECT_EQ(Stderr(), "");
}

TEST_F(Refusal, Stderr_ABrokenPipeIsNoSignal) {
  Environment("RINGSIDE_DIR", directory() + "/no/such");
  ASSERT_EQ(Run([] {
              int ends[2];
              REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
              dup2(ends[1], STDERR_FILENO);
              close(ends[0]);
              RecordInVain();
              sigset_t pending;
              sigpending(&pending);
              REQUIRE(sigismember(&pending, SIGPIPE) == 0);
            }),
            0);
}

TEST_F(Refusal, Stderr_AFullPipeDoesNotBlock) {
  Environment("RINGSIDE_DIR", directory() + "/no/such");
  ASSERT_EQ(Run([] {
              int ends[2];
              REQUIRE(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
              char block[4096] = {};
              while (write(ends[1], block, sizeof block) > 0) {
              }
              fcntl(ends[1], F_SETFL, 0);
              dup2(ends[1], STDERR_FILENO);
              alarm(20);
              RecordInVain();
            }),
            0);
}

TEST_F(Refusal, Stderr_AFileAtItsLimitIsNoSignal) {
  ASSERT_EQ(Run([] {
              Limit(RLIMIT_FSIZE, 0);
              RecordInVain();
            }),
            0);
  EXPECT_EQ(Stderr(), "");
}

TEST_F(Refusal, Stderr_MayBeClosed) {
  Environment("RINGSIDE_DIR", directory() + "/no/such");
  ASSERT_EQ(Run([] {
              close(STDERR_FILENO);
              RecordInVain();
            }),
            0);
}

TEST_F(Refusal, Ends_WhenItsCauseDoes) {
  const std::string path = directory();
  chmod(path.c_str(), 0777);
  ASSERT_EQ(Run([&] {
              RecordInVain();
              chmod(path.c_str(), 0700);
              char own[1024];
              while (ringside_segment_path(own, sizeof own) == 0) usleep(10'000);
              Operation{"work"}.Record(nanoseconds{1});
              REQUIRE(strlen(ringside_last_error()) == 0);
            }),
            0);
  EXPECT_EQ(Segment()->Totals("work").count, 1u);
  // What was lost before is told in the segment.
  EXPECT_EQ(Segment()->header().lost[static_cast<size_t>(proto::LossReason::kNoSegment)].load(),
            1005u);
}

}  // namespace
}  // namespace ringside::tests
