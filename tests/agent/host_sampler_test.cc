// The host's samples: known values from a made-up machine; what is not known is left out.
#include "agent/host_sampler.h"

#include <unistd.h>

#include "tests/agent/sampler_fixture.h"

namespace ringside::agent {
namespace {

using testing::Contains;
using testing::Key;
using testing::Not;
using testing::StartsWith;

class HostSamplerTest : public SamplerTest {
 protected:
  void WriteProcessors(uint64_t user, uint64_t idle, uint64_t iowait) const {
    const std::string numbers = " " + std::to_string(user) + " 0 0 " + std::to_string(idle) + " " +
                                std::to_string(iowait) + " 0 0 0 0 0\n";
    Write("proc/stat", "cpu " + numbers + "cpu0" + numbers + "cpu1" + numbers + "intr 5 5\n");
  }
  void WriteDisks(uint64_t scale) const {
    const auto line = [&](const std::string& name) {
      const auto n = [&](uint64_t value) { return " " + std::to_string(value * scale); };
      return "   8       0 " + name + n(10) + n(0) + n(2000) + n(5) + n(20) + n(0) + n(4000) +
             n(6) + " 0" + n(500) + n(11) + "\n";
    };
    Write("proc/diskstats", line("sda") + line("sda1") + line("dm-0") + line("loop0"));
  }
  void WriteNetwork(uint64_t bytes) const {
    const auto line = [&](const std::string& name) {
      const std::string n = std::to_string(bytes);
      return name + ":" + n + " 7 1 2 0 0 0 0 " + n + "0 8 3 4 0 0 0 0\n";
    };
    Write("proc/net/dev", "Inter-|   Receive  |  Transmit\n face |bytes packets\n" + line("  lo") +
                              line("eth0") + line("veth7"));
  }

