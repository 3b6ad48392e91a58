// Samples of producers' processes and of the control groups they live in.
#include "agent/process_sampler.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include "tests/agent/sampler_fixture.h"

namespace ringside::agent {
namespace {

using testing::Contains;
using testing::Key;
using testing::Not;
using testing::StartsWith;

const std::string kContainer = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

class ProcessSamplerTest : public SamplerTest {
 protected:
  ProcessSamplerTest() {
    Follow(80, "ocr");
    tuning_->Set(SamplersConfig());
  }
  void WriteStat(uint64_t user, uint64_t system, uint64_t start, uint64_t minor = 0,
                 uint64_t major = 0) const {
    const auto n = [](uint64_t value) { return std::to_string(value) + " "; };
    Write("proc/80/stat", "80 (a (b) c) S 1 1 1 0 -1 0 " + n(minor) + "0 " + n(major) + "0 " +
                              n(user) + n(system) + "0 0 20 0 9 0 " + n(start) + "1000 42 0 0\n");
  }
  // Of the main thread, too: the process's file and that one are the same.
  void WriteStatus(uint64_t voluntary, const std::string& more = "") const {
    WriteStatus("proc/80/status", voluntary, more);
    WriteStatus("proc/80/task/80/status", voluntary, more);
  }
  void WriteStatus(const std::string& file, uint64_t voluntary, const std::string& more) const {
    Write(file,
          "Name:\ta\nUid:\t0\t0\t0\t0\nVmHWM:\t  900 kB\nRssAnon:\t  100 kB\nRssFile:\t 5 kB\n"
          "RssShmem:\t   64 kB\n" +
              more + "voluntary_ctxt_switches:\t" + std::to_string(voluntary) +
              "\nnonvoluntary_ctxt_switches:\t7\n");
  }

