#include "tests/agent/agent_fixture.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <fcntl.h>

#include "agent/directory_watch.h"
#include "agent/spool_file.h"
#include "proto/wire.h"

namespace ringside::agent {
namespace {

constexpr uint64_t kSecond = 1000000000;

}  // namespace

TempDirectory::TempDirectory(const std::string& where) : path_(where + "/ringside-test-XXXXXX") {
  if (mkdtemp(path_.data()) == nullptr) std::abort();
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::vector<proto::Batch> ReadSpool(const std::string& state_directory) {
  std::vector<proto::Batch> batches;
  proto::UniqueFd directory(open(state_directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::vector<std::string> names = ListNames(directory.get(), "");
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    if (name.rfind(kSpoolPrefix, 0) != 0) continue;
    auto file = SpoolFile::Open(directory.get(), name);
    if (!file) continue;
    auto contents = (*file)->Scan();
    EXPECT_TRUE(contents.ok()) << contents.message();
    for (const SpoolFile::Frame& frame : contents->frames) {
      auto bytes = (*file)->ReadFrame(frame);
      auto view = proto::OpenFrame(*bytes);
      EXPECT_TRUE(view.ok()) << view.message();
      auto batch = proto::DecodeBatch(*view);
      EXPECT_TRUE(batch.ok()) << batch.message();
      if (batch) batches.push_back(std::move(*batch));
    }
  }
  return batches;
}

AgentTest::AgentTest()
    : segments_("/dev/shm"),
      state_("/tmp"),
      monotonic_ns_(1000 * kSecond),
      unix_ns_(1800000000 * kSecond) {}

AgentConfig AgentTest::Config() const {
  AgentConfig config;
  config.directory = segments_.path();
  config.state_dir = state_.path();
  config.host = "test";
  config.samplers.EnableAll(false);
  return config;
}

void AgentTest::StartAgent(const AgentConfig& config) {
  auto agent = Agent::Start(config);
  ASSERT_TRUE(agent.ok()) << agent.message();
  agent_ = std::move(*agent);
  agent_->DoWork(monotonic_ns_, unix_ns_);
}

void AgentTest::CloseInterval() {
  monotonic_ns_ += kSecond;
  unix_ns_ += kSecond;
  agent_->DoWork(monotonic_ns_, unix_ns_);
}

void AgentTest::CloseIntervals(int count) {
  for (int i = 0; i < count; ++i) CloseInterval();
}

proto::Distribution AgentTest::Delivered(const std::string& path,
                                         std::optional<proto::Outcome> outcome) const {
  proto::Distribution total;
  for (const proto::Batch& batch : Batches()) {
    for (const proto::ProducerDelta& producer : batch.producers) {
      for (const proto::SeriesDelta& series : producer.series) {
        if (series.key->path != path || (outcome && series.key->outcome != *outcome)) continue;
        total.Merge(series.delta);
      }
    }
  }
  return total;
}

std::vector<proto::Distribution> AgentTest::Deltas(const std::string& path) const {
  std::vector<proto::Distribution> deltas;
  for (const proto::Batch& batch : Batches()) {
    for (const proto::ProducerDelta& producer : batch.producers) {
      for (const proto::SeriesDelta& series : producer.series) {
        if (series.key->path == path) deltas.push_back(series.delta);
      }
    }
  }
  return deltas;
}

std::vector<proto::RequestRow> AgentTest::Requests() const {
  std::vector<proto::RequestRow> rows;
  for (const proto::Batch& batch : Batches()) {
    for (const proto::ProducerDelta& producer : batch.producers) {
      rows.insert(rows.end(), producer.requests.begin(), producer.requests.end());
    }
  }
  return rows;
}

std::vector<proto::TimingRow> AgentTest::Timings() const {
  std::vector<proto::TimingRow> rows;
  for (const proto::Batch& batch : Batches()) {
    for (const proto::ProducerDelta& producer : batch.producers) {
      rows.insert(rows.end(), producer.timings.begin(), producer.timings.end());
    }
  }
  return rows;
}

bool AgentTest::WasNamed(const proto::Uuid& uuid) const {
  for (const proto::Batch& batch : Batches()) {
    for (const proto::ProducerDelta& producer : batch.producers) {
      if (producer.uuid == uuid) return true;
    }
  }
  return false;
}

proto::ProducerDelta AgentTest::Last(const proto::Uuid& uuid) const {
  proto::ProducerDelta last;
  bool found = false;
  for (const proto::Batch& batch : Batches()) {
    for (const proto::ProducerDelta& producer : batch.producers) {
      if (producer.uuid != uuid) continue;
      last = producer;
      found = true;
    }
  }
  EXPECT_TRUE(found) << "no batch names producer " << proto::ToString(uuid);
  return last;
}

}  // namespace ringside::agent