  HostSampler sampler_{Proc(), Sys()};
};

TEST_F(HostSamplerTest, Memory_SwapAndLoad) {
  Write("proc/meminfo",
        "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 400 kB\nCached: 30 kB\nSwapCached: 7 kB\n"
        "SwapTotal: 50 kB\nSwapFree: 20 kB\n");
  Write("proc/loadavg", "1.50 1.00 0.25 1/100 1234\n");
  Write("proc/uptime", "3600.25 100.00\n");
  auto samples = Sample(&sampler_);
  EXPECT_EQ(samples["host.memory.total"].delta.last, 1000 * 1024);
  EXPECT_EQ(samples["host.memory.used"].delta.last, 600 * 1024);
  EXPECT_EQ(samples["host.memory.available"].delta.last, 400 * 1024);
  EXPECT_EQ(samples["host.memory.cached"].delta.last, 30 * 1024);
  EXPECT_EQ(samples["host.swap.total"].delta.last, 50 * 1024);
  EXPECT_EQ(samples["host.swap.used"].delta.last, 30 * 1024);
  EXPECT_DOUBLE_EQ(Real(samples["host.load.1m"]), 1.5);
  EXPECT_DOUBLE_EQ(Real(samples["host.load.5m"]), 1);
  EXPECT_DOUBLE_EQ(Real(samples["host.load.15m"]), 0.25);
  EXPECT_DOUBLE_EQ(Real(samples["host.uptime"]), 3600.25);
  EXPECT_EQ(samples["host.load.1m"].delta.last_unix_ns, now_ns_);
  EXPECT_EQ(samples["host.load.1m"].delta.Count(), 1u);
}

TEST_F(HostSamplerTest, Unknown_IsLeftOut) {
  Write("proc/meminfo", "MemTotal: 1000 kB\n");
  auto samples = Sample(&sampler_);
  EXPECT_EQ(samples.size(), 1u);
  EXPECT_THAT(samples, Contains(Key("host.memory.total")));
}

TEST_F(HostSamplerTest, Pressure_TimeIsACounterInSeconds) {
  Write("proc/pressure/io",
        "some avg10=25.00 avg60=0.16 avg300=0.06 total=2000000\n"
        "full avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n");
  auto first = Sample(&sampler_);
  EXPECT_DOUBLE_EQ(Real(first["host.pressure.10s/io/some"]), 0.25);
  EXPECT_DOUBLE_EQ(Real(first["host.pressure.10s/io/full"]), 0);
  EXPECT_THAT(first, Not(Contains(Key(StartsWith("host.pressure.time")))));
  Write("proc/pressure/io",
        "some avg10=25.00 avg60=0.16 avg300=0.06 total=2500000\n"
        "full avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n");
  auto second = Sample(&sampler_);
  EXPECT_DOUBLE_EQ(Real(second["host.pressure.time/io/some"]), 0.5);
  EXPECT_THAT(second, Not(Contains(Key("host.pressure.time/io/full")))) << "it stood still";
}

TEST_F(HostSamplerTest, Processors_TimeByModeAndUtilization) {
  const auto hertz = static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  WriteProcessors(hertz, hertz, hertz);
  EXPECT_DOUBLE_EQ(Real(Sample(&sampler_)["host.cpu.count"]), 2);
  WriteProcessors(hertz + 3 * hertz, hertz + 4 * hertz, hertz + hertz);
  auto samples = Sample(&sampler_);
  EXPECT_DOUBLE_EQ(Real(samples["host.cpu.time/user"]), 3);
  EXPECT_DOUBLE_EQ(Real(samples["host.cpu.time/idle"]), 4);
  EXPECT_DOUBLE_EQ(Real(samples["host.cpu.time/iowait"]), 1);
  EXPECT_NEAR(Real(samples["host.cpu.utilization"]), 3.0 / 8, 1e-6);
}

TEST_F(HostSamplerTest, Disks_WholeOnesOnly) {
  MakeDirectory("sys/block/sda/device");
  MakeDirectory("sys/block/dm-0");
  MakeDirectory("sys/block/loop0");
  WriteDisks(1);
  Sample(&sampler_);
  WriteDisks(3);
  auto samples = Sample(&sampler_);
  EXPECT_DOUBLE_EQ(Real(samples["host.disk.io/sda/read"]), 2 * 2000 * 512);
  EXPECT_DOUBLE_EQ(Real(samples["host.disk.io/sda/write"]), 2 * 4000 * 512);
  EXPECT_DOUBLE_EQ(Real(samples["host.disk.operations/sda/read"]), 2 * 10);
  EXPECT_DOUBLE_EQ(Real(samples["host.disk.operations/sda/write"]), 2 * 20);
  EXPECT_DOUBLE_EQ(Real(samples["host.disk.busy.time/sda"]), 1);
  EXPECT_EQ(samples.size(), 5u) << "a partition and a stacked device hold the same bytes";
}

TEST_F(HostSamplerTest, Disks_OneThatWasPulledStartsAnew) {
  MakeDirectory("sys/block/sda/device");
  WriteDisks(5);
  Sample(&sampler_);
  WriteDisks(1);
  EXPECT_TRUE(Sample(&sampler_).empty());
  WriteDisks(2);
  EXPECT_DOUBLE_EQ(Real(Sample(&sampler_)["host.disk.io/sda/read"]), 2000 * 512);
}

TEST_F(HostSamplerTest, Network_WhatHasHardware) {
  MakeDirectory("sys/class/net/eth0/device");
  MakeDirectory("sys/class/net/veth7");
  WriteNetwork(100);
  Sample(&sampler_);
  WriteNetwork(150);
  auto samples = Sample(&sampler_);
  EXPECT_DOUBLE_EQ(Real(samples["host.network.io/eth0/receive"]), 50);
  EXPECT_DOUBLE_EQ(Real(samples["host.network.io/eth0/transmit"]), 500);
  EXPECT_EQ(samples.size(), 2u) << "a pair's bytes are the bridge's and the card's too";
}

TEST_F(HostSamplerTest, Network_InAContainerAllButLoopback) {
  MakeDirectory("sys/class/net/eth0");
  WriteNetwork(100);
  Sample(&sampler_);
  WriteNetwork(150);
  auto samples = Sample(&sampler_);
  EXPECT_THAT(samples, Contains(Key("host.network.io/eth0/receive")));
  EXPECT_THAT(samples, Contains(Key("host.network.io/veth7/receive")));
  EXPECT_THAT(samples, Not(Contains(Key("host.network.io/lo/receive"))));
}

TEST_F(HostSamplerTest, Network_OfAHostWhoseProcIsMountedIsNotTheContainers) {
  Write("proc/1/net/dev", "eth9:1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
  WriteNetwork(100);
  Sample(&sampler_);
  Write("proc/1/net/dev", "eth9:4 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
  WriteNetwork(200);
  auto samples = Sample(&sampler_);
  EXPECT_EQ(samples.size(), 1u);
  EXPECT_DOUBLE_EQ(Real(samples["host.network.io/eth9/receive"]), 3);
}

TEST_F(HostSamplerTest, Malicious_FilesOfNonsenseAreRead) {
  for (const std::string& text : {std::string("\n\n::::\n"), std::string(70000, ':'),
                                  std::string("cpu\ncpu x\nsome\nfull avg10=\n"),
                                  std::string("MemTotal:\nMemTotal: kB\n\0\0\0", 26)}) {
    for (const char* name : {"meminfo", "loadavg", "uptime", "stat", "diskstats", "net/dev",
                             "pressure/cpu", "pressure/io", "pressure/memory"}) {
      Write(std::string("proc/") + name, text);
    }
    Sample(&sampler_);
    EXPECT_TRUE(Sample(&sampler_).empty()) << text.substr(0, 20);
  }
}

TEST_F(HostSamplerTest, Real_TheKernelOfThisMachineIsUnderstood) {
  HostSampler sampler;
  Sample(&sampler);
  auto samples = Sample(&sampler);
  EXPECT_GT(Real(samples["host.memory.total"]), Real(samples["host.memory.used"]));
  EXPECT_GT(Real(samples["host.memory.used"]), 0);
  EXPECT_GE(Real(samples["host.cpu.count"]), 1);
  EXPECT_GT(Real(samples["host.uptime"]), 0);
}

}  // namespace
}  // namespace ringside::agent
