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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/aggregator/aggregator_fixture.h"
#include "tests/aggregator/captured_log.h"

namespace ringside::aggregator {
namespace {

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
  series.key.Edit().path = "path\xc3";
  series.key.Edit().labels = {{"model", std::string("nul\0\xfe", 5)}};
  series.delta.Record(5);
  batch.producers[0].series.push_back(series);
  SendAndAwait({batch});
  const std::string store = DumpStore();
  Restart();
  EXPECT_EQ(DumpStore(), store);
  EXPECT_TRUE(aggregator_->start_report().IsClean());
}

// Small on the wire, since its texts stand there once; 24 MiB decoded.
TEST_F(AggregatorTest, Malicious_BatchThatGrowsBeyondItsPartOfMemoryIsRefused) {
  config_.memory_limit = uint64_t{64} << 20;
  Start();
  proto::Batch batch = stream_.Next();
  proto::ProducerDelta producer;
  producer.service = producer.instance = std::string(4096, 's');
  batch.producers.assign(3000, producer);
  const std::string frame = proto::EncodeBatch(batch);
  ASSERT_LT(frame.size(), size_t{1} << 20);
  agent_->Send(frame);
  ASSERT_TRUE(Until([&] { return !agent_->refusals().empty(); }));
  EXPECT_NE(agent_->refusals()[0].find("more than 8388"), std::string::npos)
      << agent_->refusals()[0];
  ExpectGoodAgentIsServed();
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
  const CapturedLog log;  // no file can be written here
  setrlimit(RLIMIT_FSIZE, &limit);
  agent_->Send(Batches(1)[0]);
  const bool failed = Until([&] { return aggregator_->intake_counters().failed_commits >= 1; });
  for (int second = 0; second < 150; ++second) aggregator_->DoWork(now_ += kSecond);
  setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_TRUE(failed);
  EXPECT_EQ(log.Count("nothing is acknowledged"), 3u);
  EXPECT_GT(aggregator_->intake_counters().failed_commits, 100u) << "tried again all the time";
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
