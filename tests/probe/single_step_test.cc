// A worker dies after each of the instructions of an operation. Whatever the instruction was: the
// agent reads the segment, delivers every sample that was recorded before, and at most the one in
// hand is there or not, in the statistics and in the raw detail.
//
// EveryInstruction looks at the shared memory after each step and folds a copy whenever it has
// changed. Killed kills for real: at some of the instructions that changed something, or, with
// RINGSIDE_LONG set, at every one.
#include <algorithm>
#include <filesystem>
#include <numeric>
#include <ostream>
#include <random>
#include <set>

#include <fcntl.h>
#include <unistd.h>

#include "proto/unique_fd.h"
#include "tests/agent/segment_fold.h"
#include "tests/probe/probe_fixture.h"
#include "tests/probe/step_cases.h"

namespace ringside::tests {
namespace {

using agent::Folded;
using proto::Outcome;

constexpr size_t kKills = 3;         // of one case
constexpr size_t kMostKills = 5000;  // the same, with RINGSIDE_LONG
constexpr int kMostSteps = 1'000'000;

class SingleStep : public ProbeTest, public ::testing::WithParamInterface<StepCase> {
 protected:
  void SetUp() override {
    if (!WhyNot().empty()) GTEST_SKIP() << WhyNot();
    ProbeTest::SetUp();
    Environment("RINGSIDE_LANES", "8");
    Environment("RINGSIDE_SERIES", "256");
    Environment("RINGSIDE_SLOTS", "4");
    Environment("RINGSIDE_POOL_BYTES", "1048576");
    for (const auto& [name, value] : GetParam().environment) Environment(name, value);
  }
  void TearDown() override {
    if (WhyNot().empty()) ProbeTest::TearDown();
  }
  // Tried once.
  static const std::string& WhyNot() {
    static const std::string kWhyNot = SteppedWorker::WhyNot();
    return kWhyNot;
  }

  // The name of the one segment there is; empty: none yet.
  std::string SegmentName() const {
    for (const auto& entry : std::filesystem::directory_iterator(directory())) {
      if (entry.path().extension() == proto::kSegmentSuffix) return entry.path().filename();
    }
    return {};
  }
  bool Begin(SteppedWorker* worker) {
    const pid_t pid = Start([&] { worker->Work(GetParam().body); });
    if (!worker->RunToBegin(pid)) return false;
    if (GetParam().agent_follows) fold_.Follow(directory() + "/" + SegmentName());
    return !HasFatalFailure();
  }
  // Takes in what the segment holds. False: it is what it was, or there is none.
  bool Look() {
    if (!file_.ok()) {
      name_ = SegmentName();
      if (name_.empty()) return false;
      file_.Reset(open((directory() + "/" + name_).c_str(), O_RDONLY | O_CLOEXEC));
    }
    return image_.Update(file_.get());
  }
  void Forget() {
    file_.Reset();
    image_ = {};
  }

  void Check(const Folded& folded, uint32_t begun, uint32_t ended) const;
  void CheckStatistics(const Folded& folded, uint32_t begun, uint32_t ended) const;
  void CheckDetail(const Folded& folded, uint32_t ended) const;
  void CheckRequests(const Folded& folded, uint32_t begun, uint32_t ended) const;
  void CheckWithoutTheAgent(const Folded& folded) const;

