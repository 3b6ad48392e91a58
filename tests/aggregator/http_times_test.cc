// How long a client may take, with limits short enough for a test.
#include <chrono>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/aggregator/http_fixture.h"

namespace ringside::aggregator {
namespace {

class HttpTimesTest : public HttpTest {
 protected:
  HttpTimesTest() {
    HttpLimits limits;
    limits.read_time = kLimit;
    limits.write_time = kLimit;
    Start("127.0.0.1:0", {kToken, {}}, limits);
  }

  // Long enough that a client of a busy machine has asked meanwhile.
  static constexpr std::chrono::seconds kLimit{3};
  static constexpr size_t kMoreThanSocketsHold = size_t{8} << 20;

  // Whether the server ended it, while the client sends `drip` now and then, each time well within
  // the limit.
  static bool IsEnded(const Client& client, const std::string& drip = "") {
    constexpr int kMostDrips = 400;  // 20 s
    for (int i = 0; i < kMostDrips; ++i) {
      if (client.IsClosed()) return true;
      client.Send(drip);
      usleep(50'000);
    }
    return false;
  }
};

TEST_F(HttpTimesTest, Read_AHeaderThatDripsIsEnded) {
  const Client client(port_);
  client.Send("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ");
  EXPECT_TRUE(IsEnded(client, "x"));
  EXPECT_EQ(StatusOf(Get("/healthz")), 200);
}

TEST_F(HttpTimesTest, Read_ABodyThatDripsIsEnded) {
  const auto begin = std::chrono::steady_clock::now();
  const Client client(port_);
  std::string header = "POST /api/v1/rules/check HTTP/1.1\r\nHost: localhost\r\n";
  header += kBearer;
  header += "Content-Length: 100000\r\n\r\n";
  client.Send(header);
  EXPECT_TRUE(IsEnded(client, "x"));
  EXPECT_GT(std::chrono::steady_clock::now() - begin, kLimit / 2) << "it is not refused at once";
  EXPECT_EQ(StatusOf(Get("/healthz")), 200);
}

TEST_F(HttpTimesTest, Read_AConnectionThatIsKeptAndSaysNothingIsEnded) {
  const Client client(port_);
  client.Send("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  EXPECT_EQ(StatusOf(client.ReadResponse()), 200);
  EXPECT_EQ(client.ReadAll(), "") << "ended by the server before the client's patience is";
  EXPECT_TRUE(client.IsClosed());
}

TEST_F(HttpTimesTest, Write_AClientThatTakesNoAnswersIsEnded) {
  const Client client(port_);
  const std::string request = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
  std::string requests;
  while (requests.size() < kMoreThanSocketsHold) requests += request;  // and the answers are longer
  client.Send(requests);
  EXPECT_TRUE(IsEnded(client));
  EXPECT_EQ(StatusOf(Get("/healthz")), 200);
}

}  // namespace
}  // namespace ringside::aggregator
