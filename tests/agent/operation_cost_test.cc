// CPU, memory and GPU joined to what was in flight: a made-up /proc with known numbers.
#include "agent/operation_cost.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "agent/observing_cost.h"
#include "agent/operation_gpu.h"
#include "agent/producer_set.h"
#include "agent/sampler.h"
#include "proto/inflight_word.h"
#include "tests/agent/agent_fixture.h"

namespace ringside::agent {
namespace {

constexpr uint64_t kSecond = 1000000000;
constexpr uint64_t kQuarter = kSecond / 4;
constexpr uint32_t kTid = 4242;

class OperationCostTest : public AgentTest {
 protected:
  OperationCostTest() : proc_("/tmp"), segment_(segments_.path()), cost_(proc_.path()) {
    decode_ = segment_.AddDuration("decode");
    encode_ = segment_.AddDuration("encode");
    request_ = segment_.AddDuration("transcribe");
    stage_ = segment_.AddDuration("transcribe/load");
    segment_.header()->lanes_used.store(3);
    segment_.Live();
    directory_ = proto::UniqueFd(open(segments_.path().c_str(), O_RDONLY | O_DIRECTORY));
    agent_directory_ = proto::UniqueFd(open(state_.path().c_str(), O_RDONLY | O_DIRECTORY));
    set_ = std::make_unique<ProducerSet>(directory_.get(), agent_directory_.get(), OwnerRule{});
    std::vector<std::string> notes;
    set_->Rescan(0, &notes);
    CloseContext context;
    context.now_monotonic_ns = monotonic_ns_;
    context.now_unix_ns = unix_ns_;
    ProcessMaps maps;
    context.processes = &maps;
    proto::ProducerDelta delta;
    set_->All()[0]->Collect(context, &delta);
  }

