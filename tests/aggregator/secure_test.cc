// Who may speak to the aggregator, and for whom: keys, the allow-list, and whose name is whose. In
// every case good agents are served meanwhile.
#include <algorithm>
#include <filesystem>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aggregator/aggregator.h"
#include "proto/checksum.h"
#include "tests/aggregator/captured_log.h"
#include "tests/aggregator/random_batch.h"
#include "tests/aggregator/test_agent.h"

namespace ringside::aggregator {
namespace {

using testing::HasSubstr;

constexpr uint64_t kNow = 1'740'787'200'000'000'000;
constexpr uint64_t kStep = 20'000'000;

// An agent with its key and its stream of batches.
struct KeyedAgent {
  KeyedAgent(const proto::CurveKey& aggregator, const std::string& host, uint64_t seed)
      : stream(seed, host, 1) {
    keys.aggregator = aggregator;
  }
  void Connect(const std::string& endpoint) {
    socket = std::make_unique<TestAgent>(endpoint, &keys);
  }

  TestAgentKeys keys;
  RandomAgent stream;
  std::unique_ptr<TestAgent> socket;
};

class SecureTest : public testing::Test {
 protected:
  SecureTest() {
    std::string name = "/dev/shm/ringside-secure-XXXXXX";
    directory_ = mkdtemp(name.data());
    config_.data_dir = directory_ + "/data";
    config_.listen = "tcp://127.0.0.1:*";
    config_.http = "";
    config_.key_file = directory_ + "/aggregator.key";
    config_.allow_file = directory_ + "/allow";
    WriteSecret(config_.key_file, key_);
    Allow({{"alpha", alpha_.keys.own}, {"beta", beta_.keys.own}});
  }
  ~SecureTest() override {
    alpha_.socket.reset();
    beta_.socket.reset();
    aggregator_.reset();
    std::filesystem::remove_all(directory_);
  }

  void Allow(const std::vector<std::pair<std::string, TestKey>>& keys) {
    WriteAllowed(config_.allow_file, keys);
  }
  void Start() {
    auto started = Aggregator::Start(config_);
    ASSERT_TRUE(started.ok()) << started.message();
    aggregator_ = std::move(*started);
    alpha_.Connect(Endpoint());
    beta_.Connect(Endpoint());
  }
  void Restart() {
    alpha_.socket.reset();
    beta_.socket.reset();
    aggregator_.reset();
    Start();
  }
  // Where it listens on all addresses, loopback is one.
  std::string Endpoint() const {
    const std::string endpoint = aggregator_->listen_endpoint();
    return "tcp://127.0.0.1" + endpoint.substr(endpoint.rfind(':'));
  }
  bool Until(const std::function<bool()>& done, std::vector<TestAgent*> others = {}) {
    others.push_back(alpha_.socket.get());
    others.push_back(beta_.socket.get());
    for (int turn = 0; turn < 4000; ++turn) {
      if (done()) return true;
      now_ += kStep;
      aggregator_->DoWork(now_);
      for (TestAgent* other : others) {
        if (other != nullptr) other->Receive(1);
      }
    }
    return false;
  }
  // As an agent does: again, until it is acknowledged.
  testing::AssertionResult IsServed(KeyedAgent* agent) {
    const proto::Batch batch = agent->stream.Next();
    int turn = 0;
    const bool served = Until([&] {
      if (turn++ % 20 == 0) agent->socket->Send(batch);
      return agent->socket->acked().Contains(batch.id);
    });
    return served ? testing::AssertionSuccess()
                  : testing::AssertionFailure()
                        << "not acknowledged; refusals: " << agent->socket->refusals().size();
  }
  // Sends it to somebody who must not take it; what good agents send afterwards is served.
  void ExpectRefused(KeyedAgent* agent, const std::string& frame, const std::string& why) {
    const size_t before = agent->socket->refusals().size();
    agent->socket->Send(frame);
    ASSERT_TRUE(Until([&] { return agent->socket->refusals().size() > before; }));
    EXPECT_THAT(agent->socket->refusals().back(), HasSubstr(why));
  }
  void Reload() { aggregator_->ReloadKeys(); }
  uint64_t Merged() const { return aggregator_->ledger().Total().merged; }
  std::string StartError() {
    auto started = Aggregator::Start(config_);
    EXPECT_FALSE(started.ok());
    return started.message();
  }

