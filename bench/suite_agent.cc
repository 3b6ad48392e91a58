// Suite agent, first part: draining and closing, in this process.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/detail_budget.h"
#include "agent/ring_drain.h"
#include "agent/segment_file.h"
#include "agent/series_table.h"
#include "bench/benchmark.h"
#include "bench/fleet.h"
#include "bench/measure.h"
#include "proto/tick_clock.h"
#include "proto/unique_fd.h"

namespace ringside::bench {
namespace {

using proto::Result;
using proto::Status;

// ---- agent.drain --------------------------------------------------------------------------------

// The only segment of a directory, as the agent opens it.
std::unique_ptr<agent::SegmentFile> OpenOnly(const std::string& directory) {
  const proto::UniqueFd fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() != ".seg") continue;
    agent::SegmentFile::OpenError error;
    return agent::SegmentFile::Open(fd.get(), entry.path().filename().string(), agent::OwnerRule(),
                                    &error);
  }
  return nullptr;
}

class DrainLoop {
 public:
  explicit DrainLoop(std::unique_ptr<agent::SegmentFile> segment)
      : segment_(std::move(segment)), drain_(*segment_, table_) {}

  Status Begin() {
    const Result<agent::SegmentUse> use = segment_->ReadUse();
    if (!use) return use.status();
    if (Status s = table_.Refresh(*segment_, use->series_count); !s) return s;
    lanes_ = std::make_unique<proto::Lane[]>(use->lanes_used);
    lane_count_ = use->lanes_used;
    if (Status s = ReadLanes(); !s) return s;
    return drain_.Begin(nullptr, 0, lanes_.get(), lane_count_);
  }

  // Nanoseconds of CPU for each record of about `records`, copied, validated and kept, all of them.
  Result<double> Drain(uint64_t records) {
    const agent::DetailBudget all{1u << 30, 1u << 30};
    uint64_t passed = 0;
    uint64_t cpu_ns = 0;
    while (passed < records) {
      usleep(1000);  // the writer fills the ring; in batches, as an agent that polls
      const uint64_t start = ThreadCpuNs();
      for (uint32_t lane = 0; lane < lane_count_; ++lane) {
        const Result<agent::RingHeads> heads = segment_->LoadHeads(lane);
        if (!heads) return heads.status();
        const uint64_t before = Passed(lane);
        if (Status s = drain_.DrainEarly(lane, *heads, all, {}); !s) return s;
        const agent::LaneCursor& now = drain_.cursor(lane);
        if (Status s = segment_->PublishTails(lane, now.timing_records, now.request_bytes); !s) {
          return s;
        }
        passed += Passed(lane) - before;
      }
      cpu_ns += ThreadCpuNs() - start;
    }
    const Result<uint64_t> kept = Commit(all);
    if (!kept) return kept.status();
    if (*kept < passed) {
      return Status::Error("only " + std::to_string(*kept) + " of " + std::to_string(passed) +
                           " records were kept");
    }
    return static_cast<double>(cpu_ns) / static_cast<double>(passed);
  }

 private:
  uint64_t Passed(uint32_t lane) const {
    return drain_.cursor(lane).timing_records + drain_.cursor(lane).requests;
  }

  Status ReadLanes() {
    return segment_->Read(segment_->geometry().lanes_offset, lane_count_ * sizeof(proto::Lane),
                          lanes_.get());
  }

  // What was kept becomes rows, and goes. Returns how many.
  Result<uint64_t> Commit(const agent::DetailBudget& budget) {
    if (Status s = ReadLanes(); !s) return s;
    std::vector<agent::LaneCursor> after(lane_count_);
    agent::Detail detail;
    Status status = drain_.Close(lanes_.get(), lane_count_, budget, {}, after.data(), &detail);
    if (!status) return status;
    drain_.Committed(after.data(), lane_count_);
    return detail.timings.size() + detail.requests.size();
  }

  std::unique_ptr<agent::SegmentFile> segment_;
  agent::SeriesTable table_;
  agent::RingDrain drain_;
  std::unique_ptr<proto::Lane[]> lanes_;
  uint32_t lane_count_ = 0;
};

// The same bytes, copied and nothing else.
double CopyNs() {
  constexpr size_t kRecords = 1 << 16;
  std::vector<proto::TimingRecord> from(kRecords);
  std::vector<proto::TimingRecord> to(kRecords);
  return NsPerTurn(
             [&](uint64_t turns) {
               for (uint64_t i = 0; i < turns; ++i) {
                 std::memcpy(to.data(), from.data(), kRecords * sizeof(proto::TimingRecord));
                 Keep(to[0].value);
               }
             },
             100) /
         kRecords;
}

// Millions of records a second. `records`: between two commits, within what an interval may keep.
Result<Figure> MeasureDrain(const Context& context, const FleetShape& shape, uint64_t records) {
  const Result<std::unique_ptr<Fleet>> fleet = Fleet::Start(shape);
  if (!fleet) return fleet.status();
  std::unique_ptr<agent::SegmentFile> segment = OpenOnly((*fleet)->segments());
  if (segment == nullptr) return Status::Error("fleet_worker made no segment");
  DrainLoop loop(std::move(segment));
  if (Status s = loop.Begin(); !s) return s;
  std::vector<double> each;
  std::vector<double> copies;
  for (int i = 0; i < (context.quick ? 5 : 21); ++i) {
    const Result<double> ns = loop.Drain(records);
    if (!ns) return ns.status();
    each.push_back(*ns);
    copies.push_back(CopyNs());
  }
  // Of so many ns each, in millions a second.
  return Figure{1e3 / Median(each), 1e3 / Median(copies)};
}