  void Write(const std::string& name, const std::string& text) const {
    const std::filesystem::path path =
        proc_.path() + "/" + std::to_string(segment_.process()) + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  void Thread(uint64_t cpu_ns) const {
    Write("task/" + std::to_string(kTid) + "/schedstat", std::to_string(cpu_ns) + " 7 9\n");
  }
  void Process(uint64_t cpu_ticks, uint64_t rss_pages, uint64_t start = 5) const {
    Write("stat", "77 (a) S 1 1 1 0 -1 0 0 0 0 0 " + std::to_string(cpu_ticks) +
                      " 0 0 0 20 0 9 0 " + std::to_string(start) + " 1000 " +
                      std::to_string(rss_pages) + " 0 0\n");
  }
  void InLane(uint32_t lane, uint32_t series) {
    segment_.lane(lane)->owner_tid = kTid;
    segment_.lane(lane)->in_flight.store(proto::InFlightWord(series, monotonic_ns_ - kSecond));
  }
  void Idle(uint32_t lane) { segment_.lane(lane)->in_flight.store(0); }
  std::vector<ProducerInFlight> Sample() {
    std::vector<ProducerInFlight> looks(1);
    sampler_.Sample(*set_->All()[0], monotonic_ns_, unix_ns_, &looks[0]);
    if (looks[0].empty()) looks.clear();
    return looks;
  }
  // `count` looks, evenly over a quarter of a second; the last one reads, if something changed.
  void Look(int count) {
    for (int i = 0; i < count; ++i) {
      monotonic_ns_ += kQuarter / static_cast<uint64_t>(count);
      cost_.AddLook(Sample(), monotonic_ns_);
    }
  }
  // At a close: by path and operation.
  std::map<std::string, double> Costs() {
    cost_.Settle(monotonic_ns_);
    std::vector<proto::SeriesDelta> series;
    cost_.Append(unix_ns_, &series);
    std::map<std::string, double> costs;
    for (const proto::SeriesDelta& one : series) {
      const proto::Distribution& d = one.delta;
      const double integer = one.key->kind == proto::Kind::kCounter ? static_cast<double>(d.sum)
                                                                    : static_cast<double>(d.last);
      costs[one.key->path + " " + one.key->labels[0].second] = integer * proto::RealFactor(one.key);
    }
    return costs;
  }

  TempDirectory proc_;
  SegmentBuilder segment_;
  proto::UniqueFd directory_;
  proto::UniqueFd agent_directory_;
  std::unique_ptr<ProducerSet> set_;
  InFlightSampler sampler_;
  OperationCost cost_;
  uint32_t decode_ = 0;
  uint32_t encode_ = 0;
  uint32_t request_ = 0;
  uint32_t stage_ = 0;
};

TEST_F(OperationCostTest, Cpu_OfTheLanesThread) {
  Thread(3 * kSecond);
  InLane(1, decode_);
  Look(1);  // met first: since when is known from here on
  Thread(3 * kSecond + kSecond / 5);
  Look(5);
  auto costs = Costs();
  EXPECT_NEAR(costs["operation.cpu.time decode"], 0.2, 1e-5);
  EXPECT_EQ(costs.count("operation.rss.peak decode"), 0u) << "not known is not 0";
}

TEST_F(OperationCostTest, Cpu_IsSharedByLooks) {
  Thread(kSecond);
  InLane(1, decode_);
  Look(1);
  Thread(2 * kSecond);
  // One window: with the first, four looks meet decode, one encode, one nothing.
  constexpr uint32_t kNothing = 99;
  for (const uint32_t series : {decode_, decode_, encode_, kNothing, decode_}) {
    monotonic_ns_ += kQuarter / 5;
    if (series == kNothing) {
      Idle(1);
    } else {
      InLane(1, series);
    }
    cost_.AddLook(Sample(), monotonic_ns_);
  }
  auto costs = Costs();
  EXPECT_NEAR(costs["operation.cpu.time decode"], 0.8, 1e-5);
  EXPECT_NEAR(costs["operation.cpu.time encode"], 0.2, 1e-5);
}

// Where every look meets the same, a reading a second says as much as four.
TEST_F(OperationCostTest, Steady_IsReadOnceASecond) {
  Thread(0);
  InLane(1, decode_);
  Look(1);
  for (int quarter = 1; quarter <= 3; ++quarter) {
    Thread(static_cast<uint64_t>(quarter) * kQuarter);
    Look(5);
  }
  std::vector<proto::SeriesDelta> none;
  cost_.Append(unix_ns_, &none);
  EXPECT_TRUE(none.empty()) << "not read yet";
  EXPECT_NEAR(Costs()["operation.cpu.time decode"], 0.75, 1e-5) << "but before the close";
}

TEST_F(OperationCostTest, Steady_WhatComesNextHasNoneOfIt) {
  Thread(0);
  InLane(1, decode_);
  Look(1);
  Look(5);
  Thread(2 * kQuarter);
  Look(5);
  Look(5);
  InLane(1, encode_);
  Look(5);  // its first look ends what decode used
  auto costs = Costs();
  EXPECT_NEAR(costs["operation.cpu.time decode"], 0.5, 1e-5);
  EXPECT_EQ(costs.count("operation.cpu.time encode"), 0u);
}

TEST_F(OperationCostTest, Cpu_OfRequestsIsTheirProcessesInEachView) {
  Process(100, 10);
  EntryWriter entries;
  entries.Step(stage_, monotonic_ns_, 0, false);
  segment_.OpenRequest(0, request_, monotonic_ns_, entries.bytes());
  segment_.slot(0)->current_step.store(1);
  segment_.OpenRequest(1, request_, monotonic_ns_, "");
  Look(1);
  Process(100 + static_cast<uint64_t>(sysconf(_SC_CLK_TCK)), 10);  // a second more
  Look(5);
  auto costs = Costs();
  EXPECT_NEAR(costs["operation.cpu.time transcribe"], 1, 1e-5) << "both requests together";
  EXPECT_NEAR(costs["operation.cpu.time transcribe/load"], 1, 1e-5) << "another view of it";
}

TEST_F(OperationCostTest, Memory_GrowthIsSharedThePeakIsNot) {
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  Process(0, 100);
  InLane(1, decode_);
  InLane(2, encode_);
  Look(1);
  Process(0, 300);
  Look(1);
  Process(0, 200);  // what it gives back is no growth
  Look(1);
  auto costs = Costs();
  EXPECT_DOUBLE_EQ(costs["operation.rss.growth decode"], 100 * page);
  EXPECT_DOUBLE_EQ(costs["operation.rss.growth encode"], 100 * page);
  EXPECT_DOUBLE_EQ(costs["operation.rss.peak decode"], 300 * page);
}

TEST_F(OperationCostTest, Idle_TimeBetweenIsNobodys) {
  Thread(kSecond);
  InLane(1, decode_);
  Look(1);
  Idle(1);
  Look(1);
  cost_.Clear();
  Thread(5 * kSecond);
  Look(1);
  EXPECT_TRUE(Costs().empty());
  InLane(1, decode_);
  Thread(5 * kSecond + kSecond / 2);
  Look(1);
  EXPECT_NEAR(Costs()["operation.cpu.time decode"], 0.5, 1e-5) << "still followed: no gap";
}

TEST_F(OperationCostTest, Process_AReusedPidStartsAnew) {
  Process(100, 10, 5);
  segment_.OpenRequest(0, request_, monotonic_ns_, "");
  Look(1);
  cost_.Clear();
  Process(900, 500, 6);
  Look(1);
  EXPECT_TRUE(Costs().empty());
}

TEST_F(OperationCostTest, Gpu_OfProcessesThatHoldMemoryThere) {
  InLane(1, decode_);
  OperationGpu gpu;
  gpu.AddLook(Sample());
  const std::string pid = std::to_string(segment_.process());
  const std::vector<proto::SeriesDelta> machine = {
      GaugeSample("gpu.utilization", "1", {{"gpu", "0"}}, 1 << 19, 1, kFineResolution),
      GaugeSample("gpu.utilization", "1", {{"gpu", "1"}}, 1 << 18, 1, kFineResolution),
      GaugeSample("process.gpu.memory", "By", {{"gpu", "1"}, {"pid", pid}}, 5 << 20, 1),
      GaugeSample("process.gpu.memory", "By", {{"gpu", "0"}, {"pid", "1"}}, 7 << 20, 1)};
  std::vector<proto::SeriesDelta> out;
  gpu.Append(machine, 9, &out);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].key->path, "operation.gpu.memory");
  EXPECT_EQ(out[0].key->labels[0].second, "1");
  EXPECT_EQ(out[0].delta.last, 5 << 20);
  EXPECT_EQ(out[1].key->path, "operation.gpu.utilization");
  EXPECT_EQ(out[1].delta.last, 1 << 18);
  gpu.Clear();
  out.clear();
  gpu.Append(machine, 9, &out);
  EXPECT_TRUE(out.empty());
}

TEST(ObservingCost, Ratio_IsSamplesTimesCostOfTheCpuTime) {
  ObservingCost cost(100);
  cost.Add(7, 1000000);
  const proto::LabelList user = {{"mode", "user"}, {"pid", "7"}, {"service", "ocr"}};
  const proto::LabelList system = {{"mode", "system"}, {"pid", "7"}, {"service", "ocr"}};
  const proto::LabelList idle = {{"mode", "user"}, {"pid", "8"}, {"service", "ocr"}};
  const std::vector<proto::SeriesDelta> machine = {
      CounterSample("process.cpu.time", "s", user, 3 << 19, kFineResolution),
      CounterSample("process.cpu.time", "s", system, 1 << 19, kFineResolution),
      CounterSample("process.cpu.time", "s", idle, 0, kFineResolution)};
  std::vector<proto::SeriesDelta> out;
  cost.Append(machine, 9, &out);
  ASSERT_EQ(out.size(), 1u) << "of no CPU time there is no part";
  EXPECT_EQ(out[0].key->path, "process.observing.ratio");
  EXPECT_EQ(out[0].key->labels, (proto::LabelList{{"pid", "7"}, {"service", "ocr"}}));
  EXPECT_NEAR(std::ldexp(static_cast<double>(out[0].delta.last), kFineResolution), 0.05, 1e-5);
  cost.Committed();
  out.clear();
  cost.Append(machine, 9, &out);
  EXPECT_EQ(out[0].delta.last, 0) << "the samples were of that time, not of this";
}

TEST(ObservingCost, Ratio_OfACloseThatFailedIsNotCountedTwice) {
  ObservingCost cost(100);
  const std::vector<proto::SeriesDelta> machine = {CounterSample(
      "process.cpu.time", "s", {{"pid", "7"}, {"service", "asr"}}, 1000000, kFineResolution)};
  std::vector<proto::SeriesDelta> failed;
  cost.Begin();
  cost.Add(7, 1000);
  cost.Append(machine, 1, &failed);
  std::vector<proto::SeriesDelta> again;
  cost.Begin();
  cost.Add(7, 1000);  // what was not committed comes again
  cost.Append(machine, 1, &again);
  cost.Committed();
  ASSERT_EQ(failed.size(), 1u);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(failed[0].delta.last, again[0].delta.last);
}

TEST(ObservingCost, Measured_IsPositive) { EXPECT_GT(MeasureNsPerSample(), 0); }

}  // namespace
}  // namespace ringside::agent