  std::string directory_;
  TestKey key_;
  KeyedAgent alpha_{key_.open, "host-alpha", 1};
  KeyedAgent beta_{key_.open, "host-beta", 2};
  AggregatorConfig config_;
  uint64_t now_ = kNow;
  std::unique_ptr<Aggregator> aggregator_;
};

TEST_F(SecureTest, Listen_BeyondLoopbackOnlyWithKeys) {
  config_.listen = "tcp://0.0.0.0:*";
  Start();
  EXPECT_TRUE(IsServed(&alpha_));
  aggregator_.reset();
  config_.key_file = "";
  EXPECT_THAT(StartError(), HasSubstr("--allow needs --key"));
  config_.allow_file = "";
  const std::string error = StartError();
  EXPECT_THAT(error, HasSubstr("--listen tcp://0.0.0.0:*: beyond loopback"));
  EXPECT_THAT(error, HasSubstr("ringside keygen"));
}

TEST_F(SecureTest, Listen_KeysAreAskedForOnSocketsOfThisMachineToo) {
  config_.listen = "ipc://" + directory_ + "/socket";
  auto started = Aggregator::Start(config_);
  ASSERT_TRUE(started.ok()) << started.message();
  aggregator_ = std::move(*started);
  alpha_.Connect(config_.listen);
  TestAgent stranger(config_.listen);
  stranger.SendHello(beta_.stream.uuid(), 1);
  EXPECT_TRUE(IsServed(&alpha_));
  EXPECT_FALSE(stranger.Receive(0));
  EXPECT_EQ(aggregator_->intake_counters().hellos, 0u);
}

TEST_F(SecureTest, Strangers_GetNothingAndCostNothing) {
  Start();
  TestAgent without_keys(Endpoint());
  KeyedAgent unknown(key_.open, "host-unknown", 3);
  KeyedAgent wrong_aggregator(TestKey().open, "host-wrong", 4);
  wrong_aggregator.keys.own = alpha_.keys.own;
  unknown.Connect(Endpoint());
  wrong_aggregator.Connect(Endpoint());
  const std::vector<TestAgent*> strangers = {&without_keys, unknown.socket.get(),
                                             wrong_aggregator.socket.get()};
  for (int i = 0; i < 10; ++i) {
    for (TestAgent* stranger : strangers) {
      stranger->SendHello(alpha_.stream.uuid(), 1, "host-alpha");
      stranger->Send(unknown.stream.Next());
    }
    EXPECT_TRUE(IsServed(&alpha_));
  }
  for (TestAgent* stranger : strangers) EXPECT_FALSE(stranger->Receive(20));
  const IntakeCounters& counters = aggregator_->intake_counters();
  EXPECT_EQ(counters.hellos + counters.refused + counters.bad_frames, 0u) << "nothing is decoded";
  EXPECT_EQ(Merged(), alpha_.stream.samples());
}

TEST_F(SecureTest, Binding_ABatchInAnothersNameIsRefusedAndTotalsStayExact) {
  Start();
  const proto::Batch first = alpha_.stream.Next();
  alpha_.socket->Send(first);
  ASSERT_TRUE(Until([&] { return alpha_.socket->acked().Contains(first.id); }));
  const std::string why = "belongs to another key than beta";
  for (int round = 0; round < 2; ++round) {
    ExpectRefused(&beta_, proto::EncodeBatch(first), why);
    proto::Batch next = first;
    next.id.sequence = 77;
    ExpectRefused(&beta_, proto::EncodeBatch(next), why);
    next.id.agent = beta_.stream.uuid();
    ExpectRefused(&beta_, proto::EncodeBatch(next), "host host-alpha " + why);
    proto::InFlight in_flight;
    in_flight.agent = first.id.agent;
    in_flight.host = "host-alpha";
    ExpectRefused(&beta_, proto::EncodeInFlight(in_flight), why);
    proto::Hello hello;
    hello.agent = first.id.agent;
    hello.host = "host-alpha";
    ExpectRefused(&beta_, proto::EncodeHello(hello), why);
    EXPECT_FALSE(beta_.socket->welcome().has_value());
    EXPECT_TRUE(beta_.socket->acked().entries().empty()) << "it learns nothing of alpha's";

    EXPECT_TRUE(IsServed(&alpha_));
    EXPECT_TRUE(IsServed(&beta_));
    EXPECT_EQ(Merged(), alpha_.stream.samples() + beta_.stream.samples());
    EXPECT_TRUE(aggregator_->ledger().Balanced());
    if (round == 0) Restart();  // whose name is whose is on disk
  }
}

TEST_F(SecureTest, Revoked_IsCutOffAtOnceAndOthersGoOn) {
  Start();
  EXPECT_TRUE(IsServed(&alpha_));
  EXPECT_TRUE(IsServed(&beta_));
  Allow({{"alpha", alpha_.keys.own}});
  Reload();
  const uint64_t before = beta_.stream.samples();
  const proto::Batch late = beta_.stream.Next();
  // Over the connection that it has, and over new ones.
  KeyedAgent again(key_.open, "host-beta", 2);
  again.keys = beta_.keys;
  again.Connect(Endpoint());
  for (int i = 0; i < 5; ++i) {
    beta_.socket->Send(late);
    again.socket->Send(late);
    EXPECT_TRUE(IsServed(&alpha_));
  }
  EXPECT_EQ(Merged(), alpha_.stream.samples() + before);
  EXPECT_EQ(aggregator_->intake_counters().refused, 0u) << "not even read";
  Allow({{"alpha", alpha_.keys.own}, {"beta", beta_.keys.own}});
  Reload();
  beta_.Connect(Endpoint());
  EXPECT_TRUE(Until([&] {
    beta_.socket->Send(late);
    return beta_.socket->acked().Contains(late.id);
  })) << "and is served again when it may";
}

TEST_F(SecureTest, Rotated_ANewKeyUnderTheSameNameKeepsTheAgent) {
  Start();
  EXPECT_TRUE(IsServed(&alpha_));
  const TestKey next;
  Allow({{"alpha", alpha_.keys.own}, {"alpha", next}, {"beta", beta_.keys.own}});
  Reload();
  EXPECT_TRUE(IsServed(&alpha_)) << "with the old one, on the connection that it has";
  alpha_.keys.own = next;
  alpha_.Connect(Endpoint());
  EXPECT_TRUE(IsServed(&alpha_));
  Allow({{"alpha", next}, {"beta", beta_.keys.own}});
  Reload();
  EXPECT_TRUE(IsServed(&alpha_));
  EXPECT_TRUE(IsServed(&beta_));
}

TEST_F(SecureTest, Rotated_TheAggregatorsOwnKeyIsInForceAtOnce) {
  Start();
  EXPECT_TRUE(IsServed(&alpha_));
  const TestKey next;
  WriteSecret(config_.key_file, next);
  Reload();
  alpha_.keys.aggregator = next.open;
  alpha_.Connect(Endpoint());
  EXPECT_TRUE(IsServed(&alpha_));
  TestAgent old_key(Endpoint(), &beta_.keys);
  old_key.SendHello(beta_.stream.uuid(), 1);
  EXPECT_TRUE(IsServed(&alpha_));
  EXPECT_EQ(aggregator_->intake_counters().hellos, 0u);
}

TEST_F(SecureTest, Reload_AFileThatIsWrongChangesNothing) {
  Start();
  EXPECT_TRUE(IsServed(&alpha_));
  std::ofstream(config_.allow_file) << "alpha 1234\n";
  Reload();
  EXPECT_TRUE(IsServed(&alpha_));
  EXPECT_TRUE(IsServed(&beta_));
}

// A frame that is well-formed up to its payload.
std::string Frame(proto::MessageType type, const std::string& payload) {
  proto::WireHeader header{};
  header.magic = proto::kWireMagic;
  header.major_version = proto::kWireMajor;
  header.type = type;
  header.payload_bytes = static_cast<uint32_t>(payload.size());
  header.payload_checksum = proto::Checksum(payload);
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) + payload;
}

TEST_F(SecureTest, Hostile_PayloadsOfAKeyHolderAreRefusedAndOthersServed) {
  Start();
  const std::string agent_and_epoch = std::string("\x98\xc4\x10").append(16, 'a').append("\1\1");
  const std::vector<std::string> payloads = {
      std::string(3'000'000, '\x91'),                                 // arrays in arrays
      std::string(3'000'000, '\x81'),                                 // maps in maps
      std::string("\xdd\xff\xff\xff\xff").append(1'000'000, '\xc0'),  // an array of 2^32
      std::string(agent_and_epoch).append("\xdb\xff\xff\xff\xff"),    // a text of 4 GiB
      std::string(agent_and_epoch).append("\xa1h\1\2\xdd\x7f\xff\xff\xff"),
  };
  for (const proto::MessageType type :
       {proto::MessageType::kHello, proto::MessageType::kBatch, proto::MessageType::kInFlight}) {
    for (const std::string& payload : payloads) beta_.socket->Send(Frame(type, payload));
    EXPECT_TRUE(IsServed(&alpha_));
  }
  ASSERT_TRUE(Until([&] {
    const IntakeCounters& counters = aggregator_->intake_counters();
    return counters.refused + counters.bad_frames >= 3 * payloads.size();
  }));
  beta_.socket->Send(std::string(proto::kMaxFrameBytes + 1, 'x'));
  EXPECT_TRUE(IsServed(&alpha_));
  EXPECT_EQ(Merged(), alpha_.stream.samples());
}

// The agent's UUID in a frame is what its sender makes of it: only the key says who it was.
TEST_F(SecureTest, Log_NamesTheKeyOfFramesThatAreDamagedOrRefused) {
  Start();
  ASSERT_TRUE(IsServed(&alpha_));
  const CapturedLog log;
  std::string frame = proto::EncodeBatch(beta_.stream.Next());
  frame.back() ^= 1;
  beta_.socket->Send(frame);
  EXPECT_TRUE(Until([&] { return aggregator_->intake_counters().bad_frames == 1; }));
  EXPECT_EQ(log.Count("bytes by key beta: "), 1u);
  proto::Batch batch = alpha_.stream.Next();
  ExpectRefused(&beta_, proto::EncodeBatch(batch), "another key");
  EXPECT_EQ(log.Count("refused agent " + proto::ToString(batch.id.agent) + " by key beta: "), 1u);
  EXPECT_EQ(log.Count("by key alpha"), 0u);
}

}  // namespace
}  // namespace ringside::aggregator
