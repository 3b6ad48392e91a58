#include "tests/agent/segment_fold.h"

#include <filesystem>
#include <numeric>

#include <fcntl.h>
#include <unistd.h>

#include "agent/producer.h"
#include "proto/tick_clock.h"
#include "proto/unique_fd.h"

namespace ringside::agent {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

proto::UniqueFd OpenDirectory(const std::string& path) {
  return proto::UniqueFd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace

void Folded::Add(const proto::ProducerDelta& delta) {
  if (!delta.quarantine.empty()) refusal = delta.quarantine;
  is_final = delta.is_final;
  totals = delta.totals;
  series.insert(series.end(), delta.series.begin(), delta.series.end());
  requests.insert(requests.end(), delta.requests.begin(), delta.requests.end());
  timings.insert(timings.end(), delta.timings.begin(), delta.timings.end());
}

proto::Distribution Folded::Of(const std::string& path,
                               std::optional<proto::Outcome> outcome) const {
  proto::Distribution all;
  for (const proto::SeriesDelta& one : series) {
    if (one.key->path == path && (!outcome || one.key->outcome == *outcome)) all.Merge(one.delta);
  }
  return all;
}

uint64_t Folded::Samples() const {
  uint64_t samples = 0;
  for (const proto::SeriesDelta& one : series) samples += one.delta.Count();
  return samples;
}

int64_t Folded::DetailMissing() const {
  const uint64_t dropped =
      std::accumulate(totals.dropped.begin(), totals.dropped.end(), uint64_t{0});
  return static_cast<int64_t>(totals.detail_written - totals.detail_sent - dropped);
}

SegmentFold::SegmentFold() : directory_("/dev/shm"), baselines_("/dev/shm") {}

void SegmentFold::Follow(const std::string& path) {
  const std::filesystem::path file(path);
  followed_.emplace();
  Collect(file.parent_path(), file.filename(), 1, &*followed_);
  ASSERT_FALSE(followed_->is_final);
  baseline_path_ = baselines_.path() + "/" + file.stem().string() + kBaselineSuffix;
  const proto::UniqueFd fd(open(baseline_path_.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(fd.ok());
  baseline_.Update(fd.get());
}

Folded SegmentFold::Fold(const tests::SparseFile& segment, const std::string& name) {
  for (const auto& old : std::filesystem::directory_iterator(baselines_.path())) {
    std::filesystem::remove(old);
  }
  Folded folded;
  uint64_t committed = 1;
  if (followed_) {
    folded = *followed_;
    EXPECT_TRUE(baseline_.WriteTo(baseline_path_));
    ++committed;
  }
  EXPECT_TRUE(segment.WriteTo(PathOf(name)));
  Collect(directory_.path(), name, committed, &folded);
  return folded;
}

void SegmentFold::Collect(const std::string& directory, const std::string& name, uint64_t committed,
                          Folded* folded) {
  const proto::UniqueFd segments = OpenDirectory(directory);
  const proto::UniqueFd baselines = OpenDirectory(baselines_.path());
  SegmentFile::OpenError error;
  auto segment = SegmentFile::Open(segments.get(), name, OwnerRule(), &error);
  if (segment == nullptr) {
    folded->refusal = error.reason;
    return;
  }
  auto producer = Producer::Attach(std::move(segment), baselines.get(), committed);
  if (!producer) {
    folded->refusal = producer.message();
    return;
  }
  CloseContext context;
  context.now_monotonic_ns = proto::MonotonicNs();
  context.now_unix_ns = proto::UnixNs();
  context.interval_start_unix_ns = context.now_unix_ns - kSecond;
  context.budget.timings = 1 << 20;
  processes_.BeginRound();
  context.processes = &processes_;
  proto::ProducerDelta delta;
  if (!(*producer)->Collect(context, &delta)) return;
  folded->Add(delta);
  (*producer)->Tag(committed + 1);
  (*producer)->Flip();
  (*producer)->PublishTails();
}

Folded FoldByAgent(const std::string& directory) {
  const TempDirectory state("/dev/shm");
  AgentConfig config;
  config.directory = directory;
  config.state_dir = state.path();
  config.host = "test";
  config.samplers.EnableAll(false);
  config.detail.timings = 1 << 20;
  Folded folded;
  uint64_t segments = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() == proto::kSegmentSuffix) ++segments;
  }
  auto agent = Agent::Start(config);
  EXPECT_TRUE(agent.ok()) << agent.message();
  if (!agent) return folded;
  const uint64_t monotonic_ns = proto::MonotonicNs();
  const uint64_t unix_ns = proto::UnixNs();
  // Met, found dead, retired and copied for the last time, removed.
  for (uint64_t i = 0; i < 4; ++i) {
    (*agent)->DoWork(monotonic_ns + i * kSecond, unix_ns + i * kSecond);
  }
  EXPECT_EQ((*agent)->counters().removed, segments);
  for (const proto::Batch& batch : ReadSpool(state.path())) {
    for (const proto::ProducerDelta& producer : batch.producers) {
      if (!producer.is_agent) folded.Add(producer);
    }
  }
  return folded;
}

}  // namespace ringside::agent