Result<Figure> MeasureDrainTimings(const Context& context) {
  FleetShape shape;
  shape.series = 100;
  shape.rate = 20e6;  // as fast as it can
  shape.ring_records = 1 << 17;
  return MeasureDrain(context, shape, 100'000);
}

Result<Figure> MeasureDrainRequests(const Context& context) {
  FleetShape shape;
  shape.requests = true;
  shape.rate = 5e6;  // likewise
  return MeasureDrain(context, shape, 2'000);
}

// ---- agent.interval -----------------------------------------------------------------------------

constexpr int kSeriesOfOne = 1000;  // of one worker; more series are more workers

// Milliseconds of CPU of this thread for one interval: all rounds of a second, its close included.
Result<double> IntervalMs(const Context& context, int series, double rate,
                          const agent::DetailBudget& detail = {}, int ring_records = 1024) {
  FleetShape shape;
  shape.ring_records = ring_records;
  shape.processes = (series + kSeriesOfOne - 1) / kSeriesOfOne;
  shape.series = std::min(series, kSeriesOfOne);
  shape.rate = rate / shape.processes;
  const Result<std::unique_ptr<Fleet>> fleet = Fleet::Start(shape);
  if (!fleet) return fleet.status();
  agent::AgentConfig config;
  config.directory = (*fleet)->segments();
  config.state_dir = (*fleet)->state();
  config.detail = detail;
  Result<std::unique_ptr<agent::Agent>> agent = agent::Agent::Start(config);
  if (!agent) return agent.status();
  std::vector<double> closes;
  uint64_t spent_ns = 0;
  const size_t wanted = context.quick ? 4 : 8;
  while (closes.size() < wanted) {
    const uint64_t intervals = (*agent)->counters().intervals;
    const uint64_t start = ThreadCpuNs();
    (*agent)->DoWork(proto::MonotonicNs(), proto::UnixNs());
    spent_ns += ThreadCpuNs() - start;
    if ((*agent)->counters().intervals != intervals) {
      closes.push_back(static_cast<double>(spent_ns) / 1e6);
      spent_ns = 0;
    }
    usleep(10'000);
  }
  closes.erase(closes.begin());  // the first one meets the producers
  return Median(closes);
}

// So many bytes as the series' blocks hold at least: a head and a table each.
double CopyBlocksMs(int series) {
  const size_t bytes =
      static_cast<size_t>(series) * (sizeof(proto::BlockHead) + sizeof(proto::BlockTable));
  std::vector<char> from(bytes);
  std::vector<char> to(bytes);
  return NsPerTurn(
             [&](uint64_t turns) {
               for (uint64_t i = 0; i < turns; ++i) {
                 std::memcpy(to.data(), from.data(), bytes);
                 Keep(to[0]);
               }
             },
             20) /
         1e6;
}

Benchmark SeriesBenchmark(int series) {
  return {"agent.interval_" + std::to_string(series), "agent", "ms", "memcpy of the series' blocks",
          [series](const Context& context) -> Result<Figure> {
            const Result<double> ms = IntervalMs(context, series, 10.0 * series);
            if (!ms) return ms.status();
            return Figure{*ms, CopyBlocksMs(series)};
          }};
}

Benchmark RateBenchmark(const std::string& name, double rate) {
  return {"agent.rate_" + name, "agent", "ms", "1,000 series at 10 k/s",
          [rate](const Context& context) -> Result<Figure> {
            const Result<double> ms = IntervalMs(context, 1000, rate);
            const Result<double> reference = IntervalMs(context, 1000, 10e3);
            if (!ms || !reference) return ms ? reference.status() : ms.status();
            return Figure{*ms, *reference};
          }};
}

// What raw detail costs: 100 series at 100 k/s, with rings that hold what comes between two looks.
Benchmark DetailBenchmark(const std::string& budget) {
  return {"agent.detail_" + budget, "agent", "ms", "the default budget",
          [budget](const Context& context) -> Result<Figure> {
            const Result<agent::DetailBudget> detail = agent::ParseDetailBudget(budget);
            if (!detail) return detail.status();
            const Result<double> ms = IntervalMs(context, 100, 100e3, *detail, 1 << 14);
            const Result<double> reference = IntervalMs(context, 100, 100e3, {}, 1 << 14);
            if (!ms || !reference) return ms ? reference.status() : ms.status();
            return Figure{*ms, *reference};
          }};
}

}  // namespace

void AddAgentSuite(std::vector<Benchmark>* benchmarks) {
  benchmarks->push_back(
      {"agent.drain", "agent", "M/s", "memcpy of the records", MeasureDrainTimings});
  benchmarks->push_back({"agent.drain_requests", "agent", "M/s", "memcpy of as many timing records",
                         MeasureDrainRequests});
  for (const int series : {10, 100, 1000, 10000}) benchmarks->push_back(SeriesBenchmark(series));
  benchmarks->push_back(RateBenchmark("0", 0));
  benchmarks->push_back(RateBenchmark("1M", 1e6));
  benchmarks->push_back(RateBenchmark("10M", 10e6));
  for (const char* const budget : {"off", "all"}) benchmarks->push_back(DetailBenchmark(budget));
  AddAgentProcess(benchmarks);
}

}  // namespace ringside::bench
