// A directory, a state directory and an agent whose clock the test turns. What the agent committed
// is read from its spool, as the aggregator would get it.
#ifndef RINGSIDE_TESTS_AGENT_AGENT_FIXTURE_H_
#define RINGSIDE_TESTS_AGENT_AGENT_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/agent.h"
#include "proto/batch.h"
#include "proto/histogram.h"
#include "tests/agent/segment_builder.h"

namespace ringside::agent {

// A directory of its own, removed with everything in it.
class TempDirectory {
 public:
  explicit TempDirectory(const std::string& where);
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// All batches in the spool of a state directory, also while its agent runs.
std::vector<proto::Batch> ReadSpool(const std::string& state_directory);

class AgentTest : public testing::Test {
 protected:
  AgentTest();

  AgentConfig Config() const;
  void StartAgent() { StartAgent(Config()); }
  void StartAgent(const AgentConfig& config);
  // The agent's memory is gone; files stay as they are.
  void KillAgent() { agent_.reset(); }
  // One interval passes and is closed.
  void CloseInterval();
  void CloseIntervals(int count);

  // Everything committed so far.
  std::vector<proto::Batch> Batches() const { return ReadSpool(state_.path()); }
  // What was delivered of a series, all deltas merged; with `outcome` only of that.
  proto::Distribution Delivered(const std::string& path,
                                std::optional<proto::Outcome> outcome = {}) const;
  // The deltas of a series one by one, in order.
  std::vector<proto::Distribution> Deltas(const std::string& path) const;
  std::vector<proto::RequestRow> Requests() const;
  std::vector<proto::TimingRow> Timings() const;
  // The last that was said of a producer; fails the test if nothing was.
  proto::ProducerDelta Last(const proto::Uuid& uuid) const;
  bool WasNamed(const proto::Uuid& uuid) const;
  uint64_t Ticks() const { return monotonic_ns_; }

  TempDirectory segments_;
  TempDirectory state_;
  std::unique_ptr<Agent> agent_;
  uint64_t monotonic_ns_;
  uint64_t unix_ns_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_TESTS_AGENT_AGENT_FIXTURE_H_
