// Machine samples: known values from a made-up machine; what is not known is left out.
#include <filesystem>
#include <fstream>
#include <map>

#include <unistd.h>

#include "agent/host_sampler.h"
#include "agent/nvml_sampler.h"
#include "agent/process_sampler.h"
#include "tests/agent/agent_fixture.h"

namespace ringside::agent {
namespace {

class SamplerTest : public testing::Test {
 protected:
  SamplerTest() : proc_("/tmp") {}

  void Write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = proc_.path() + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  void WriteStat(uint64_t cpu_ticks, uint64_t start) {
    Write("77/stat", "77 (a (b) c) S 1 1 1 0 -1 0 0 0 0 0 " + std::to_string(cpu_ticks) +
                         " 0 0 0 20 0 9 0 " + std::to_string(start) + " 1000 42 0 0\n");
  }
  // By path and, where there is one, the gpu.
  std::map<std::string, proto::SeriesDelta> Sample(Sampler* sampler) {
    std::vector<proto::SeriesDelta> samples;
    sampler->Sample({1000, {{77, "ocr"}, {78, "gone"}}}, &samples);
    std::map<std::string, proto::SeriesDelta> by_name;
    for (proto::SeriesDelta& sample : samples) {
      std::string name = sample.key.path;
      for (const auto& [key, value] : sample.key.labels) {
        if (key == "gpu") name += "/" + value;
      }
      by_name[name] = std::move(sample);
    }
    return by_name;
  }

  TempDirectory proc_;
};

TEST_F(SamplerTest, Host_MemorySwapAndLoad) {
  Write("meminfo",
        "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 400 kB\nSwapTotal: 50 kB\nSwapFree: 20 "
        "kB\n");
  Write("loadavg", "1.50 1.00 0.50 1/100 1234\n");
  HostSampler sampler(proc_.path());
  auto samples = Sample(&sampler);
  EXPECT_EQ(samples["host.memory.total"].delta.last, 1000 * 1024);
  EXPECT_EQ(samples["host.memory.used"].delta.last, 600 * 1024);
  EXPECT_EQ(samples["host.swap.used"].delta.last, 30 * 1024);
  const proto::SeriesDelta& load = samples["host.load.1m"];
  EXPECT_DOUBLE_EQ(static_cast<double>(load.delta.last) * proto::RealFactor(load.key), 1.5);
  EXPECT_EQ(load.delta.last_unix_ns, 1000u);
  EXPECT_EQ(load.delta.Count(), 1u);
}

TEST_F(SamplerTest, Host_WhatTheKernelDoesNotSayIsLeftOut) {
  Write("meminfo", "MemTotal: 1000 kB\n");
  HostSampler sampler(proc_.path());
  auto samples = Sample(&sampler);
  EXPECT_EQ(samples.size(), 1u);
  EXPECT_EQ(samples.count("host.memory.used"), 0u);
}

TEST_F(SamplerTest, Process_CpuIsTheIncreaseInSeconds) {
  const auto hertz = static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  ProcessSampler sampler(proc_.path());
  WriteStat(10 * hertz, 5);
  auto first = Sample(&sampler);
  EXPECT_EQ(first.count("process.cpu.time"), 0u) << "since when is not known yet";
  EXPECT_EQ(first["process.rss"].delta.last, 42 * sysconf(_SC_PAGESIZE));
  EXPECT_EQ(first["process.threads"].delta.last, 9);
  EXPECT_EQ(first["process.rss"].key.labels, (proto::LabelList{{"pid", "77"}, {"service", "ocr"}}));
  WriteStat(10 * hertz + hertz / 2, 5);
  auto second = Sample(&sampler);
  const proto::SeriesDelta& cpu = second["process.cpu.time"];
  EXPECT_EQ(cpu.key.kind, proto::Kind::kCounter);
  EXPECT_DOUBLE_EQ(static_cast<double>(cpu.delta.sum) * proto::RealFactor(cpu.key), 0.5);
}

TEST_F(SamplerTest, Process_AReusedPidStartsAnew) {
  ProcessSampler sampler(proc_.path());
  WriteStat(1000, 5);
  Sample(&sampler);
  WriteStat(10, 6);
  EXPECT_EQ(Sample(&sampler).count("process.cpu.time"), 0u);
}

TEST_F(SamplerTest, Gpu_EachWithItsNumber) {
  std::string reason;
  auto sampler = NvmlSampler::Open(RINGSIDE_FAKE_NVML, &reason);
  ASSERT_NE(sampler, nullptr) << reason;
  EXPECT_EQ(sampler->gpus(), 2u);
  auto samples = Sample(sampler.get());
  const proto::SeriesDelta& load = samples["gpu.utilization/0"];
  EXPECT_DOUBLE_EQ(static_cast<double>(load.delta.last) * proto::RealFactor(load.key), 0.25);
  EXPECT_EQ(samples["gpu.memory.used/1"].delta.last, int64_t{2} << 30);
  EXPECT_EQ(samples["gpu.memory.total/0"].delta.last, int64_t{80} << 30);
  EXPECT_EQ(samples["gpu.temperature/0"].delta.last, 61);
  EXPECT_EQ(samples.count("gpu.temperature/1"), 0u) << "not known is not 0";
}

TEST_F(SamplerTest, Gpu_AnAbsentLibraryIsNormal) {
  std::string reason;
  EXPECT_EQ(NvmlSampler::Open("libno-such-thing.so.1", &reason), nullptr);
  EXPECT_FALSE(reason.empty());
}

TEST_F(SamplerTest, Gpu_AnotherLibraryOfThatNameIsNotTrusted) {
  std::string reason;
  EXPECT_EQ(NvmlSampler::Open("libm.so.6", &reason), nullptr);
  EXPECT_THAT(reason, testing::HasSubstr("lacks a function"));
}

}  // namespace
}  // namespace ringside::agent