  agent::SegmentFold fold_;
  proto::UniqueFd file_;
  std::string name_;
  SparseFile image_;
};

void SingleStep::CheckStatistics(const Folded& folded, uint32_t begun, uint32_t ended) const {
  const StepCase& c = GetParam();
  proto::Distribution all = folded.Of(c.path, Outcome::kOk);
  all.Merge(folded.Of(c.path, Outcome::kError));
  const uint64_t fresh = all.Count() - c.before;
  if (c.is_counted) {
    EXPECT_GE(fresh, ended);
    EXPECT_LE(fresh, begun);
  } else {
    EXPECT_EQ(all.Count(), c.before);
  }
  if (!c.value) return;
  // The bucket first, then the sum.
  const auto sum = static_cast<int64_t>(all.sum) - static_cast<int64_t>(c.before_sum);
  const uint64_t most = c.is_counted ? fresh : begun;
  EXPECT_TRUE(sum == *c.value * int64_t{ended} || sum == *c.value * static_cast<int64_t>(most))
      << sum;
  if (!c.is_counted || fresh == 0) return;
  ASSERT_TRUE(all.has_extremes);
  EXPECT_LE(all.min, *c.value);
  EXPECT_GE(all.max, *c.value);
}

void SingleStep::CheckDetail(const Folded& folded, uint32_t ended) const {
  const StepCase& c = GetParam();
  for (const proto::TimingRow& row : folded.timings) {
    if (row.key->path != c.path || !c.value) continue;
    EXPECT_TRUE(row.value == 5 || row.value == *c.value) << row.value;
  }
  EXPECT_EQ(folded.totals.dropped[static_cast<size_t>(proto::DropReason::kCorrupt)], 0u);
  // Counted, but not yet in the ring.
  EXPECT_GE(folded.DetailMissing(), 0);
  EXPECT_LE(folded.DetailMissing(), ended == 0 ? 1 : 0);
  uint64_t samples = 0;
  for (const proto::SeriesDelta& one : folded.series) {
    const bool is_stage = one.key->path.rfind("job/", 0) == 0;
    if (!is_stage) samples += one.delta.Count();
  }
  EXPECT_GE(samples, folded.totals.detail_written);
  EXPECT_LE(samples, folded.totals.detail_written + (ended == 0 ? 1 : 0));
}

void SingleStep::CheckRequests(const Folded& folded, uint32_t begun, uint32_t ended) const {
  const StepCase& c = GetParam();
  const bool has_ok = c.detail == RawDetail::kRequest || c.is_open_before;
  const uint64_t ok = folded.Of("job", Outcome::kOk).Count();
  const uint64_t aborted = folded.Of("job", Outcome::kAborted).Count();
  if (!has_ok) {
    EXPECT_EQ(ok + aborted, 0u);
    return;
  }
  EXPECT_LE(aborted, 1u);
  if (begun == 0) {
    EXPECT_EQ(aborted, c.is_open_before ? 1u : 0u);
  }
  if (ended != 0) {
    EXPECT_EQ(aborted, c.is_open_after ? 1u : 0u);
  }
  // An open request is never forgotten.
  if (c.is_open_before) {
    EXPECT_GE(ok + aborted, c.before + 1);
  }
  for (const proto::RequestRow& row : folded.requests) {
    const bool is_aborted = row.outcome == Outcome::kAborted;
    EXPECT_EQ(row.operation, "job");
    EXPECT_FALSE(row.id.empty());
    ASSERT_FALSE(row.attributes.empty());
    EXPECT_EQ(std::get<std::string>(row.attributes[0].second), "a.wav");
    if (is_aborted) continue;
    ASSERT_EQ(row.steps.size(), 1u);
    EXPECT_EQ(row.steps[0].name, "step");
    EXPECT_EQ(row.steps[0].outcome, Outcome::kOk);
  }
}

// A reader of its own comes to the same, and the in-flight word names a series.
void SingleStep::CheckWithoutTheAgent(const Folded& folded) const {
  const StepCase& c = GetParam();
  const auto view = SegmentView::Open(fold_.PathOf(name_));
  ASSERT_NE(view, nullptr);
  for (const Outcome outcome : {Outcome::kOk, Outcome::kError}) {
    const SeriesTotals totals = view->Totals(c.path, outcome);
    const proto::Distribution delivered = folded.Of(c.path, outcome);
    EXPECT_EQ(totals.count, delivered.Count());
    EXPECT_EQ(totals.sum, static_cast<uint64_t>(delivered.sum));
  }
  for (uint32_t lane = 0; lane < view->lanes_used(); ++lane) {
    const uint64_t word = view->lane(lane).in_flight.load();
    EXPECT_LT(word >> 40, view->header().series_count.load());
  }
}

void SingleStep::Check(const Folded& folded, uint32_t begun, uint32_t ended) const {
  EXPECT_EQ(folded.refusal, "");
  EXPECT_TRUE(folded.is_final);
  EXPECT_EQ(folded.totals.recorded, folded.Samples());
  for (const uint64_t lost : folded.totals.lost) EXPECT_EQ(lost, 0u);
  CheckStatistics(folded, begun, ended);
  CheckDetail(folded, ended);
  CheckRequests(folded, begun, ended);
}

TEST_P(SingleStep, EveryInstruction_LeavesAWholeSegment) {
  SteppedWorker worker;
  ASSERT_TRUE(Begin(&worker));
  std::optional<uint64_t> size_before;
  uint32_t last_begun = ~0u;
  uint64_t last_count = 0;
  int steps = 0;
  int states = 0;
  for (bool is_running = true; is_running && !HasFailure(); ++steps) {
    if (steps > 0) is_running = worker.Step();
    ASSERT_TRUE(worker.is_alive()) << "died of itself at step " << steps;
    ASSERT_LT(steps, kMostSteps);
    const bool has_changed = Look();
    if (image_.empty()) {
      ASSERT_EQ(worker.ended(), 0u);
      continue;
    }
    if (!has_changed && is_running && worker.begun() == last_begun) continue;
    last_begun = worker.begun();
    ++states;
    SCOPED_TRACE("after " + std::to_string(steps) + " instructions");
    const Folded folded = fold_.Fold(image_, name_);
    Check(folded, worker.begun(), worker.ended());
    CheckWithoutTheAgent(folded);
    const auto view = SegmentView::Open(fold_.PathOf(name_));
    EXPECT_GE(view->TotalCount(), last_count) << "a cell went backwards";
    last_count = view->TotalCount();
    if (GetParam().grows == nullptr) continue;
    const uint64_t size = GetParam().grows(*view);
    if (!size_before) size_before = size;
    if (!is_running) {
      EXPECT_GT(size, *size_before) << "not what the case is named for";
    }
  }
  EXPECT_EQ(worker.ended(), 1u);
  EXPECT_GE(states, 4);  // before, the sample itself, its sum, after
  RecordProperty("instructions", steps);
  RecordProperty("states", states);
}

TEST_P(SingleStep, Killed_TheAgentFoldsIt) {
  std::vector<int> moments;
  {
    SteppedWorker worker;
    ASSERT_TRUE(Begin(&worker));
    std::vector<int> all;
    int step = 0;
    do {
      if (Look() || IsLong()) all.push_back(step);
      ASSERT_LT(++step, kMostSteps);
    } while (worker.Step());
    std::mt19937 random(static_cast<unsigned>(std::hash<std::string>{}(GetParam().name)));
    std::sample(all.begin(), all.end(), std::back_inserter(moments), IsLong() ? kMostKills : kKills,
                random);
  }
  for (const int moment : moments) {
    SCOPED_TRACE("killed after " + std::to_string(moment) + " instructions");
    for (const auto& entry : std::filesystem::directory_iterator(directory())) {
      std::filesystem::remove_all(entry);
    }
    Forget();
    SteppedWorker worker;
    const pid_t pid = Start([&] { worker.Work(GetParam().body); });
    ASSERT_TRUE(worker.RunToBegin(pid));
    for (int step = 0; step < moment && worker.Step(); ++step) {
    }
    const uint32_t begun = worker.begun();
    const uint32_t ended = worker.ended();
    worker.Kill();
    if (SegmentName().empty()) {
      EXPECT_EQ(ended, 0u);
      continue;
    }
    Check(agent::FoldByAgent(directory()), begun, ended);
    EXPECT_EQ(SegmentName(), "");
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Case, SingleStep, ::testing::ValuesIn(StepCases()),
                         [](const auto& one) { return one.param.name; });

}  // namespace

void PrintTo(const StepCase& value, std::ostream* out) { *out << value.name; }

}  // namespace ringside::tests
