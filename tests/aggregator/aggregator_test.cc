// The aggregator in this process, agents' sockets for real: exactly once, and nobody's nonsense
// concerns anybody else.
#include "aggregator/aggregator.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/aggregator/random_batch.h"
#include "tests/aggregator/test_agent.h"

namespace ringside::aggregator {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kNow = 1'740'787'200'000'000'000;
constexpr uint64_t kSecond = 1'000'000'000;

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
  void Restart() {
    agent_.reset();
    aggregator_.reset();
    Start();
  }
  // Turns of both sides until `done`, or a few seconds of real time.
  bool Until(const std::function<bool()>& done, TestAgent* agent = nullptr) {
    for (int turn = 0; turn < 2000; ++turn) {
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

TEST_F(AggregatorTest, Batch_IsAcknowledgedAndMerged) {
  Start();
  SendAndAwait(Batches(20));
  EXPECT_EQ(aggregator_->intake_counters().batches, 20u);
  EXPECT_EQ(aggregator_->ledger().Total().merged, stream_.samples());
  EXPECT_TRUE(aggregator_->ledger().Balanced());
}

TEST_F(AggregatorTest, Hello_IsAnsweredWithWhatIsDurable) {
  Start();
  agent_->SendHello(stream_.uuid(), stream_.epoch());
  ASSERT_TRUE(Until([&] { return agent_->welcome().has_value(); }));
  EXPECT_EQ(agent_->welcome()->applied_sequence, 0u);
  EXPECT_EQ(agent_->welcome()->epoch, stream_.epoch());
  SendAndAwait(Batches(7));
  Restart();
  agent_->SendHello(stream_.uuid(), stream_.epoch());
  ASSERT_TRUE(Until([&] { return agent_->welcome().has_value(); }));
  EXPECT_EQ(agent_->welcome()->applied_sequence, 7u);
}

TEST_F(AggregatorTest, Duplicate_IsAcknowledgedAgainAndCountsOnce) {
  Start();
  const std::vector<proto::Batch> batches = Batches(5);
  SendAndAwait(batches);
  const size_t frames = agent_->ack_frames();
  for (int i = 0; i < 3; ++i) {
    for (const proto::Batch& batch : batches) agent_->Send(batch);
  }
  ASSERT_TRUE(Until([&] { return aggregator_->intake_counters().duplicates == 15; }));
  ASSERT_TRUE(Until([&] { return agent_->ack_frames() > frames; }));
  EXPECT_EQ(aggregator_->intake_counters().batches, 5u);
  EXPECT_EQ(aggregator_->ledger().Total().merged, stream_.samples());
}

TEST_F(AggregatorTest, Duplicate_WithinOneGroupIsAcknowledgedToBothConnections) {
  Start();
  TestAgent second(aggregator_->listen_endpoint());
  const proto::Batch batch = stream_.Next();
  agent_->Send(batch);
  second.Send(batch);
  ASSERT_TRUE(Until([&] { return agent_->acked().Contains(batch.id); }));
  ASSERT_TRUE(Until([&] { return second.acked().Contains(batch.id); }, &second));
  EXPECT_EQ(aggregator_->intake_counters().batches, 1u);
}

TEST_F(AggregatorTest, Reordered_ReplayedAndDuplicatedFramesGiveTheSameAnswer) {
  Start();
  std::vector<proto::Batch> batches = Batches(40);
  std::vector<proto::Batch> sent = batches;
  sent.insert(sent.end(), batches.begin(), batches.end());
  std::shuffle(sent.begin(), sent.end(), std::mt19937_64(3));
  SendAndAwait(sent);
  EXPECT_EQ(aggregator_->intake_counters().batches, 40u);
  EXPECT_EQ(aggregator_->ledger().Total().merged, stream_.samples());
  EXPECT_TRUE(aggregator_->ledger().Balanced());
  Restart();
  for (const proto::Batch& batch : batches) agent_->Send(batch);
  ASSERT_TRUE(Until([&] { return aggregator_->intake_counters().duplicates == 40; }));
  EXPECT_EQ(aggregator_->ledger().Total().merged, stream_.samples());
}

TEST_F(AggregatorTest, Replay_EqualsTheLiveStoreAndLedger) {
  Start();
  SendAndAwait(Batches(60));
  const std::string store = DumpStore();
  const std::string ledger = DumpLedger();
  ASSERT_GT(store.size(), 1000u);
  Restart();
  EXPECT_EQ(DumpStore(), store);
  EXPECT_EQ(DumpLedger(), ledger);
}

TEST_F(AggregatorTest, Replay_EqualsTheLiveStoreForTextsThatAreNoText) {
  Start();
  proto::Batch batch = stream_.Next();
  while (batch.producers.empty()) batch = stream_.Next();
  batch.id.sequence = 1;
  batch.host = "host\xff";
  proto::SeriesDelta series;
  series.key.path = "path\xc3";
  series.key.labels = {{"model", std::string("nul\0\xfe", 5)}};
  series.delta.Record(5);
  batch.producers[0].series.push_back(series);
  SendAndAwait({batch});
  const std::string store = DumpStore();
  Restart();
  EXPECT_EQ(DumpStore(), store);
  EXPECT_TRUE(aggregator_->start_report().IsClean());
}

TEST_F(AggregatorTest, Version_OfAnotherMajorIsRefusedNamingBoth) {
  Start();
  std::string frame = proto::EncodeHello({});
  frame[4] = 9;
  agent_->Send(frame);
  ASSERT_TRUE(Until([&] { return !agent_->refusals().empty(); }));
  EXPECT_NE(agent_->refusals()[0].find("9.1"), std::string::npos) << agent_->refusals()[0];
  EXPECT_NE(agent_->refusals()[0].find("1.1"), std::string::npos) << agent_->refusals()[0];
  ExpectGoodAgentIsServed();
}

TEST_F(AggregatorTest, Malicious_FramesAreDroppedAndGoodAgentsServed) {
  Start();
  const std::string good = proto::EncodeBatch(stream_.Next());
  std::mt19937_64 random(4);
  uint64_t sent = 0;
  const auto hurl = [&](const std::string& frame) {
    ++sent;
    ASSERT_TRUE(Until([&] { return agent_->Send(frame); }));
  };
  hurl("");
  hurl("x");
  hurl(std::string(56, '\0'));
  hurl(std::string(100'000, 'R'));
  for (size_t size = 0; size < good.size(); size += 7) hurl(good.substr(0, size));
  for (int i = 0; i < 300; ++i) {
    std::string flipped = good;
    flipped[random() % flipped.size()] ^= static_cast<char>(1 + random() % 255);
    hurl(flipped);
  }
  ASSERT_TRUE(Until([&] {
    const IntakeCounters& counters = aggregator_->intake_counters();
    // The two empty frames are not handed on; a flip of the minor version leaves the batch as it
    // is.
    return counters.bad_frames + counters.refused + counters.batches + counters.duplicates + 2 >=
           sent;
  }));
  EXPECT_GT(aggregator_->intake_counters().bad_frames, 200u);
  const uint64_t merged = aggregator_->ledger().Total().merged;
  EXPECT_TRUE(merged == 0 || merged == stream_.samples()) << "no altered batch is taken";
  ExpectGoodAgentIsServed();
}

TEST_F(AggregatorTest, Malicious_WrongAgentInTheHeaderIsRefused) {
  Start();
  std::string frame = proto::EncodeBatch(stream_.Next());
  frame[offsetof(proto::WireHeader, agent)] ^= 1;  // not covered by the payload's checksum
  agent_->Send(frame);
  ASSERT_TRUE(Until([&] { return !agent_->refusals().empty(); }));
  EXPECT_NE(agent_->refusals()[0].find("different identities"), std::string::npos);
  EXPECT_EQ(aggregator_->intake_counters().batches, 0u);
  ExpectGoodAgentIsServed();
}

TEST_F(AggregatorTest, Malicious_SequenceZeroAndTooManyGapsAreRefused) {
  Start();
  proto::Batch batch = stream_.Next();
  batch.producers.clear();
  batch.id.sequence = 0;
  agent_->Send(batch);
  ASSERT_TRUE(Until([&] { return agent_->refusals().size() == 1; }));
  for (uint64_t i = 0; i < AppliedSet::kMaxRanges + 10; ++i) {
    batch.id.sequence = 2 + 2 * i;
    ASSERT_TRUE(Until([&] { return agent_->Send(batch); }));
  }
  // A group may hold more than has room; what is durable may not exceed it by more than a group.
  ASSERT_TRUE(Until([&] {
    return aggregator_->intake_counters().batches + agent_->refusals().size() ==
           AppliedSet::kMaxRanges + 11;
  }));
  batch.id.sequence = 1;
  SendAndAwait({batch});
}

TEST_F(AggregatorTest, Malicious_MultipartAndOversizedMessages) {
  Start();
  const std::string good = proto::EncodeBatch(stream_.Next());
  agent_->SendParts({good, good});
  agent_->SendParts({"", good});
  agent_->SendParts(std::vector<std::string>(500, good));
  ExpectGoodAgentIsServed();
  EXPECT_EQ(aggregator_->intake_counters().batches, 1u);
  {
    TestAgent oversized(aggregator_->listen_endpoint());
    oversized.Send(std::string(proto::kMaxFrameBytes + 1, 'x'));
    ExpectGoodAgentIsServed();  // ZeroMQ has closed the other connection
  }
  EXPECT_EQ(aggregator_->intake_counters().batches, 1u) << "the good agent's batch was a duplicate";
}

TEST_F(AggregatorTest, Full_DiskStopsAcknowledgementsUntilThereIsRoom) {
  signal(SIGXFSZ, SIG_IGN);
  Start();
  SendAndAwait(Batches(3));
  const std::vector<proto::Batch> waiting = Batches(5);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit limit = before;
  limit.rlim_cur = 10;
  setrlimit(RLIMIT_FSIZE, &limit);
  for (const proto::Batch& batch : waiting) agent_->Send(batch);
  const bool failed = Until([&] { return aggregator_->intake_counters().failed_commits >= 2; });
  setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_TRUE(failed);
  EXPECT_FALSE(agent_->acked().Contains(waiting[0].id));
  EXPECT_EQ(aggregator_->intake_counters().batches, 3u);
  SendAndAwait(waiting);
  Restart();
  EXPECT_EQ(aggregator_->ledger().Total().merged, stream_.samples());
  EXPECT_TRUE(aggregator_->start_report().IsClean());
}

TEST_F(AggregatorTest, Full_DiskIsSaidOnceAMinute) {
  signal(SIGXFSZ, SIG_IGN);
  Start();
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit limit = before;
  limit.rlim_cur = 10;
  // In memory: no file can be written here.
  const auto told = std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(1000);
  const auto before_log = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", told));
  setrlimit(RLIMIT_FSIZE, &limit);
  agent_->Send(Batches(1)[0]);
  const bool failed = Until([&] { return aggregator_->intake_counters().failed_commits >= 1; });
  for (int second = 0; second < 150; ++second) aggregator_->DoWork(now_ += kSecond);
  setrlimit(RLIMIT_FSIZE, &before);
  spdlog::set_default_logger(before_log);
  ASSERT_TRUE(failed);
  const std::vector<std::string> lines = told->last_formatted();
  const auto is_said = [](const std::string& line) {
    return line.find("nothing is acknowledged") != std::string::npos;
  };
  EXPECT_EQ(std::count_if(lines.begin(), lines.end(), is_said), 3);
  EXPECT_GT(aggregator_->intake_counters().failed_commits, 100u) << "tried again all the time";
}

// Agents that come back with all they ever sent, after their batches' files were copied or are
// gone.
class ReturnTest : public AggregatorTest {
 protected:
  ReturnTest() {
    config_.rotate_bytes = 1;  // a file a batch
    config_.archive_pause_ms = 5;
    config_.archive.keep.fill({UINT64_MAX, UINT64_MAX});
  }

  // That hold these batches as they came, or in any form.
  size_t Files(bool copies_too) const {
    size_t count = 0;
    for (const auto& entry : fs::directory_iterator(config_.data_dir + "/archive")) {
      const auto name = ParseArchiveFileName(entry.path().filename().string());
      count += name && (copies_too || name->kind == ArchiveKind::kRaw) ? 1 : 0;
    }
    return count;
  }
  void ExpectNothingCountsTwice(bool are_copies_gone) {
    const std::vector<proto::Batch> batches = Batches(8);
    SendAndAwait(batches);
    // What the keeper does depends on the real clock, to which these files are long past.
    ASSERT_TRUE(Until([&] { return Files(are_copies_gone) <= 1; }));
    for (const bool is_restarted : {false, true}) {
      SCOPED_TRACE(is_restarted ? "after a restart" : "live");
      if (is_restarted) Restart();
      agent_ = std::make_unique<TestAgent>(aggregator_->listen_endpoint());
      const std::string store = DumpStore();
      const std::string ledger = DumpLedger();
      const uint64_t before = aggregator_->intake_counters().batches;
      SendAndAwait(batches);
      EXPECT_EQ(aggregator_->intake_counters().batches, before);
      EXPECT_GE(aggregator_->intake_counters().duplicates, batches.size());
      EXPECT_EQ(DumpStore(), store);
      EXPECT_EQ(DumpLedger(), ledger);
      EXPECT_TRUE(aggregator_->ledger().Total().Balanced());
    }
  }
};

TEST_F(ReturnTest, Compacted_BatchesAreAcknowledgedAndNotCountedAgain) {
  config_.archive.Of(ArchiveKind::kRaw).age_ns = kSecond;
  config_.archive.copy_after_ns = {kSecond, kSecond, kSecond};
  config_.archive.least_files = 1;
  Start();
  ExpectNothingCountsTwice(false);
  EXPECT_EQ(aggregator_->ledger().Total().merged, stream_.samples());
}

TEST_F(ReturnTest, Expired_BatchesAreAcknowledgedAndNotCountedAgain) {
  config_.archive.keep.fill({3600 * kSecond, UINT64_MAX});
  Start();
  ExpectNothingCountsTwice(true);
}

TEST_F(AggregatorTest, Start_SaysWhatTheArchiveHas) {
  Start();
  SendAndAwait(Batches(3));
  aggregator_.reset();
  for (const auto& entry : fs::directory_iterator(config_.data_dir + "/archive")) {
    std::ofstream(entry.path(), std::ios::app) << "{\"type\":\"interval\",";
  }
  Start();
  EXPECT_EQ(aggregator_->start_report().batches, 3u);
  EXPECT_EQ(aggregator_->start_report().problem_count, 1u);
  Restart();
  EXPECT_TRUE(aggregator_->start_report().IsClean()) << "the first start has cut it off";
}

TEST_F(AggregatorTest, Refused_PortInUse) {
  Start();
  AggregatorConfig second = config_;
  second.data_dir = directory_ + "/second";
  second.listen = aggregator_->listen_endpoint();
  const std::string error = StartError(second);
  EXPECT_NE(error.find(second.listen), std::string::npos) << error;
  EXPECT_NE(error.find("in use"), std::string::npos) << error;
  EXPECT_NE(error.find("--listen"), std::string::npos) << error;
}

TEST_F(AggregatorTest, Refused_IpcPathInUse) {
  config_.listen = "ipc://" + directory_ + "/socket";
  Start();
  AggregatorConfig second = config_;
  second.data_dir = directory_ + "/second";
  EXPECT_NE(StartError(second).find("in use"), std::string::npos);
  ExpectGoodAgentIsServed();
  Restart();  // a socket that nobody serves is no hindrance
  ExpectGoodAgentIsServed();
}

TEST_F(AggregatorTest, Refused_AddressesBeyondLoopback) {
  for (const char* listen : {"tcp://0.0.0.0:7750", "tcp://*:7750", "tcp://192.0.2.1:7750",
                             "tcp://example.com:1", "tcp://[::]:7750"}) {
    config_.listen = listen;
    const std::string error = StartError(config_);
    EXPECT_NE(error.find(listen), std::string::npos) << error;
    EXPECT_NE(error.find("loopback"), std::string::npos) << error;
  }
  for (const char* listen : {"7750", "udp://127.0.0.1:1", "tcp://127.0.0.1", "ipc://relative",
                             "tcp://127.0.0.1:99999"}) {
    config_.listen = listen;
    EXPECT_NE(StartError(config_).find(std::string("--listen ") + listen), std::string::npos);
  }
  fs::create_directory(directory_ + "/open");
  fs::permissions(directory_ + "/open", fs::perms::all);
  config_.listen = "ipc://" + directory_ + "/open/socket";
  EXPECT_NE(StartError(config_).find("0700"), std::string::npos);
}

TEST_F(AggregatorTest, Refused_SecondAggregatorOnOneDataDirectory) {
  Start();
  const std::string error = StartError(config_);
  EXPECT_NE(error.find(config_.data_dir), std::string::npos) << error;
  EXPECT_NE(error.find("pid " + std::to_string(getpid())), std::string::npos) << error;
}

TEST_F(AggregatorTest, Refused_DataDirectoryThatCannotBe) {
  std::ofstream(directory_ + "/file") << "";
  config_.data_dir = directory_ + "/file/data";
  const std::string error = StartError(config_);
  EXPECT_NE(error.find(config_.data_dir), std::string::npos) << error;
  EXPECT_NE(error.find("--data"), std::string::npos) << error;
}

TEST_F(AggregatorTest, Stop_FreesTheAddresses) {
  Start();
  const std::string endpoint = aggregator_->listen_endpoint();
  aggregator_->Stop();
  aggregator_->Stop();
  AggregatorConfig second = config_;
  second.data_dir = directory_ + "/second";
  second.listen = endpoint;
  for (int attempt = 0;; ++attempt) {
    auto started = Aggregator::Start(second);  // ZeroMQ closes in its own thread
    if (started.ok()) break;
    ASSERT_LT(attempt, 500) << started.message();
    usleep(2000);
  }
}

}  // namespace
}  // namespace ringside::aggregator
