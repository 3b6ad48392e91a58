// NVIDIA GPUs, through a library that stands in for NVIDIA's.
#include "agent/nvml_sampler.h"

#include "tests/agent/sampler_fixture.h"

namespace ringside::agent {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Key;
using testing::Not;

class NvmlSamplerTest : public SamplerTest {};

TEST_F(NvmlSamplerTest, Gpu_EachWithItsNumber) {
  NvmlSampler sampler(RINGSIDE_FAKE_NVML);
  auto samples = Sample(&sampler);
  EXPECT_NEAR(Real(samples["gpu.utilization/0"]), 0.25, 1e-6);
  EXPECT_EQ(samples["gpu.memory.used/1"].delta.last, int64_t{2} << 30);
  EXPECT_EQ(samples["gpu.memory.total/0"].delta.last, int64_t{80} << 30);
  EXPECT_EQ(samples["gpu.temperature/0"].delta.last, 61);
  EXPECT_THAT(samples, Not(Contains(Key("gpu.temperature/1")))) << "not known is not 0";
  EXPECT_THAT(Notes(), ElementsAre("2 NVIDIA GPUs"));
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
  EXPECT_THAT(Notes(), ElementsAre(HasSubstr("lacks a function")));
}

}  // namespace
}  // namespace ringside::agent
