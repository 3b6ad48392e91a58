// The HTTP server through real sockets: good, bad and hostile clients; and its text handling.
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "aggregator/alerts.h"
#include "aggregator/http_server.h"
#include "aggregator/http_target.h"
#include "aggregator/inflight_board.h"
#include "aggregator/intake.h"
#include "aggregator/ledger.h"
#include "aggregator/store.h"
#include "proto/host_port.h"
#include "tests/aggregator/batch_builder.h"

namespace ringside::aggregator {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// A plain TCP client: sends bytes, reads until the server closes or has nothing for 5 s.
class Client {
 public:
  explicit Client(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval limit{5, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return connected_; }
  void Send(const std::string& bytes) const {
    for (size_t sent = 0; sent < bytes.size();) {
      const ssize_t count = send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) return;
      sent += static_cast<size_t>(count);
    }
  }
  std::string ReadAll() const {
    std::string all;
    char buffer[4096];
    for (ssize_t count = 0; (count = recv(fd_, buffer, sizeof buffer, 0)) > 0;) {
      all.append(buffer, static_cast<size_t>(count));
    }
    return all;
  }
  // One whole response of a connection that stays open.
  std::string ReadResponse() const {
    std::string all;
    char byte = 0;
    while (all.find("\r\n\r\n") == std::string::npos && recv(fd_, &byte, 1, 0) == 1) all += byte;
    const size_t length = all.find("Content-Length: ");
    size_t body = length == std::string::npos ? 0 : std::stoul(all.substr(length + 16));
    for (; body > 0 && recv(fd_, &byte, 1, 0) == 1; --body) all += byte;
    return all;
  }

 private:
  int fd_;
  bool connected_ = false;
};

class HttpTest : public testing::Test {
 protected:
  HttpTest() : store_(StoreOptions::ForArchive()) {
    store_.Apply(BatchBuilder(1).Durations("transcribe/decode", {12'300'000}, {{"model", "a"}}));
    auto alerts = AlertEngine::Load("", "");
    alerts_ = std::move(*alerts);
    sources_ = {&store_,
                &ledger_,
                alerts_.get(),
                &inflight_,
                [this] { return ready_; },
                [] { return BatchBuilder::Moment(2); },
                [] {
                  IntakeCounters counters;
                  counters.batches = 7;
                  return counters;
                }};
    Start();
  }

