#include "cli/http_client.h"

#include <array>
#include <chrono>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ringside::cli {
namespace {

using std::chrono::milliseconds;

// Accepts one connection, reads the request's head and answers with fixed bytes. With no answer it
// holds the connection open and stays silent.
class OneAnswerServer {
 public:
  explicit OneAnswerServer(std::string answer) : answer_(std::move(answer)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t size = sizeof address;
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~OneAnswerServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }

  HttpUrl Url() const { return {"127.0.0.1", port_, ""}; }
  const std::string& Request() const { return request_; }

 private:
  void Serve() {
    const int connection = accept(listener_, nullptr, nullptr);
    if (connection < 0) return;
    std::array<char, 4096> buffer{};
    while (request_.find("\r\n\r\n") == std::string::npos) {
      const ssize_t bytes = read(connection, buffer.data(), buffer.size());
      if (bytes <= 0) break;
      request_.append(buffer.data(), static_cast<size_t>(bytes));
    }
    if (!answer_.empty()) {
      EXPECT_EQ(write(connection, answer_.data(), answer_.size()),
                static_cast<ssize_t>(answer_.size()));
    } else {
      // Until the client gives up.
      EXPECT_EQ(read(connection, buffer.data(), buffer.size()), 0);
    }
    close(connection);
  }

  std::string answer_;
  std::string request_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread thread_;
};

TEST(HttpGet, ReturnsStatusAndBody) {
  HttpResponse response;
  std::string request;
  {
    OneAnswerServer server("HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\nhello");
    const auto result = HttpGet(server.Url(), "/api?x=1%202", milliseconds(5000));
    ASSERT_TRUE(result.ok()) << result.message();
    response = *result;
    request = server.Request();
  }
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body, "hello");
  EXPECT_EQ(request.substr(0, 26), "GET /api?x=1%202 HTTP/1.1\r");
}

TEST(HttpGet, GivesUpOnAServerThatDoesNotAnswer) {
  OneAnswerServer server("");
  const auto start = std::chrono::steady_clock::now();
  const auto result = HttpGet(server.Url(), "/", milliseconds(200));
  EXPECT_FALSE(result.ok());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

TEST(HttpGet, AnswerThatIsNoHttpIsAnError) {
  OneAnswerServer server("SSH-2.0-OpenSSH_9.2\r\n\r\n");
  EXPECT_FALSE(HttpGet(server.Url(), "/", milliseconds(5000)).ok());
}

TEST(HttpGet, AnswerCutShortIsAnError) {
  OneAnswerServer server("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello");
  EXPECT_FALSE(HttpGet(server.Url(), "/", milliseconds(5000)).ok());
}

TEST(ParseHttpUrl, TakesWhatPeopleWrite) {
  struct Case {
    const char* text;
    const char* expected;
  };
  for (const Case& c :
       {Case{"http://127.0.0.1:7751", "http://127.0.0.1:7751"},
        Case{"localhost:80/", "http://localhost:80"},
        Case{"ringside.example", "http://ringside.example:7751"},
        Case{"http://h/base/", "http://h:7751/base"}, Case{"[::1]:9000", "http://[::1]:9000"},
        Case{"http://[::1]", "http://[::1]:7751"}}) {
    const auto url = ParseHttpUrl(c.text);
    ASSERT_TRUE(url.ok()) << c.text << ": " << url.message();
    EXPECT_EQ(url->ToString(), c.expected) << c.text;
  }
}

TEST(ParseHttpUrl, RefusesWhatItCannotReach) {
  for (const char* text : {"", "https://h:1", "http://:80", "h:0", "h:70000", "h:x", "[::1:80"}) {
    const auto url = ParseHttpUrl(text);
    EXPECT_FALSE(url.ok()) << text;
    EXPECT_NE(url.message().find("http://HOST:PORT"), std::string::npos) << url.message();
  }
}

}  // namespace
}  // namespace ringside::cli
