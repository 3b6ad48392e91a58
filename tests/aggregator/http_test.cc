// The HTTP server through real sockets: good, bad and hostile clients; and its text handling.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aggregator/http_target.h"
#include "proto/host_port.h"
#include "tests/aggregator/http_fixture.h"

namespace ringside::aggregator {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

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
  EXPECT_THAT(error("0.0.0.0:0"), HasSubstr("--token-file"));
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
  const std::string head = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: ";
  EXPECT_EQ(StatusOf(Raw(head + "1000000000\r\n\r\n")), 413);
  EXPECT_EQ(StatusOf(Raw(head + "1000000\r\n\r\n")), 400);
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
