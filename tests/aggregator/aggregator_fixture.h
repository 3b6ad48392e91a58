// The aggregator in this process, with the socket of an agent.
#ifndef RINGSIDE_TESTS_AGGREGATOR_AGGREGATOR_FIXTURE_H_
#define RINGSIDE_TESTS_AGGREGATOR_AGGREGATOR_FIXTURE_H_

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "aggregator/aggregator.h"
#include "tests/aggregator/random_batch.h"
#include "tests/aggregator/test_agent.h"

namespace ringside::aggregator {

namespace fs = std::filesystem;

inline constexpr uint64_t kNow = 1'740'787'200'000'000'000;
inline constexpr uint64_t kSecond = 1'000'000'000;

class AggregatorTest : public testing::Test {
 protected:
  AggregatorTest() {
    std::string name = "/dev/shm/ringside-aggregator-XXXXXX";
    directory_ = mkdtemp(name.data());
    config_.data_dir = directory_ + "/data";
    config_.listen = "tcp://127.0.0.1:*";
    config_.http = "127.0.0.1:0";
  }
  ~AggregatorTest() override {
    agent_.reset();
    aggregator_.reset();
    fs::remove_all(directory_);
  }

  void Start() {
    auto started = Aggregator::Start(config_);
    ASSERT_TRUE(started.ok()) << started.message();
    aggregator_ = std::move(*started);
    agent_ = std::make_unique<TestAgent>(aggregator_->listen_endpoint());
  }
  void Stop() {
    agent_.reset();
    aggregator_.reset();
  }
  std::string CheckpointFile() const { return config_.data_dir + "/checkpoint"; }
  // All is read from the archive.
  void Restart() {
    Stop();
    fs::remove(CheckpointFile());
    Start();
  }
  void RestartFromCheckpoint() {
    Stop();
    ASSERT_TRUE(fs::exists(CheckpointFile()));
    Start();
    EXPECT_TRUE(aggregator_->start_report().files.empty()) << "the archive was read";
  }
  // Turns of both sides until `done`, or the better part of a minute.
  bool Until(const std::function<bool()>& done, TestAgent* agent = nullptr) {
    for (int turn = 0; turn < 20000; ++turn) {
      if (done()) return true;
      now_ += kSecond / 50;
      aggregator_->DoWork(now_);
      (agent != nullptr ? agent : agent_.get())->Receive(2);
    }
    return false;
  }
  void SendAndAwait(const std::vector<proto::Batch>& batches) {
    for (const proto::Batch& batch : batches) {
      ASSERT_TRUE(Until([&] { return agent_->Send(batch); }));
    }
    ASSERT_TRUE(Until([&] {
      return std::all_of(batches.begin(), batches.end(),
                         [&](const proto::Batch& b) { return agent_->acked().Contains(b.id); });
    }));
  }
  std::vector<proto::Batch> Batches(int count) {
    std::vector<proto::Batch> batches;
    for (int i = 0; i < count; ++i) batches.push_back(stream_.Next());
    return batches;
  }
  // A good agent on a connection of its own is served.
  void ExpectGoodAgentIsServed() {
    TestAgent good(aggregator_->listen_endpoint());
    RandomAgent stream(99, "good");
    const proto::Batch batch = stream.Next();
    good.Send(batch);
    EXPECT_TRUE(Until([&] { return good.acked().Contains(batch.id); }, &good));
  }
  std::string StartError(AggregatorConfig config) {
    auto started = Aggregator::Start(std::move(config));
    EXPECT_FALSE(started.ok());
    return started.ok() ? "" : started.message();
  }

  // Everything that the store holds of batches, as text.
  std::string DumpStore() const {
    std::vector<std::string> rows;
    const Window all{0, UINT64_MAX};
    aggregator_->store().ForEachSeries("", [&](const StoredSeries& series) {
      if (series.producer().service == "ringside-aggregator") return;  // what it saw of the hosts
      proto::Distribution sum = EmptyDistribution(series.key().resolution);
      series.MergeInto(all, &sum);
      std::string row = proto::ToString(series.producer().uuid) + series.key().path + "|" +
                        ToString(series.key().kind) + ToString(series.key().outcome) +
                        series.key().error_type;
      for (const auto& [key, value] : series.key().labels) row += "|" + key + "=" + value;
      row += "|" + std::to_string(sum.Count()) + "|" +
             std::to_string(static_cast<uint64_t>(sum.sum)) + "|" + std::to_string(sum.min) + "|" +
             std::to_string(sum.max) + "|" + std::to_string(sum.last) + "|";
      sum.histogram.Encode(&row);
      rows.push_back(std::move(row));
    });
    std::sort(rows.begin(), rows.end());
    aggregator_->store().ForEachRequest(all, [&](const StoredRequest& request) {
      rows.push_back(request.row.id);
      return true;
    });
    std::string text;
    for (const std::string& row : rows) text += row + "\n";
    return text;
  }
  std::string DumpLedger() const { return aggregator_->ledger().ToJson().dump(1); }

  std::string directory_;
  AggregatorConfig config_;
  uint64_t now_ = kNow;
  RandomAgent stream_{21};
  std::unique_ptr<Aggregator> aggregator_;
  std::unique_ptr<TestAgent> agent_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_TESTS_AGGREGATOR_AGGREGATOR_FIXTURE_H_
