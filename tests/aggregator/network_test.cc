// A bad network and an aggregator that is killed at random, at the same time as its closed files
// are compressed, copied and removed: totals are exact, the ledger balances. 25 seeds;
// RINGSIDE_LONG: 500.
#include <cstdlib>
#include <random>

#include "tests/aggregator/crash_fixture.h"
#include "tests/aggregator/message_proxy.h"
#include "tests/aggregator/tcp_proxy.h"

namespace ringside::aggregator {
namespace {

using namespace std::chrono_literals;

int Seeds() { return std::getenv("RINGSIDE_LONG") != nullptr ? 500 : 25; }

class NetworkTest : public CrashFixture {
 protected:
  NetworkTest() { has_life_ = true; }

  // Agents resend what is not acknowledged until all is; the aggregator is killed `kills` times on
  // the way.
  void DeliverThrough(const std::string& endpoint, const std::vector<proto::Batch>& batches,
                      int kills, const std::function<void()>& behave, std::mt19937_64* random) {
    TestAgent agent(endpoint);
    const auto begin = std::chrono::steady_clock::now();
    for (int turn = 0; std::chrono::steady_clock::now() < begin + 60s; ++turn) {
      bool is_done = true;
      for (const proto::Batch& batch : batches) {
        if (acked_.Contains(batch.id)) continue;
        is_done = false;
        agent.Send(batch);
      }
      if (is_done && kills == 0) return;
      for (int i = 0; i < 3; ++i) {
        agent.Receive(10);
        acked_.Merge(agent.acked());
      }
      if (kills > 0 && (*random)() % 3 == 0) {
        --kills;
        Kill();
        Spawn("");
      }
      if (turn == 40) behave();
    }
    ADD_FAILURE() << "not delivered in time";
  }

  uint64_t cuts_ = 0;
  uint64_t resets_ = 0;
  uint64_t half_opens_ = 0;
  uint64_t drips_ = 0;
};

TEST_F(NetworkTest, Broken_TotalsAreExactForEverySeed) {
  uint64_t repeated = 0;
  for (int seed = 0; seed < Seeds() && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(static_cast<uint64_t>(seed));
    std::filesystem::remove_all(directory_ + "/data");
    acked_ = {};
    const uint16_t port = FreePort();
    endpoint_ = "tcp://127.0.0.1:" + std::to_string(port);
    Spawn("");
    TcpProxy tcp(port, random());
    const std::string front = "ipc://" + directory_ + "/front";
    MessageProxy messages(front, "tcp://127.0.0.1:" + std::to_string(tcp.port()), random());

    RandomAgent first(random(), "host-a", 1);
    RandomAgent second(random(), "host-b", 2);
    std::vector<proto::Batch> batches;
    for (int i = 0; i < 12; ++i) {
      batches.push_back(first.Next());
      batches.push_back(second.Next());
    }
    const auto behave = [&] {
      tcp.Behave();
      messages.Behave();
    };
    DeliverThrough(front, batches, static_cast<int>(random() % 4), behave, &random);
    Kill();
    ExpectExact({&first, &second}, batches);
    cuts_ += tcp.count(TcpFault::kCut);
    resets_ += tcp.count(TcpFault::kReset);
    half_opens_ += tcp.count(TcpFault::kHalfOpen);
    drips_ += tcp.count(TcpFault::kDrip);
    repeated += messages.duplicated() * messages.reordered() * messages.replayed();
  }
  EXPECT_GT(cuts_, 0u);
  EXPECT_GT(resets_, 0u);
  EXPECT_GT(half_opens_, 0u);
  EXPECT_GT(drips_, 0u);
  EXPECT_GT(repeated, 0u);
}

TEST(ZmtpPlaceTest, Pass_FindsFramesOfBothForms) {
  ZmtpPlace place;
  const auto pass = [&place](const std::string& bytes) {
    for (const char byte : bytes) place.Pass(static_cast<uint8_t>(byte));
  };
  pass(std::string(64, 'g'));
  EXPECT_EQ(place.frames(), 0u);
  pass(std::string("\x04\x03", 2));
  EXPECT_EQ(place.in_frame(), 2u);
  pass("abc");
  EXPECT_EQ(place.frames(), 1u);
  EXPECT_EQ(place.in_frame(), 0u);
  pass(std::string("\x02\0\0\0\0\0\0\x01\x00", 9));
  pass(std::string(255, 'x'));
  EXPECT_EQ(place.frames(), 1u);
  pass("x");
  EXPECT_EQ(place.frames(), 2u);
  pass(std::string("\x00\x00", 2));
  EXPECT_EQ(place.frames(), 3u) << "an empty frame";
}

}  // namespace
}  // namespace ringside::aggregator
