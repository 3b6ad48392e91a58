// A segment's life, and what happens where there can be none: always counted, never a harm.
#include <chrono>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringside/probe.h>

#include "tests/probe/probe_fixture.h"

namespace ringside::tests {
namespace {

using std::chrono::nanoseconds;

std::string OwnPath() {
  char path[1024];
  REQUIRE(ringside_segment_path(path, sizeof path) > 0);
  return path;
}

ringside_health Health() {
  ringside_health health{};
  health.size = sizeof health;
  REQUIRE(ringside_get_health(&health) == 0);
  return health;
}

class Life : public ProbeTest {
 protected:
  // Runs a worker that cannot have a segment: it must live on, count its losses, and say so once.
  void ExpectRefusal(
      const std::string& said, const std::function<void()>& prepare = [] {}) {
    ASSERT_EQ(Run([&] {
                prepare();
                const Operation operation{"work"};
                errno = 7;
                for (int i = 0; i < 1000; ++i) operation.Record(nanoseconds{1});
                { const Timer timer{operation}; }
                Request request{"job"};
                request.Next("step");
                request.End();
                REQUIRE(errno == 7);
                REQUIRE(Health().lost_no_segment == 1002);
                REQUIRE(strlen(ringside_last_error()) > 0);
              }),
              0);
    EXPECT_NE(Stderr().find(said), std::string::npos) << Stderr();
    EXPECT_EQ(Stderr().find("ringside:"), Stderr().rfind("ringside:"));
    EXPECT_TRUE(!std::filesystem::exists(directory()) || Segments().empty());
  }
};

TEST_F(Life, Header_TellsWhoWroteIt) {
  Environment("RINGSIDE_SERVICE", "transcriber");
  Environment("RINGSIDE_LABELS", "zone=a, team=speech,=no,bad");
  const pid_t pid = Start([] {
    REQUIRE(Configure({"ignored", Labels{{"team", "other"}, {"rack", "7"}}, {}}));
    Operation{"work"}.Record(nanoseconds{1});
    REQUIRE(!Configure({"too", {}, "late"}));
  });
  ASSERT_EQ(Wait(pid), 0);
  const auto segment = Segment();
  EXPECT_EQ(segment->header().magic, proto::kSegmentMagic);
  EXPECT_EQ(segment->header().pid, static_cast<uint64_t>(pid));
  EXPECT_EQ(segment->service(), "transcriber");
  const proto::LabelList expected = {{"rack", "7"}, {"team", "speech"}, {"zone", "a"}};
  EXPECT_EQ(segment->labels(), expected);
  struct stat info {};
  stat(segment->path().c_str(), &info);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
}

TEST_F(Life, Lock_IsHeldWhileTheProcessLives) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t pid = Start([&] {
    Operation{"work"}.Record(nanoseconds{1});
    REQUIRE(write(ready[1], "x", 1) == 1);
    pause();
  });
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  const int fd = open(Segment()->path().c_str(), O_RDWR | O_CLOEXEC);
  struct flock lock {};
  lock.l_type = F_WRLCK;
  ASSERT_EQ(fcntl(fd, F_GETLK, &lock), 0);
  EXPECT_EQ(lock.l_type, F_WRLCK);
  EXPECT_EQ(lock.l_pid, pid);
  kill(pid, SIGKILL);
  Wait(pid);
  lock = {};
  lock.l_type = F_WRLCK;
  ASSERT_EQ(fcntl(fd, F_GETLK, &lock), 0);
  EXPECT_EQ(lock.l_type, F_UNLCK);
  close(fd);
  close(ready[0]);
  close(ready[1]);
}

TEST_F(Life, Retired_WriterOpensANewSegment) {
  ASSERT_EQ(Run([] {
              const Operation operation{"work"};
              operation.Record(nanoseconds{1});
              std::thread other([&] { operation.Record(nanoseconds{1}); });
              other.join();
              for (int round = 0; round < 3; ++round) {
                const std::string path = OwnPath();
                Timer timer{operation};  // open across the change: counts in the new one
                Request request{"job"};
                SegmentView::Open(path)->mutable_header()->control.fetch_or(proto::kControlRetired);
                operation.Record(nanoseconds{100});
                REQUIRE(OwnPath() != path);
                request.End();
              }
            }),
            0);
  const auto segments = Segments();
  ASSERT_EQ(segments.size(), 4u);
  uint64_t work = 0;
  uint64_t jobs = 0;
  uint64_t no_detail = 0;
  for (const auto& segment : segments) {
    work += segment->Totals("work").count;
    jobs += segment->Totals("job").count;
    no_detail += segment->header().dropped[static_cast<size_t>(proto::DropReason::kNoSlot)].load();
  }
  EXPECT_EQ(work, 2u + 3u * 2u);
  EXPECT_EQ(jobs, 3u);
  EXPECT_EQ(no_detail, 3u);
}

TEST_F(Life, Closefrom_DoesNotHurtAStranger) {
  ASSERT_EQ(Run([&] {
              const Operation operation{"work"};
              operation.Record(nanoseconds{1});
              const auto view = SegmentView::Open(OwnPath());
              const rlimit limit{1024, 1024};  // the probe's number is below it, whatever it was
              setrlimit(RLIMIT_NOFILE, &limit);
              for (int fd = 3; fd < 1024; ++fd) close(fd);
              // The probe's old number is a file of the program's own now.
              int mine = -1;
              for (int fd = 3; fd >= 0; fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) mine = fd;
              REQUIRE(mine > 1000);
              REQUIRE(fcntl(mine, F_GETFD) >= 0);
              view->mutable_header()->control.fetch_or(proto::kControlRetired);
              operation.Record(nanoseconds{1});
              for (int fd = 3; fd <= mine; ++fd) REQUIRE(fcntl(fd, F_GETFD) >= 0);
            }),
            0);
}

TEST_F(Life, Switch_OffRecordsNothing) {
  ASSERT_EQ(Run([] {
              const Operation operation{"work"};
              operation.Record(nanoseconds{1});
              SetEnabled(false);
              operation.Record(nanoseconds{1});
              { const Timer timer{operation}; }
              Value{"v"}.Record(1);
              Request{"job"}.End();
              SetEnabled(true);
              operation.Record(nanoseconds{1});
              // As the agent, or `ringside shm`, may do from outside.
              const auto view = SegmentView::Open(OwnPath());
              view->mutable_header()->control.fetch_and(~proto::kControlEnabled);
              operation.Record(nanoseconds{1});
              view->mutable_header()->control.fetch_or(proto::kControlEnabled);
              operation.Record(nanoseconds{1});
            }),
            0);
  EXPECT_EQ(Segment()->TotalCount(), 3u);
}

TEST_F(Life, Disabled_MakesNoSegment) {
  Environment("RINGSIDE_DISABLED", "1");
  ASSERT_EQ(Run([] {
              Operation{"work"}.Record(nanoseconds{1});
              REQUIRE(ringside_on == 0);
              SetEnabled(true);
              Operation{"work"}.Record(nanoseconds{1});
            }),
            0);
  EXPECT_TRUE(Segments().empty());
  EXPECT_EQ(Stderr(), "");
}

TEST_F(Life, Directory_NotOnTmpfsIsRefused) {
  char name[] = "/var/tmp/ringside-test-XXXXXX";
  ASSERT_NE(mkdtemp(name), nullptr);
  Environment("RINGSIDE_DIR", name);
  ExpectRefusal("is not on a tmpfs: set RINGSIDE_DIR");
  std::filesystem::remove_all(name);
}

TEST_F(Life, Directory_WithoutAParentIsRefused) {
  Environment("RINGSIDE_DIR", directory() + "/no/such");
  ExpectRefusal("its parent does not exist");
}

TEST_F(Life, Directory_IsMadeWhenItsParentExists) {
  Environment("RINGSIDE_DIR", directory() + "/new");
  ASSERT_EQ(Run([] { Operation{"work"}.Record(nanoseconds{1}); }), 0);
  EXPECT_EQ(SegmentView::OpenAll(directory() + "/new").size(), 1u);
}

TEST_F(Life, Directory_ThatOthersCanChangeIsRefused) {
  chmod(directory().c_str(), 0777);
  ExpectRefusal("can be changed by others (mode 777)");
}

TEST_F(Life, Directory_BehindASymlinkIsRefused) {
  std::filesystem::create_symlink(directory(), directory() + "/../link");
  Environment("RINGSIDE_DIR", directory() + "/../link");
  ExpectRefusal("not a directory");
}

TEST_F(Life, Quota_OfSegmentsIsKept) {
  Environment("RINGSIDE_MAX_SEGMENTS", "3");
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(Run([] { Operation{"work"}.Record(nanoseconds{1}); }), 0);
  }
  EXPECT_EQ(Segments().size(), 3u);
  EXPECT_NE(Stderr().find("holds 3 segments already"), std::string::npos);
}

