// A server on a real socket with a store behind it, and a client that sends any bytes.
#ifndef RINGSIDE_TESTS_AGGREGATOR_HTTP_FIXTURE_H_
#define RINGSIDE_TESTS_AGGREGATOR_HTTP_FIXTURE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "aggregator/alerts.h"
#include "aggregator/http_server.h"
#include "aggregator/inflight_board.h"
#include "aggregator/intake.h"
#include "aggregator/ledger.h"
#include "aggregator/store.h"
#include "tests/aggregator/batch_builder.h"

namespace ringside::aggregator {

// A plain TCP client: sends bytes, reads until the server closes or has nothing for a minute.
class Client {
 public:
  explicit Client(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval limit{60, 0};
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
  // The server has hung up, whatever of it is still to be read.
  bool IsClosed() const {
    pollfd item{fd_, POLLRDHUP, 0};
    return poll(&item, 1, 0) == 1;
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

inline constexpr const char* kToken = "0123456789abcdef0123456789abcdef";
inline constexpr const char* kBearer = "Authorization: Bearer 0123456789abcdef0123456789abcdef\r\n";
inline constexpr const char* kRules =
    "groups:\n- name: g\n  rules:\n  - alert: Slow\n    expr: p99(decode[1m]) > 2s\n";

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
                nullptr,
                [this] { return ready_; },
                [] { return BatchBuilder::Moment(2); },
                [] {
                  IntakeCounters counters;
                  counters.batches = 7;
                  return counters;
                }};
    Start();
  }

  void Start(const std::string& address = "127.0.0.1:0", HttpAccess access = {kToken, {}},
             const HttpLimits& limits = {}) {
    auto server = HttpServer::Start(address, sources_, std::move(access), limits);
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
  // Served to other machines too.
  void StartBeyondLoopback(std::vector<std::string> hosts = {}) {
    Start("0.0.0.0:0", {kToken, std::move(hosts)});
  }
  std::string Get(const std::string& target, const std::string& headers) const {
    return Raw("GET " + target + " HTTP/1.1\r\nConnection: close\r\n" + headers + "\r\n");
  }
  std::string Post(const std::string& body, const std::string& headers,
                   const std::string& target = "/api/v1/rules/check") const {
    return Raw("POST " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
               headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
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

}  // namespace ringside::aggregator

#endif  // RINGSIDE_TESTS_AGGREGATOR_HTTP_FIXTURE_H_
