// A tmpfs that is small, full, read-only or out of inodes: an error code, never a SIGBUS; and one
// that recycled workers would fill if nobody kept count.
#include <chrono>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <ringside/probe.h>

#include "tests/probe/probe_fixture.h"

namespace ringside::tests {
namespace {

using std::chrono::nanoseconds;

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

class Tmpfs : public ProbeTest {
 protected:
  // Runs `work` in a worker whose segment directory is a tmpfs of its own.
  void RunMounted(const std::string& options, const std::function<void()>& work) {
    constexpr int kNoNamespace = 77;
    const int status = Run([&] {
      if (!EnterMountNamespace() || !Mount(options)) _exit(kNoNamespace);
      work();
    });
    if (status == kNoNamespace) GTEST_SKIP() << "no mount namespaces here";
    ASSERT_EQ(status, 0);
  }
  bool Mount(const std::string& options, unsigned long flags = 0) const {
    const std::string all = "mode=0700," + options;
    return mount("none", directory().c_str(), "tmpfs", flags, all.c_str()) == 0;
  }
  // Somebody else's file, of `bytes` or of all there is.
  void Fill(uint64_t bytes = ~uint64_t{0}) const {
    const int fd = open((directory() + "/filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    static char block[4096];
    for (uint64_t filled = 0; filled < bytes; filled += sizeof block) {
      if (write(fd, block, sizeof block) <= 0) break;
    }
    close(fd);
  }
  // In bytes. A worker's view: the test itself does not see the mount.
  uint64_t Used() const {
    struct statfs info {};
    REQUIRE(statfs(directory().c_str(), &info) == 0);
    return (info.f_blocks - info.f_bfree) * static_cast<uint64_t>(info.f_bsize);
  }
  static bool HasSegment() { return ringside_segment_path(nullptr, 0) > 0; }
  void ExpectSaid(const std::string& said) const {
    if (IsSkipped()) return;
    EXPECT_NE(Stderr().find(said), std::string::npos) << Stderr();
    EXPECT_EQ(Stderr().find('\n'), Stderr().size() - 1) << "more than one line";
  }
};

TEST_F(Tmpfs, Full_WhileRecordingHarmsNobody) {
  RunMounted("size=2m", [this] {
    const Operation operation{"work"};
    operation.Record(nanoseconds{1});
    const std::string path = OwnPath();
    Fill();
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
}

TEST_F(Tmpfs, Small_HoldsASegmentOrIsRefused) {
  RunMounted("size=4k", [this] {
    int opened = 0;
    int refused = 0;
    for (int pages = 1; pages <= 256; pages = pages * 5 / 4 + 1) {
      REQUIRE(Mount("size=" + std::to_string(pages * 4) + "k"));
      const pid_t pid = fork();
      if (pid == 0) {
        for (int i = 0; i < 100; ++i) Operation{"work"}.Record(nanoseconds{int64_t{1} << (i % 40)});
        const uint64_t lost = Health().lost_no_segment;
        REQUIRE(lost == (HasSegment() ? 0 : 100));
        REQUIRE(lost > 0 || SegmentView::Open(OwnPath())->Totals("work").count == 100);
        _exit(lost > 0 ? 2 : 0);
      }
      const int status = Wait(pid);
      REQUIRE(status == 0 || status == 2);
      ++(status == 0 ? opened : refused);
      REQUIRE(umount2(directory().c_str(), MNT_DETACH) == 0);
    }
    REQUIRE(opened >= 3);
    REQUIRE(refused >= 3);
  });
}

TEST_F(Tmpfs, ThreeQuartersFull_IsRefused) {
  RunMounted("size=4m", [this] {
    Fill(3200 << 10);
    Operation{"work"}.Record(nanoseconds{1});
    REQUIRE(!HasSegment());
    REQUIRE(Health().lost_no_segment == 1);
  });
  ExpectSaid("less than a quarter of its 4 MiB free");
}

TEST_F(Tmpfs, ReadOnly_IsRefused) {
  RunMounted("size=4m", [this] {
    REQUIRE(Mount("size=4m", MS_RDONLY));
    Operation{"work"}.Record(nanoseconds{1});
    REQUIRE(Health().lost_no_segment == 1);
  });
  ExpectSaid("cannot make a segment in");
}

TEST_F(Tmpfs, WithoutInodes_IsRefused) {
  RunMounted("nr_inodes=1", [] {
    Operation{"work"}.Record(nanoseconds{1});
    REQUIRE(Health().lost_no_segment == 1);
  });
  ExpectSaid("cannot make a segment in");
}

TEST_F(Tmpfs, RecycledWorkers_StayWithinTheQuota) {
  Environment("RINGSIDE_QUIET", "1");
  const int workers = IsLong() ? 10'000 : 300;
  RunMounted("size=16m", [this, workers] {
    uint64_t most = 0;
    for (int i = 0; i < workers; ++i) {
      const pid_t pid = fork();
      if (pid == 0) {
        Operation{"work"}.Record(nanoseconds{1});
        _exit(HasSegment() ? 2 : 0);
      }
      const uint64_t before = Used();
      const int status = Wait(pid);
      REQUIRE(status == 0 || status == 2);
      if (status == 2 && Used() > before) most = std::max(most, Used() - before);
    }
    // A quarter of it, and the segment that was begun last.
    REQUIRE(Used() >= 4 << 20);
    REQUIRE(Used() <= (4 << 20) + 2 * most);
    REQUIRE(!SegmentView::OpenAll(directory()).empty());
  });
}

}  // namespace
}  // namespace ringside::tests