  void Start() {
    auto server = HttpServer::Start("127.0.0.1:0", sources_);
    ASSERT_TRUE(server.ok()) << server.message();
    server_ = std::move(*server);
    port_ = static_cast<uint16_t>(std::stoi(server_->url().substr(server_->url().rfind(':') + 1)));
  }
  // Whatever the bytes, everything that comes back.
  std::string Raw(const std::string& bytes) const {
    const Client client(port_);
    EXPECT_TRUE(client.connected());
    client.Send(bytes);
    return client.ReadAll();
  }
  std::string Get(const std::string& target) const {
    return Raw("GET " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
  }
  static int StatusOf(const std::string& response) {
    return response.size() > 12 ? std::stoi(response.substr(9, 3)) : 0;
  }
  static nlohmann::json BodyOf(const std::string& response) {
    return nlohmann::json::parse(response.substr(response.find("\r\n\r\n") + 4));
  }
  static std::string ErrorOf(const std::string& response) {
    return BodyOf(response)["error"].get<std::string>();
  }

  Store store_;
  Ledger ledger_;
  InFlightBoard inflight_{&store_, InFlightBoard::kDefaultStuckFactor};
  std::unique_ptr<AlertEngine> alerts_;
  proto::Status ready_;
  HttpSources sources_;
  std::unique_ptr<HttpServer> server_;
  uint16_t port_ = 0;
};

TEST_F(HttpTest, Query_IsAnsweredWithTheDecodedParameters) {
  const std::string response =
      Get("/api/v1/query?name=transcribe%2Fdecode&where=model%3Da&stat=count,max");
  EXPECT_EQ(StatusOf(response), 200);
  EXPECT_THAT(response, HasSubstr("Content-Type: application/json"));
  EXPECT_THAT(response, HasSubstr("X-Content-Type-Options: nosniff"));
  const nlohmann::json row = BodyOf(response)["rows"][0];
  EXPECT_EQ(row["operation"], "transcribe/decode");
  EXPECT_EQ(row["count"], 1);
  EXPECT_DOUBLE_EQ(row["max"].get<double>(), 0.0123);
}

TEST_F(HttpTest, Endpoints_AllAnswer) {
  EXPECT_TRUE(BodyOf(Get("/api/v1/report")).contains("totals"));
  EXPECT_TRUE(BodyOf(Get("/api/v1/ledger")).is_object());
  EXPECT_TRUE(BodyOf(Get("/api/v1/inflight?name=decode&limit=5"))["rows"].is_array());
  EXPECT_TRUE(BodyOf(Get("/api/v1/alerts"))["alerts"].is_array());
  EXPECT_EQ(BodyOf(Get("/healthz"))["status"], "ok");
  EXPECT_EQ(BodyOf(Get("/readyz"))["status"], "ready");
  EXPECT_THAT(Get("/"), HasSubstr("/api/v1/query"));
}

TEST_F(HttpTest, Metrics_AreTheLedgerAndTheIntakesCounters) {
  ledger_.Apply(BatchBuilder(1).Durations("decode", {1, 2, 3}));
  const std::string page = Get("/metrics");
  EXPECT_EQ(StatusOf(page), 200);
  EXPECT_THAT(page, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_THAT(page, HasSubstr("\nringside_samples_merged_total 3\n"));
  EXPECT_THAT(page, HasSubstr("\nringside_samples_lost_total{reason=\"no_lane\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("\nringside_aggregator_batches_total 7\n"));
  EXPECT_THAT(page, HasSubstr("ringside_producer_samples_merged_total{host=\""));
}

TEST_F(HttpTest, Ready_SaysWhyNot) {
  ready_ = proto::Status::Error("archive: no space left");
  const std::string response = Get("/readyz");
  EXPECT_EQ(StatusOf(response), 503);
  EXPECT_EQ(ErrorOf(response), "archive: no space left");
}

TEST_F(HttpTest, Index_EscapesNames) {
  store_.Apply(BatchBuilder(1).Durations("<script>alert(\"x\")</script>", {1}));
  const std::string page = Get("/");
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(page, testing::Not(HasSubstr("<script>")));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
}

TEST_F(HttpTest, Names_ThatAreNotUtf8StillMakeJson) {
  store_.Apply(BatchBuilder(1).Durations("bad\xff", {1}));
  EXPECT_EQ(BodyOf(Get("/api/v1/query"))["rows"].size(), 2u);
}

TEST_F(HttpTest, Errors_AreJsonWithTheReason) {
  EXPECT_EQ(StatusOf(Get("/nothing")), 404);
  EXPECT_EQ(StatusOf(Get("/api/v1/query/")), 404);
  const std::string bad = Get("/api/v1/query?last=10");
  EXPECT_EQ(StatusOf(bad), 400);
  EXPECT_THAT(ErrorOf(bad), StartsWith("last: "));
  EXPECT_EQ(StatusOf(Get("/api/v1/report?last=10")), 400);
  EXPECT_EQ(StatusOf(Get("/healthz?x=1")), 400);
  for (const char* method : {"POST", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"}) {
    const std::string response =
        Raw(std::string(method) +
            " /api/v1/query HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(StatusOf(response), 405) << method;
    EXPECT_THAT(response, HasSubstr("Allow: GET"));
  }
}

TEST_F(HttpTest, Connection_IsKeptForFurtherRequests) {
  const Client client(port_);
  for (int i = 0; i < 3; ++i) {
    client.Send("GET /healthz HTTP/1.1\r\nHost: localhost:1\r\n\r\n");
    EXPECT_EQ(StatusOf(client.ReadResponse()), 200);
  }
}

TEST_F(HttpTest, Stop_ClosesOpenConnectionsAndMayBeRepeated) {
  const Client client(port_);
  client.Send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  client.ReadResponse();
  server_->Stop();
  server_->Stop();
  server_.reset();
  EXPECT_EQ(client.ReadAll(), "");
}

TEST_F(HttpTest, Start_RefusesWhatIsNotLoopbackTakenOrNoAddress) {
  const auto error = [&](const std::string& address) {
    return HttpServer::Start(address, sources_).message();
  };
  EXPECT_THAT(error("0.0.0.0:0"), HasSubstr("0.0.0.0:0 is not loopback"));
  EXPECT_THAT(error("example.org:80"), HasSubstr("not loopback"));
  EXPECT_THAT(error("[::]:0"), HasSubstr("not loopback"));
  EXPECT_THAT(error("127.0.0.1:" + std::to_string(port_)),
              HasSubstr(std::to_string(port_) + ": Address already in use"));
  EXPECT_THAT(error("127.0.0.1"), HasSubstr("is no address"));
  EXPECT_THAT(error("127.0.0.1:99999"), HasSubstr("is no address"));
  EXPECT_THAT(error(""), HasSubstr("is no address"));
  EXPECT_TRUE(HttpServer::Start("localhost:0", sources_).ok());
}

TEST_F(HttpTest, Malicious_ForeignHostHeadersAreRefused) {
  for (const char* host : {"evil.example", "127.0.0.1.evil.example", "10.0.0.1:7751", "",
                           "localhost.evil:80", "127.0.0.1:x", "[::1", "127.0.0.1 evil"}) {
    const std::string response = Raw("GET /api/v1/query HTTP/1.1\r\nHost: " + std::string(host) +
                                     "\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(StatusOf(response), 403) << host;
  }
  EXPECT_EQ(StatusOf(Raw("GET / HTTP/1.1\r\nConnection: close\r\n\r\n")), 403) << "no Host at all";
  EXPECT_EQ(StatusOf(Raw("GET /healthz HTTP/1.1\r\nHost: [::1]:7751\r\nConnection: close\r\n\r\n")),
            200);
}

TEST_F(HttpTest, Malicious_BytesThatAreNoHttpAreRefused) {
  EXPECT_EQ(StatusOf(Raw("garbage\r\n\r\n")), 400);
  EXPECT_EQ(StatusOf(Raw(std::string("\x16\x03\x01\x02\x00", 5) + "\r\n\r\n")), 400) << "TLS";
  EXPECT_EQ(StatusOf(Raw("GET / HTTP/9.9\r\n\r\n")), 400);
  EXPECT_EQ(StatusOf(Raw("GET  HTTP/1.1\r\nHost: localhost\r\n\r\n")), 400);
  EXPECT_EQ(StatusOf(Raw("GET / HTTP/1.1\r\nHost: localhost\r\nBroken\r\n\r\n")), 400);
  EXPECT_EQ(StatusOf(Get("/api/v1/query?name=%zz")), 400);
  EXPECT_EQ(StatusOf(Get("/api/v1/query?name=%0a")), 400);
  EXPECT_EQ(StatusOf(Get("http://127.0.0.1/healthz")), 400);
}

TEST_F(HttpTest, Malicious_LongHeadersAndTargetsAreRefused) {
  EXPECT_EQ(StatusOf(Get("/" + std::string(9000, 'x'))), 400);
  std::string many = "/api/v1/query?";
  for (int i = 0; i < 200; ++i) many += "where=a=b&";
  EXPECT_EQ(StatusOf(Get(many)), 400);
  const std::string response = Raw("GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n");
  EXPECT_TRUE(response.empty() || StatusOf(response) == 431) << response;
}

TEST_F(HttpTest, Malicious_BodiesAreNotRead) {
  const std::string response =
      Raw("GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n");
  EXPECT_EQ(StatusOf(response), 400);
  EXPECT_EQ(
      StatusOf(
          Raw("POST /api/v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nabcde")),
      405);
}

TEST_F(HttpTest, Malicious_IdleConnectionsDoNotStopOthers) {
  std::vector<std::unique_ptr<Client>> idle;
  for (int i = 0; i < 200; ++i) {
    idle.push_back(std::make_unique<Client>(port_));
    idle.back()->Send("GET /heal");
  }
  EXPECT_EQ(StatusOf(Get("/healthz")), 200);
}

TEST(HttpTarget, Encode_IsReadBack) {
  const Parameters parameters = {{"name", "a b/c"}, {"where", "k=v&w=ü%"}, {"where", "x!=+"}};
  const auto target = ParseTarget(EncodeTarget("/api/v1/query", parameters));
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->path, "/api/v1/query");
  EXPECT_EQ(target->parameters, parameters);
}

TEST(HostHeader, Loopback_IsNamesAndLiteralsOnly) {
  for (const char* host : {"localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "[::1]", "[::1]:80",
                           "localhost:7751"}) {
    EXPECT_TRUE(proto::IsLoopbackHostHeader(host)) << host;
  }
  for (const char* host :
       {"0.0.0.0", "::", "128.0.0.1", "localhost.", "127.1", "0177.0.0.1", "", "::ffff:10.0.0.1"}) {
    EXPECT_FALSE(proto::IsLoopbackHostHeader(host)) << host;
  }
}

}  // namespace
}  // namespace ringside::aggregator
