// What a thread waits for, told by /proc: real processes that wait in a call that the test knows.
#include "agent/thread_evidence.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/socket_table.h"
#include "agent/syscall_names.h"
#include "proto/unique_fd.h"
#include "tests/agent/agent_fixture.h"

namespace ringside::agent {
namespace {

using testing::HasSubstr;

// A child that does one thing for ever.
class Child {
 public:
  explicit Child(const std::function<void()>& body) : pid_(fork()) {
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    body();
    _exit(0);
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  uint64_t pid() const { return static_cast<uint64_t>(pid_); }
  // What it waits for, once it does: until then it may be seen anywhere.
  std::string Evidence(const std::string& expected) const {
    std::string text;
    for (int i = 0; i < 6000; ++i) {
      ThreadEvidence evidence;
      text = evidence.OfThread(pid(), pid(), true);
      if (text.find(expected) != std::string::npos) break;
      usleep(10000);
    }
    return text;
  }

 private:
  const pid_t pid_;
};

// False: the kernel's settings (Yama) hide the calls even of one's own processes.
bool CallsAreVisible() {
  Child child([] {
    for (;;) pause();
  });
  return child.Evidence("in ").find("in ") == 0;
}

TEST(ThreadEvidence, Socket_NamesThePeer) {
  if (!CallsAreVisible()) GTEST_SKIP() << "/proc/PID/syscall may not be read here";
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string name = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  Child reader([&] {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return;
    char byte = 0;
    (void)!recv(fd, &byte, 1, 0);
  });
  const proto::UniqueFd accepted(accept(listener, nullptr, nullptr));
  EXPECT_EQ(reader.Evidence("recv"), "in recv from " + name);
  Child acceptor([&] { accept(listener, nullptr, nullptr); });
  EXPECT_EQ(acceptor.Evidence("accept"), "in accept on " + name);
  close(listener);
}

TEST(ThreadEvidence, Wait_NamesTheCall) {
  if (!CallsAreVisible()) GTEST_SKIP() << "/proc/PID/syscall may not be read here";
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  Child reader([&] {
    char byte = 0;
    (void)!read(ends[0], &byte, 1);
  });
  EXPECT_EQ(reader.Evidence("read"), "in read from a pipe");
  Child sleeper([] {
    for (;;) sleep(1000);
  });
  EXPECT_EQ(sleeper.Evidence("sleep"), "in sleep");
  close(ends[0]);
  close(ends[1]);
}

TEST(ThreadEvidence, Running_IsOnACpuAndStoppedIsStopped) {
  Child spinner([] {
    for (;;) asm volatile("");
  });
  EXPECT_EQ(spinner.Evidence("on a CPU"), "on a CPU");
  kill(static_cast<pid_t>(spinner.pid()), SIGSTOP);
  EXPECT_EQ(spinner.Evidence("stopped"), "stopped");
}

TEST(ThreadEvidence, Process_OfOneThreadIsThatThread) {
  Child sleeper([] {
    for (;;) sleep(1000);
  });
  const std::string thread = sleeper.Evidence("sleep");
  ThreadEvidence evidence;
  EXPECT_EQ(evidence.OfProcess(sleeper.pid()), thread);
}

TEST(ThreadEvidence, Unknown_IsEmpty) {
  ThreadEvidence evidence;
  EXPECT_EQ(evidence.OfThread(0, 1, true), "");
  EXPECT_EQ(evidence.OfThread(static_cast<uint64_t>(getpid()), 999999999, true), "");
  EXPECT_EQ(evidence.OfThread(static_cast<uint64_t>(getpid()), 999999999, false), "");
  EXPECT_EQ(evidence.OfProcess(999999999), "");
}

TEST(ThreadEvidence, Budget_EndsTheRound) {
  Child sleeper([] {
    for (;;) sleep(1000);
  });
  ThreadEvidence evidence;
  for (int i = 0; i < ThreadEvidence::kThreadsPerRound; ++i) {
    EXPECT_NE(evidence.OfThread(sleeper.pid(), sleeper.pid(), true), "");
  }
  EXPECT_EQ(evidence.OfThread(sleeper.pid(), sleeper.pid(), true), "");
  EXPECT_NE(ThreadEvidence().OfThread(sleeper.pid(), sleeper.pid(), true), "");
}

// A made-up /proc, for what a test cannot bring about.
class FakeProc : public testing::Test {
 protected:
  FakeProc() : proc_("/tmp") {}
  void Write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = proc_.path() + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  TempDirectory proc_;
};

TEST_F(FakeProc, WhereTheCallIsHiddenTheKernelsFunctionIsNamed) {
  Write("7/task/7/stat", "7 (a (b) R) S 1 1");
  Write("7/task/7/wchan", "futex_wait_queue");
  ThreadEvidence evidence(proc_.path());
  EXPECT_EQ(evidence.OfThread(7, 7, true), "waits (futex_wait_queue)");
  Write("7/task/7/stat", "7 (x) D 1 1");
  EXPECT_EQ(evidence.OfThread(7, 7, true), "uninterruptible, waits (futex_wait_queue)");
  Write("7/task/7/wchan", "0");
  EXPECT_EQ(evidence.OfThread(7, 7, true), "uninterruptible");
}

TEST_F(FakeProc, AnotherNamespacesThreadIsFoundByItsOwnNumber) {
  Write("7/task/107/stat", "107 (x) R 1 1");
  Write("7/task/107/status", "Name:\tx\nNSpid:\t107\t3\nThreads:\t1\n");
  Write("7/task/108/stat", "108 (x) T 1 1");
  Write("7/task/108/status", "Name:\tx\nNSpid:\t108\t4\nThreads:\t1\n");
  ThreadEvidence evidence(proc_.path());
  EXPECT_EQ(evidence.OfThread(7, 4, false), "stopped");
  EXPECT_EQ(evidence.OfThread(7, 3, false), "on a CPU");
  EXPECT_EQ(evidence.OfThread(7, 108, false), "");
  EXPECT_EQ(evidence.OfProcess(7), "2 threads: 1 on a CPU, 1 stopped");
}

TEST_F(FakeProc, Malicious_LinesThatNoKernelWrites) {
  ThreadEvidence evidence(proc_.path());
  for (const char* stat : {"", ")", "7 (x", "7 (x)", "7 (x) ", "\x01\x02"}) {
    Write("7/task/7/stat", stat);
    EXPECT_EQ(evidence.OfThread(7, 7, true), "") << stat;
  }
  Write("7/task/7/stat", "7 (x) S 1");
  for (const char* call : {"0", "x y z", "99999999999999999999 0x1", "-1 0x1 0x2"}) {
    Write("7/task/7/syscall", call);
    EXPECT_THAT(evidence.OfThread(7, 7, true), testing::AnyOf(HasSubstr("waits"), HasSubstr("in ")))
        << call;
  }
}

TEST(SocketTable, Address_OfBothFamilies) {
  EXPECT_EQ(AddressText("0500000A:2C8A"), "10.0.0.5:11402");
  EXPECT_EQ(AddressText("00000000000000000000000001000000:0050"), "[::1]:80");
  for (const char* bad : {"", ":", "0500000A", "0500000A:", "0500000A:0000", "0500000:2C8A",
                          "zz00000A:2C8A", "0500000A:2C8AF00000"}) {
    EXPECT_EQ(AddressText(bad), "") << bad;
  }
}

TEST(SyscallNames, Unknown_IsItsNumber) {
  EXPECT_EQ(NameOfSyscall(99999).name, "system call 99999");
  EXPECT_EQ(NameOfSyscall(-5).name, "system call -5");
}

}  // namespace
}  // namespace ringside::agent
