// A segment's life: who it says it is, how it is given up, how it is switched off.
#include <chrono>
#include <thread>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringside/probe.h>

#include "tests/probe/probe_fixture.h"

namespace ringside::tests {
namespace {

using std::chrono::nanoseconds;

using Life = ProbeTest;

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

}  // namespace
}  // namespace ringside::tests
