// NVIDIA GPUs, through a library that stands in for NVIDIA's.
#include "agent/nvml_sampler.h"

#include <dlfcn.h>

#include "agent/machine_samples.h"
#include "tests/agent/sampler_fixture.h"

namespace ringside::agent {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Key;
using testing::Not;
using testing::StartsWith;

// Turns the knobs of the stand-in, which is loaded once for all.
class FakeNvml {
 public:
  explicit FakeNvml(const char* path) : library_(dlopen(path, RTLD_NOW)) {
    set_ = reinterpret_cast<void (*)(const char*, int)>(dlsym(library_, "FakeNvmlSet"));
  }
  ~FakeNvml() {
    for (const char* knob : {"lost", "hang", "stride", "mig", "init", "pid"}) Set(knob, 0);
    dlclose(library_);
  }
  FakeNvml(const FakeNvml&) = delete;
  FakeNvml& operator=(const FakeNvml&) = delete;
  void Set(const char* knob, int value) const { set_(knob, value); }

 private:
  void* library_;
  void (*set_)(const char*, int);
};

class NvmlSamplerTest : public SamplerTest {
 protected:
  NvmlSamplerTest() {
    Link("proc/1/ns/pid", "pid:[4026531836]");
    MakeDirectory("proc/80");
    Follow(80, "ocr");
    fake_.Set("pid", 80);
  }
  double RealOf(const std::map<std::string, proto::SeriesDelta>& samples, const std::string& name) {
    const auto found = samples.find(name);
    EXPECT_NE(found, samples.end()) << name;
    return found != samples.end() ? Real(found->second) : -1;
  }