  const uint64_t hertz_ = static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  std::shared_ptr<ProcessTuning> tuning_ = std::make_shared<ProcessTuning>();
  ProcessSampler sampler_{Proc(), Sys(), tuning_};
};

TEST_F(ProcessSamplerTest, Stat_CountersAreTheIncrease) {
  WriteStat(10 * hertz_, 20 * hertz_, 5, 100, 3);
  auto first = Sample(&sampler_);
  EXPECT_THAT(first, Not(Contains(Key(StartsWith("process.cpu.time"))))) << "since when is unknown";
  EXPECT_EQ(first["process.rss/80/ocr"].delta.last, 42 * sysconf(_SC_PAGESIZE));
  EXPECT_EQ(first["process.threads/80/ocr"].delta.last, 9);
  WriteStat(10 * hertz_ + hertz_ / 2, 20 * hertz_ + hertz_ / 4, 5, 150, 3);
  auto second = Sample(&sampler_);
  EXPECT_EQ(second["process.cpu.time/user/80/ocr"].key->kind, proto::Kind::kCounter);
  EXPECT_DOUBLE_EQ(Real(second["process.cpu.time/user/80/ocr"]), 0.5);
  EXPECT_DOUBLE_EQ(Real(second["process.cpu.time/system/80/ocr"]), 0.25);
  EXPECT_DOUBLE_EQ(Real(second["process.faults/80/ocr/minor"]), 50);
  EXPECT_THAT(second, Not(Contains(Key("process.faults/80/ocr/major")))) << "it stood still";
}

TEST_F(ProcessSamplerTest, Stat_RoundingLosesNothing) {
  WriteStat(0, 0, 5);
  Sample(&sampler_);
  double sum = 0;
  for (uint64_t tick = 1; tick <= 3 * hertz_; ++tick) {
    WriteStat(tick, 0, 5);
    sum += Real(Sample(&sampler_)["process.cpu.time/user/80/ocr"]);
  }
  EXPECT_DOUBLE_EQ(sum, 3);
}

TEST_F(ProcessSamplerTest, Stat_AReusedPidStartsAnew) {
  WriteStat(1000, 0, 5);
  Sample(&sampler_);
  WriteStat(5000, 0, 6);
  EXPECT_THAT(Sample(&sampler_), Not(Contains(Key(StartsWith("process.cpu.time")))));
}

TEST_F(ProcessSamplerTest, Stat_OneThatIsGoneIsLeftOut) {
  Follow(78, "gone");
  WriteStat(0, 0, 5);
  EXPECT_THAT(Sample(&sampler_), Not(Contains(Key(testing::HasSubstr("78")))));
}

TEST_F(ProcessSamplerTest, Detail_EveryTenSeconds) {
  WriteStat(0, 0, 5);
  WriteStatus(10);
  for (const char* fd : {"0", "1", "17"}) Link(std::string("proc/80/fd/") + fd, "/dev/null");
  auto first = Sample(&sampler_);
  EXPECT_EQ(first["process.memory.private/80/ocr"].delta.last, 100 * 1024);
  EXPECT_EQ(first["process.memory.shared/80/ocr"].delta.last, 64 * 1024);
  EXPECT_EQ(first["process.rss.peak/80/ocr"].delta.last, 900 * 1024);
  EXPECT_EQ(first["process.open_files/80/ocr"].delta.last, 3);
  WriteStatus(15);
  WriteStat(1, 0, 5);
  EXPECT_THAT(Sample(&sampler_), Not(Contains(Key("process.memory.private/80/ocr"))));
  auto later = Sample(&sampler_, 9);
  EXPECT_THAT(later, Contains(Key("process.memory.private/80/ocr")));
  EXPECT_DOUBLE_EQ(Real(later["process.context_switches/80/ocr/voluntary"]), 5);
  EXPECT_THAT(later, Not(Contains(Key("process.context_switches/80/ocr/involuntary"))));
}

TEST_F(ProcessSamplerTest, Detail_OfOneThatDidNothingIsSaidAgainForAMinute) {
  WriteStat(7, 0, 5);
  WriteStatus(10);
  const auto first = Sample(&sampler_);
  Write("proc/80/status", "RssAnon:\t  200 kB\n");  // which nobody looks for
  for (int i = 1; i < 6; ++i) {
    auto again = Sample(&sampler_, 10);
    EXPECT_EQ(again["process.memory.private/80/ocr"].delta.last, 100 * 1024);
    EXPECT_GT(again["process.memory.private/80/ocr"].delta.last_unix_ns,
              first.at("process.memory.private/80/ocr").delta.last_unix_ns);
    EXPECT_THAT(again, Not(Contains(Key(StartsWith("process.context_switches")))));
  }
  EXPECT_EQ(Sample(&sampler_, 10)["process.memory.private/80/ocr"].delta.last, 200 * 1024);
}

TEST_F(ProcessSamplerTest, Detail_OfAnotherProducerOfThatProcessIsReadAnew) {
  WriteStat(7, 0, 5);
  WriteStatus(10);
  Sample(&sampler_);
  processes_[0].service = "asr";
  EXPECT_THAT(Sample(&sampler_, 10), Contains(Key("process.memory.private/80/asr")));
}

TEST_F(ProcessSamplerTest, Detail_OfOneThatDidSomethingIsReadAnew) {
  WriteStat(7, 0, 5);
  WriteStatus(10);
  Sample(&sampler_);
  Write("proc/80/status", "RssAnon:\t  200 kB\n");
  WriteStat(8, 0, 5);
  EXPECT_EQ(Sample(&sampler_, 10)["process.memory.private/80/ocr"].delta.last, 200 * 1024);
}

TEST_F(ProcessSamplerTest, Switches_AreThoseOfAllThreads) {
  WriteStat(0, 0, 5);
  WriteStatus(10);
  WriteStatus("proc/80/task/81/status", 100, "");
  Sample(&sampler_);
  WriteStat(1, 0, 5);
  WriteStatus(11);
  Remove("proc/80/task/81");
  WriteStatus("proc/80/task/82/status", 40, "");
  const auto later = Sample(&sampler_, 10);
  EXPECT_DOUBLE_EQ(Real(later.at("process.context_switches/80/ocr/voluntary")), 41)
      << "a new thread's are all news, one that ended takes nothing away";
}

TEST_F(ProcessSamplerTest, Switches_OfTooManyThreadsAreLeftOut) {
  WriteStat(0, 0, 5);
  WriteStatus(10);
  for (int i = 0; i < 300; ++i) {
    WriteStatus("proc/80/task/" + std::to_string(1000 + i) + "/status", 1, "");
  }
  Sample(&sampler_);
  WriteStat(1, 0, 5);
  EXPECT_THAT(Sample(&sampler_, 10), Not(Contains(Key(StartsWith("process.context_switches")))));
}

TEST_F(ProcessSamplerTest, Switches_OfARealProcessWithThreads) {
  ThreadSwitches switches;
  EXPECT_FALSE(switches.Take("/proc/self"));
  constexpr int kSleeps = 50;
  std::atomic<int> done{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < kSleeps; ++k) std::this_thread::sleep_for(std::chrono::microseconds(100));
      ++done;
      while (!stop) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    });
  }
  while (done < 3) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const auto counts = switches.Take("/proc/self");
  stop = true;
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(counts.has_value());
  EXPECT_GE(counts->voluntary, 3 * kSleeps) << "each sleep is one, in whichever thread";
}