TEST_F(Life, Quiet_SaysNothing) {
  Environment("RINGSIDE_DIR", directory() + "/no/such");
  Environment("RINGSIDE_QUIET", "1");
  ASSERT_EQ(Run([] { Operation{"work"}.Record(nanoseconds{1}); }), 0);
  EXPECT_EQ(Stderr(), "");
}

TEST_F(Life, Limit_OfFileSizeMakesASmallerSegment) {
  ASSERT_EQ(Run([] {
              const rlimit limit{16 << 20, 16 << 20};
              setrlimit(RLIMIT_FSIZE, &limit);
              Operation{"work"}.Record(nanoseconds{1});
            }),
            0);
  EXPECT_EQ(Segment()->Totals("work").count, 1u);
  EXPECT_LE(Segment()->header().geometry.segment_bytes, 16u << 20);
}

TEST_F(Life, Limit_OfFileSizeTooLowIsRefused) {
  ExpectRefusal("RLIMIT_FSIZE", [] {
    const rlimit limit{64 << 10, 64 << 10};
    setrlimit(RLIMIT_FSIZE, &limit);
  });
}

TEST_F(Life, Limit_OfAddressSpaceMakesASmallerSegment) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers reserve more address space than this";
#endif
  ASSERT_EQ(Run([] {
              rlimit limit{};
              limit.rlim_cur = limit.rlim_max = uint64_t{80} << 20;
              setrlimit(RLIMIT_AS, &limit);
              Operation{"work"}.Record(nanoseconds{1});
            }),
            0);
  EXPECT_EQ(Segment()->Totals("work").count, 1u);
}