  FakeNvml fake_{RINGSIDE_FAKE_NVML};
  NvmlSampler sampler_{RINGSIDE_FAKE_NVML, Proc()};
};

TEST_F(NvmlSamplerTest, Gpu_EachWithItsNumber) {
  const auto samples = Sample(&sampler_);
  EXPECT_NEAR(RealOf(samples, "gpu.utilization/0"), 0.25, 1e-6);
  EXPECT_NEAR(RealOf(samples, "gpu.utilization/1"), 1, 1e-6);
  EXPECT_NEAR(RealOf(samples, "gpu.memory.utilization/0"), 0.5, 1e-6);
  EXPECT_EQ(RealOf(samples, "gpu.memory.used/1"), 2.0 * (1 << 30));
  EXPECT_EQ(RealOf(samples, "gpu.memory.total/0"), 80.0 * (1 << 30));
  EXPECT_EQ(RealOf(samples, "gpu.memory.reserved/0"), 1 << 20);
  EXPECT_EQ(RealOf(samples, "gpu.temperature/0"), 61);
  EXPECT_NEAR(RealOf(samples, "gpu.power/0"), 250.5, 1e-5);
  EXPECT_NEAR(RealOf(samples, "gpu.power.limit/0"), 700, 1e-5);
  EXPECT_EQ(RealOf(samples, "gpu.clock.sm/0"), 1980e6);
  EXPECT_EQ(RealOf(samples, "gpu.clock.memory/0"), 2619e6);
  EXPECT_EQ(RealOf(samples, "gpu.info/570.1/0/Fake H1/GPU-aa/nvidia"), 1);
  EXPECT_EQ(RealOf(samples, "gpu.info/570.1/1/Fake H1/GPU-bb/nvidia"), 1);
  EXPECT_THAT(Notes(), ElementsAre("2 NVIDIA GPUs, driver 570.1"));
}

TEST_F(NvmlSamplerTest, Gpu_WhatOneDoesNotTellIsLeftOut) {
  const auto samples = Sample(&sampler_);
  EXPECT_THAT(samples, Not(Contains(Key("gpu.temperature/1"))));
  EXPECT_THAT(samples, Not(Contains(Key(StartsWith("gpu.ecc.errors.total/1")))));
}

TEST_F(NvmlSamplerTest, Throttling_ByReason) {
  const auto samples = Sample(&sampler_);
  EXPECT_EQ(RealOf(samples, "gpu.throttled/0/power_cap"), 1);
  EXPECT_EQ(RealOf(samples, "gpu.throttled/0/hardware_thermal"), 1);
  EXPECT_EQ(RealOf(samples, "gpu.throttled/0/thermal"), 0);
  EXPECT_EQ(RealOf(samples, "gpu.throttled/1/power_cap"), 0) << "idle is no throttling";
}

TEST_F(NvmlSamplerTest, Counters_EnergyAndErrors) {
  const auto first = Sample(&sampler_);
  EXPECT_THAT(first, Not(Contains(Key("gpu.ecc.errors/0/corrected"))));
  EXPECT_GE(RealOf(first, "gpu.ecc.errors.total/0/corrected"), 7);
  EXPECT_EQ(RealOf(first, "gpu.ecc.errors.total/0/uncorrected"), 2);
  const auto second = Sample(&sampler_);
  EXPECT_EQ(RealOf(second, "gpu.ecc.errors/0/corrected"), 1);
  EXPECT_THAT(second, Not(Contains(Key("gpu.ecc.errors/0/uncorrected"))));
  EXPECT_NEAR(RealOf(second, "gpu.energy/0"), 0.5, 0.01);
}

// Under whatever format the driver fills in.
TEST_F(NvmlSamplerTest, Processes_AreJoinedToProducers) {
  for (const int stride : {0, 16, 24, 32}) {
    SCOPED_TRACE(stride);
    fake_.Set("stride", stride);
    const auto samples = Sample(&sampler_);
    EXPECT_EQ(RealOf(samples, "process.gpu.memory/0/80/ocr"), 3.0 * (1 << 30));
    EXPECT_EQ(RealOf(samples, "gpu.processes/0/producer"), 1);
    EXPECT_EQ(RealOf(samples, "gpu.processes/0/unknown"), 39) << "nobody here has their pids";
    EXPECT_EQ(RealOf(samples, "gpu.processes/0/other"), 0);
    EXPECT_EQ(RealOf(samples, "gpu.memory.held/0/producer"), 3.0 * (1 << 30));
    EXPECT_EQ(RealOf(samples, "gpu.memory.held/0/unknown"), 38.0 * (1 << 20));
    EXPECT_EQ(RealOf(samples, "gpu.processes.untold/0"), 1);
    EXPECT_EQ(RealOf(samples, "gpu.processes/1/producer"), 0);
  }
}

TEST_F(NvmlSamplerTest, Processes_OthersAreCountedAsSuch) {
  processes_.clear();
  const auto samples = Sample(&sampler_);
  EXPECT_EQ(RealOf(samples, "gpu.processes/0/other"), 1);
  EXPECT_EQ(RealOf(samples, "gpu.memory.held/0/other"), 3.0 * (1 << 30));
  EXPECT_THAT(samples, Not(Contains(Key(StartsWith("process.gpu.memory")))));
}

TEST_F(NvmlSamplerTest, Processes_APidOfAnotherNamespaceProvesNothing) {
  Remove("proc/1/ns/pid");
  Link("proc/1/ns/pid", "pid:[4026532777]");
  NvmlSampler sampler(RINGSIDE_FAKE_NVML, Proc());
  EXPECT_EQ(RealOf(Sample(&sampler), "gpu.processes/0/unknown"), 40);
  Link("proc/80/fd/7", "/dev/nvidia0");
  EXPECT_EQ(RealOf(Sample(&sampler), "process.gpu.memory/0/80/ocr"), 3.0 * (1 << 30));
}

TEST_F(NvmlSamplerTest, Mig_SlicesHaveTheirOwnMemoryAndProcesses) {
  fake_.Set("mig", 1);
  const auto samples = Sample(&sampler_);
  EXPECT_EQ(RealOf(samples, "gpu.memory.total/0"), 80.0 * (1 << 30));
  EXPECT_EQ(RealOf(samples, "gpu.memory.total/0/2"), 10.0 * (1 << 30));
  EXPECT_EQ(RealOf(samples, "gpu.memory.used/0/2"), 3.0 * (1 << 30));
  EXPECT_EQ(RealOf(samples, "process.gpu.memory/0/2/80/ocr"), 3.0 * (1 << 30));
  EXPECT_THAT(samples, Not(Contains(Key("gpu.utilization/0")))) << "a divided GPU does not tell";
  EXPECT_THAT(samples, Not(Contains(Key("gpu.processes/0/producer")))) << "would count twice";
}

TEST_F(NvmlSamplerTest, Lost_OneThatFallsOffTheBusLeavesTheOthersAlone) {
  Sample(&sampler_);
  notes_.clear();
  fake_.Set("lost", 1);
  for (int i = 0; i < 3; ++i) Sample(&sampler_);
  const auto samples = Sample(&sampler_);
  EXPECT_THAT(samples, Not(Contains(Key("gpu.memory.used/0"))));
  EXPECT_EQ(RealOf(samples, "gpu.memory.used/1"), 2.0 * (1 << 30));
  EXPECT_THAT(Notes(), ElementsAre("GPU 0 fell off the bus: GPU is lost (NVML error 15); the "
                                   "others go on"));
  EXPECT_TRUE(notes_[0].is_warning);
  fake_.Set("lost", 0);
  EXPECT_THAT(Sample(&sampler_, 120), Contains(Key("gpu.memory.used/0")));
  EXPECT_EQ(Notes().back(), "GPU 0 is back");
}

TEST_F(NvmlSamplerTest, Library_OneOfAnOldDriverTellsWhatItKnows) {
  const FakeNvml old(RINGSIDE_FAKE_NVML_OLD);
  old.Set("pid", 80);
  NvmlSampler sampler(RINGSIDE_FAKE_NVML_OLD, Proc());
  const auto samples = Sample(&sampler);
  EXPECT_NEAR(RealOf(samples, "gpu.utilization/0"), 0.25, 1e-6);
  EXPECT_EQ(RealOf(samples, "gpu.memory.used/0"), 1.0 * (1 << 30));
  EXPECT_EQ(RealOf(samples, "process.gpu.memory/0/80/ocr"), 3.0 * (1 << 30));
  for (const char* name : {"gpu.power", "gpu.clock", "gpu.throttled", "gpu.ecc", "gpu.energy"}) {
    EXPECT_THAT(samples, Not(Contains(Key(StartsWith(name)))));
  }
  EXPECT_THAT(Notes(), ElementsAre("2 NVIDIA GPUs, driver unknown"));
}

TEST_F(NvmlSamplerTest, Library_WithoutADriverItIsTriedAgain) {
  fake_.Set("init", 9);
  EXPECT_TRUE(Sample(&sampler_).empty());
  EXPECT_THAT(Notes(), ElementsAre(HasSubstr("NVIDIA driver loaded?")));
  fake_.Set("init", 0);
  EXPECT_TRUE(Sample(&sampler_).empty()) << "not every second";
  EXPECT_FALSE(Sample(&sampler_, 60).empty());
}

TEST_F(NvmlSamplerTest, Library_AnAbsentOneIsNormal) {
  NvmlSampler sampler("libno-such-thing.so.1");
  EXPECT_TRUE(Sample(&sampler).empty());
  EXPECT_TRUE(Sample(&sampler, 60).empty());
  EXPECT_THAT(Notes(), ElementsAre(HasSubstr("libno-such-thing.so.1"))) << "said once";
}

TEST_F(NvmlSamplerTest, Library_AnotherOfThatNameIsNotTrusted) {
  NvmlSampler sampler("libm.so.6");
  EXPECT_TRUE(Sample(&sampler).empty());
  EXPECT_THAT(Notes(), ElementsAre(HasSubstr("is no NVML")));
}

// A driver that does not answer: the agent closes its intervals, says so once, and stops.
class HangingDriverTest : public AgentTest {
 protected:
  FakeNvml fake_{RINGSIDE_FAKE_NVML};
};

TEST_F(HangingDriverTest, Hang_DelaysNoIntervalAndNoStop) {
  AgentConfig config = Config();
  config.samplers.nvml_library = RINGSIDE_FAKE_NVML;
  config.samplers.nvidia = {true, std::chrono::milliseconds(5)};
  StartAgent(config);
  for (int i = 0; i < 2000 && Deltas("gpu.utilization").empty(); ++i) {
    CloseInterval();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ASSERT_FALSE(Deltas("gpu.utilization").empty());
  fake_.Set("hang", 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CloseIntervals(2);  // what had been found before
  const size_t before = Deltas("gpu.utilization").size();
  const uint64_t intervals = agent_->counters().intervals;
  CloseIntervals(20);
  EXPECT_EQ(agent_->counters().intervals, intervals + 20);
  EXPECT_EQ(Deltas("gpu.utilization").size(), before);
  agent_->FlushAndStop();
  agent_.reset();  // returns
  fake_.Set("hang", 0);
}

TEST_F(HangingDriverTest, Hang_IsSaidOnceAndSoIsItsEnd) {
  SamplersConfig config;
  config.EnableAll(false);
  config.nvml_library = RINGSIDE_FAKE_NVML;
  config.nvidia = {true, std::chrono::milliseconds(5)};
  config.hangs_after = std::chrono::milliseconds(20);
  fake_.Set("hang", 1);
  MachineSamples machine(config);
  std::vector<SamplerNote> notes;
  const auto collect_until = [&](const std::string& text) {
    for (int i = 0; i < 4000; ++i) {
      machine.Collect({}, 1, &notes);
      if (!notes.empty() && notes.back().text.find(text) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  };
  ASSERT_TRUE(collect_until("gpu.nvidia has not answered"));
  for (int i = 0; i < 5; ++i) machine.Collect({}, 1, &notes);
  EXPECT_EQ(std::count_if(notes.begin(), notes.end(),
                          [](const SamplerNote& note) { return note.is_warning; }),
            1);
  EXPECT_TRUE(std::any_of(
      machine.samples().begin(), machine.samples().end(),
      [](const proto::SeriesDelta& sample) { return sample.key->path == "agent.sampler.age"; }));
  fake_.Set("hang", 0);
  EXPECT_TRUE(collect_until("gpu.nvidia answers again"));
}

}  // namespace
}  // namespace ringside::agent