TEST_F(ProcessSamplerTest, Detail_WhatMayNotBeSeenIsLeftOut) {
  WriteStat(0, 0, 5);
  auto samples = Sample(&sampler_);
  EXPECT_THAT(samples, Not(Contains(Key(StartsWith("process.memory")))));
  EXPECT_THAT(samples, Not(Contains(Key(StartsWith("process.open_files")))));
  EXPECT_THAT(samples, Not(Contains(Key(StartsWith("process.pss")))));
}

TEST_F(ProcessSamplerTest, Pss_OnceAMinute) {
  WriteStat(0, 0, 5);
  Write("proc/80/smaps_rollup", "00400000-7fff [rollup]\nRss:   9 kB\nPss:      33 kB\n");
  EXPECT_EQ(Sample(&sampler_)["process.pss/80/ocr"].delta.last, 33 * 1024);
  EXPECT_THAT(Sample(&sampler_, 59), Not(Contains(Key("process.pss/80/ocr"))));
  EXPECT_THAT(Sample(&sampler_, 1), Contains(Key("process.pss/80/ocr")));
}

TEST_F(ProcessSamplerTest, Info_SaysWhoItIs) {
  WriteStat(0, 0, 5);
  WriteStatus(0, "NSpid:\t80\t7\n");
  Write("proc/80/cmdline", std::string("python3\0serve.py\0--model\0base\0", 30));
  Write("proc/80/cgroup", "0::/kubepods/pod1/cri-containerd-" + kContainer + ".scope\n");
  auto samples = Sample(&sampler_);
  bool found = false;
  for (const auto& [name, sample] : samples) {
    if (sample.key->path != "process.info") continue;
    found = true;
    EXPECT_EQ(sample.delta.last, 1);
    EXPECT_EQ(
        sample.key->labels,
        (proto::LabelList{{"cgroup", "/kubepods/pod1/cri-containerd-" + kContainer + ".scope"},
                          {"command", "python3 serve.py --model base"},
                          {"container", "0123456789ab"},
                          {"container_pid", "7"},
                          {"pid", "80"},
                          {"process", "80-abcd"},
                          {"service", "ocr"}}));
  }
  EXPECT_TRUE(found);
}

TEST_F(ProcessSamplerTest, Info_CommandLinesCanBeKeptBack) {
  tuning_->command_line = false;
  WriteStat(0, 0, 5);
  Write("proc/80/cmdline", std::string("mysql\0--password=x\0", 19));
  for (const auto& [name, sample] : Sample(&sampler_)) {
    EXPECT_THAT(name, Not(testing::HasSubstr("password")));
  }
  tuning_->command_line = true;
  EXPECT_THAT(Sample(&sampler_, 10), Contains(Key(testing::HasSubstr("password"))));
  tuning_->command_line = false;
  EXPECT_THAT(Sample(&sampler_, 10), Not(Contains(Key(testing::HasSubstr("password")))))
      << "though the process did nothing since";
}