TEST_F(Life, Limit_OfDescriptorsIsRefused) {
  ExpectRefusal("ringside: not recording", [] {
    const rlimit limit{3, 3};
    setrlimit(RLIMIT_NOFILE, &limit);
  });
}

void WriteFile(const char* path, const std::string& text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  (void)!write(fd, text.data(), text.size());
  close(fd);
}

// A mount namespace of its own; needs no privilege where user namespaces are allowed.
bool EnterMountNamespace() {
  if (unshare(CLONE_NEWNS) == 0) {
    return mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  }
  const std::string user = std::to_string(geteuid());
  const std::string group = std::to_string(getegid());
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  WriteFile("/proc/self/setgroups", "deny");
  WriteFile("/proc/self/uid_map", user + " " + user + " 1");
  WriteFile("/proc/self/gid_map", group + " " + group + " 1");
  return true;
}

TEST_F(Life, Tmpfs_FullWhileRecordingHarmsNobody) {
  const std::string mount_point = directory();
  const int status = Run([&] {
    if (!EnterMountNamespace()) _exit(77);
    if (mount("none", mount_point.c_str(), "tmpfs", 0, "size=2m,mode=0700") != 0) _exit(77);
    const Operation operation{"work"};
    operation.Record(nanoseconds{1});
    const std::string path = OwnPath();
    // Someone else fills the rest.
    const int fd = open((mount_point + "/filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    static char block[4096];
    while (write(fd, block, sizeof block) > 0) {
    }
    for (int i = 0; i < 200; ++i) {
      const std::string label = std::to_string(i);
      operation.With(Labels{{"n", label}}).Record(nanoseconds{int64_t{1} << (i % 40)});
    }
    std::vector<std::thread> threads;
    threads.reserve(8);
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&operation] {
        for (int i = 1; i <= 1000; ++i) operation.Record(nanoseconds{i});
        Request request{"job"};
        request.Next("step");
        request.End();
      });
    }
    for (std::thread& thread : threads) thread.join();
    const auto view = SegmentView::Open(path);
    uint64_t count = 0;
    for (const SegmentSeries& series : view->Series()) {
      if (series.key.kind == proto::Kind::kDuration) count += series.totals.count;
    }
    REQUIRE(count == 1 + 200 + 8 * 1000 + 8 + 8);
    REQUIRE(Health().lost_no_segment == 0);
  });
  if (status == 77) GTEST_SKIP() << "no namespaces here";
  EXPECT_EQ(status, 0);
}

TEST_F(Life, Signal_ReenteredRecordsAreCountedInTheSharedLane) {
  const pid_t pid = Start([] {
    static Operation operation{"work"};
    static std::atomic<uint64_t> in_handler{0};
    operation.Record(nanoseconds{1});
    struct sigaction action {};
    action.sa_handler = [](int) {
      operation.Record(nanoseconds{1});
      Request{"job"}.End();
      in_handler.fetch_add(1, std::memory_order_relaxed);
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
    while (in_handler < 5000) {
      operation.Record(nanoseconds{1});
      ++recorded;
    }
    const itimerspec never{};
    timer_settime(timer, 0, &never, nullptr);
    Operation{"oracle"}.Record(nanoseconds{static_cast<int64_t>(recorded + in_handler)});
    Operation{"handled"}.Record(nanoseconds{static_cast<int64_t>(in_handler.load())});
  });
  ASSERT_EQ(Wait(pid), 0);
  const auto segment = Segment();
  EXPECT_EQ(segment->Totals("work").count, segment->Totals("oracle").sum);
  EXPECT_EQ(segment->Totals("job").count, segment->Totals("handled").sum);
}

}  // namespace
}  // namespace ringside::tests
