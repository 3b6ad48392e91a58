// The samplers of this machine, through the agent: with its intervals, and as it is configured; and
// what waits for it is bounded.
#include "agent/machine_samples.h"

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/agent/agent_fixture.h"

namespace ringside::agent {
namespace {

constexpr SamplerSetting kOften{true, std::chrono::milliseconds(5)};

class MachineTest : public AgentTest {
 protected:
  AgentConfig WithSamplers() const {
    AgentConfig config = Config();
    config.samplers.host = kOften;
    return config;
  }
  // Closes intervals until `condition` holds.
  void CloseUntil(const std::function<bool()>& condition) {
    for (int i = 0; i < 12000 && !condition(); ++i) {
      CloseInterval();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ASSERT_TRUE(condition());
  }
};

TEST_F(MachineTest, Samples_ComeWithTheIntervals) {
  StartAgent(WithSamplers());
  CloseUntil([&] { return Deltas("host.memory.used").size() >= 3; });
  EXPECT_GT(Delivered("host.memory.used").last, 0);
  EXPECT_GT(Delivered("agent.sampler.duration").Count(), 0u);
}

TEST_F(MachineTest, Configure_SwitchesSamplersWhileTheAgentRuns) {
  StartAgent();
  CloseIntervals(3);
  EXPECT_TRUE(Deltas("host.memory.used").empty());
  agent_->ConfigureSamplers(WithSamplers().samplers);
  CloseUntil([&] { return !Deltas("host.memory.used").empty(); });
}

TEST(MachineSamplesTest, Committed_OnlyThenAreSamplesForgotten) {
  SamplersConfig config;
  config.EnableAll(false);
  config.host = kOften;
  MachineSamples machine(config);
  std::vector<SamplerNote> notes;
  const auto count = [&] {
    uint64_t samples = 0;
    for (const auto& sample : machine.samples()) {
      if (sample.key->path == "host.memory.used") samples += sample.delta.Count();
    }
    return samples;
  };
  uint64_t last = 0;
  while (count() < 10) {
    machine.Collect({}, 1, &notes);
    EXPECT_GE(count(), last);
    last = count();
  }
  machine.Committed();
  EXPECT_EQ(count(), 0u);
}

TEST(SampleBoxTest, Bound_WhatDoesNotFitIsCounted) {
  SampleBox box;
  for (int round = 0; round < 2; ++round) {
    std::vector<proto::SeriesDelta> samples;
    for (size_t i = 0; i < SampleBox::kMostSeries + 5; ++i) {
      samples.push_back(CounterSample("c", "1", {{"n", std::to_string(i)}}, 1));
    }
    box.Add(std::move(samples));
  }
  EXPECT_EQ(box.samples().size(), SampleBox::kMostSeries);
  EXPECT_EQ(box.dropped(), 10u);
  EXPECT_EQ(box.samples().front().delta.sum, 2);
}

}  // namespace
}  // namespace ringside::agent