TEST_F(ProcessSamplerTest, Malicious_NamesAreCutAndMadePrintable) {
  WriteStat(0, 0, 5);
  Write("proc/80/cmdline", std::string(100000, '\xff'));
  Write("proc/80/cgroup", "0::/" + std::string(3000, 'x') + "\n");
  for (const auto& [name, sample] : Sample(&sampler_)) {
    for (const auto& [key, value] : sample.key->labels) {
      EXPECT_LE(value.size(), proto::kMaxLabelValueBytes);
      EXPECT_EQ(value.find('\xff'), std::string::npos);
    }
  }
}

class CgroupTest : public ProcessSamplerTest {
 protected:
  CgroupTest() {
    WriteStat(0, 0, 5);
    Write("proc/80/cgroup", "4:memory:/old\n0::/pod\n");
    Write("sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
    Write("sys/fs/cgroup/pod/memory.current", "4096\n");
    Write("sys/fs/cgroup/pod/memory.max", "8192\n");
    Write("sys/fs/cgroup/pod/cpu.max", "50000 100000\n");
    WriteCpu(1000000, 10, 2, 500000);
  }
  void WriteCpu(uint64_t usage, uint64_t periods, uint64_t throttled, uint64_t usec) const {
    Write("sys/fs/cgroup/pod/cpu.stat", "usage_usec " + std::to_string(usage) +
                                            "\nuser_usec 1\nnr_periods " + std::to_string(periods) +
                                            "\nnr_throttled " + std::to_string(throttled) +
                                            "\nthrottled_usec " + std::to_string(usec) + "\n");
  }
};

TEST_F(CgroupTest, Cgroup_LimitsAndThrottling) {
  ProcessSampler sampler(Proc(), Sys(), tuning_);
  auto first = Sample(&sampler);
  EXPECT_EQ(first["cgroup.memory.usage//pod"].delta.last, 4096);
  EXPECT_EQ(first["cgroup.memory.limit//pod"].delta.last, 8192);
  EXPECT_DOUBLE_EQ(Real(first["cgroup.cpu.limit//pod"]), 0.5);
  WriteCpu(3000000, 20, 5, 750000);
  auto second = Sample(&sampler, 10);
  EXPECT_DOUBLE_EQ(Real(second["cgroup.cpu.time//pod"]), 2);
  EXPECT_DOUBLE_EQ(Real(second["cgroup.cpu.periods//pod"]), 10);
  EXPECT_DOUBLE_EQ(Real(second["cgroup.cpu.throttled.periods//pod"]), 3);
  EXPECT_DOUBLE_EQ(Real(second["cgroup.cpu.throttled.time//pod"]), 0.25);
}

TEST_F(CgroupTest, Cgroup_OfManyProcessesIsCountedOnce) {
  Follow(81, "ocr");
  std::filesystem::copy(Proc() + "/80", Proc() + "/81");
  ProcessSampler sampler(Proc(), Sys(), tuning_);
  EXPECT_THAT(Sample(&sampler), Contains(Key("cgroup.memory.usage//pod")));  // twice would fail
}

TEST_F(CgroupTest, Cgroup_NoLimitIsNoNumber) {
  Write("sys/fs/cgroup/pod/memory.max", "max\n");
  Write("sys/fs/cgroup/pod/cpu.max", "max 100000\n");
  ProcessSampler sampler(Proc(), Sys(), tuning_);
  auto samples = Sample(&sampler);
  EXPECT_THAT(samples, Not(Contains(Key(StartsWith("cgroup.memory.limit")))));
  EXPECT_THAT(samples, Not(Contains(Key(StartsWith("cgroup.cpu.limit")))));
}

TEST_F(CgroupTest, Cgroup_BesideVersionOne) {
  Remove("sys/fs/cgroup/cgroup.controllers");
  std::filesystem::create_directories(Sys() + "/fs/cgroup/unified");
  std::filesystem::rename(Sys() + "/fs/cgroup/pod", Sys() + "/fs/cgroup/unified/pod");
  ProcessSampler sampler(Proc(), Sys(), tuning_);
  EXPECT_THAT(Sample(&sampler), Contains(Key("cgroup.memory.usage//pod")));
}

TEST_F(CgroupTest, Malicious_APathOutsideTheNamespaceIsUnknown) {
  Write("proc/80/cgroup", "0::/../../pod\n");
  ProcessSampler sampler(Proc(), Sys(), tuning_);
  EXPECT_THAT(Sample(&sampler), Not(Contains(Key(StartsWith("cgroup.")))));
}

// A worker in a container, whose pid the agent sees only in the host's /proc.
class FinderTest : public ProcessSamplerTest {
 protected:
  FinderTest() {
    processes_.clear();
    SampledProcess process;
    process.service = "ocr";
    process.claimed_pid = 7;
    process.claimed_namespace = 4026532001;
    process.uid = 0;
    processes_.push_back(process);
    WriteStat(0, 0, 5);
    WriteStatus(0, "NSpid:\t80\t7\n");
    Link("proc/80/ns/pid", "pid:[4026532001]");
    Write("proc/81/status", "Uid:\t0\t0\t0\t0\nNSpid:\t81\t7\n");  // the same pid elsewhere
    Link("proc/81/ns/pid", "pid:[4026532002]");
  }
};

TEST_F(FinderTest, Find_ByItsPidInItsOwnNamespace) {
  EXPECT_THAT(Sample(&sampler_), Contains(Key("process.rss/80/ocr")));
}

TEST_F(FinderTest, Find_AClaimToAnothersProcessIsNotBelieved) {
  processes_[0].uid = 1000;
  EXPECT_THAT(Sample(&sampler_), Not(Contains(Key(StartsWith("process.rss")))));
}

TEST_F(FinderTest, Find_OneThatStartsLaterIsFoundLater) {
  Remove("proc/80");
  EXPECT_THAT(Sample(&sampler_), Not(Contains(Key(StartsWith("process.rss")))));
  WriteStat(0, 0, 5);
  WriteStatus(0, "NSpid:\t80\t7\n");
  Link("proc/80/ns/pid", "pid:[4026532001]");
  EXPECT_THAT(Sample(&sampler_, 5), Contains(Key("process.rss/80/ocr")));
}

TEST(ProcessFilesTest, Real_AProcessOfThisMachineIsUnderstood) {
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  SampledProcess process;
  process.pid = static_cast<uint64_t>(child);
  process.service = "child";
  const ProcessList list = {process};
  auto tuning = std::make_shared<ProcessTuning>();
  tuning->Set(SamplersConfig());
  tuning->pss_ns = 1;
  ProcessSampler sampler("/proc", "/sys", tuning);
  std::map<std::string, double> values;
  for (uint64_t now : {1000000000, 2000000000}) {
    SampleContext context;
    context.now_unix_ns = context.now_monotonic_ns = now;
    context.processes = &list;
    std::vector<proto::SeriesDelta> samples;
    sampler.Sample(context, &samples);
    for (const auto& sample : samples) {
      values[sample.key->path] = static_cast<double>(sample.delta.last);
    }
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_GT(values["process.rss"], 0);
  EXPECT_EQ(values["process.threads"], 1);
  EXPECT_GT(values["process.memory.private"], 0);
  EXPECT_GE(values["process.rss.peak"], values["process.memory.private"]);
  EXPECT_GE(values["process.open_files"], 3);
  EXPECT_EQ(values["process.info"], 1);
  EXPECT_GT(values["process.pss"], 0);
}

}  // namespace
}  // namespace ringside::agent
