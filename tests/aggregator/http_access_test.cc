// Who is let in over HTTP: tokens, Host and Origin, and what many connections can do.
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "aggregator/http_guard.h"
#include "aggregator/http_sessions.h"
#include "aggregator/http_token.h"
#include "tests/aggregator/http_fixture.h"
#include "tests/aggregator/temp_dir.h"

namespace ringside::aggregator {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST_F(HttpTest, Post_ChecksARuleFile) {
  const std::string good = Post(kRules, kBearer);
  EXPECT_EQ(StatusOf(good), 200);
  EXPECT_EQ(BodyOf(good)["rules"][0]["alert"], "Slow");
  const std::string bad = Post("groups: {", kBearer);
  EXPECT_EQ(StatusOf(bad), 400);
  EXPECT_THAT(ErrorOf(bad), StartsWith("rules:1:"));
  EXPECT_EQ(StatusOf(Post("", kBearer)), 400);
}

TEST_F(HttpTest, Post_NeedsTheTokenOnLoopbackToo) {
  const std::string response = Post(kRules, "");
  EXPECT_EQ(StatusOf(response), 401);
  EXPECT_THAT(response, HasSubstr("WWW-Authenticate: Bearer\r\n"));
  for (const char* wrong :
       {"Bearer 0123456789abcdef0123456789abcdeX", "Bearer 0123456789abcdef", "Bearer ",
        "Bearer  0123456789abcdef0123456789abcdef", "Basic 0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef", "Bearer 0123456789abcdef0123456789abcdef00"}) {
    EXPECT_EQ(StatusOf(Post(kRules, "Authorization: " + std::string(wrong) + "\r\n")), 401)
        << wrong;
  }
  Start("127.0.0.1:0", {});
  const std::string none = Post(kRules, "Authorization: Bearer \r\n");
  EXPECT_EQ(StatusOf(none), 403);
  EXPECT_THAT(ErrorOf(none), HasSubstr("no token"));
}

TEST_F(HttpTest, Post_OfAForeignPageIsRefused) {
  const auto status = [&](const std::string& origin) {
    return StatusOf(Post(kRules, std::string(kBearer) + "Origin: " + origin + "\r\n"));
  };
  EXPECT_EQ(status("http://localhost"), 200);
  EXPECT_EQ(status("https://LOCALHOST"), 200);
  for (const char* origin :
       {"http://localhost:80", "http://localhost.evil.example", "http://evil.example", "null",
        "localhost", "http://localhost/", "ftp://localhost", "http://127.0.0.1"}) {
    EXPECT_EQ(status(origin), 403) << origin;
  }
}

TEST_F(HttpTest, Post_OfTheWrongMethodPathOrParametersIsRefused) {
  const std::string get = Get("/api/v1/rules/check");
  EXPECT_EQ(StatusOf(get), 405);
  EXPECT_THAT(get, HasSubstr("Allow: POST"));
  EXPECT_EQ(StatusOf(Post(kRules, kBearer, "/api/v1/rules/check?x=1")), 400);
  EXPECT_EQ(StatusOf(Post(kRules, kBearer, "/api/v1/nothing")), 404);
}

TEST_F(HttpTest, Malicious_LongBodiesAreRefusedAndTold) {
  EXPECT_EQ(StatusOf(Post(std::string(kMaxBodyBytes + 1, '#'), kBearer)), 413);
  // Not announced: counted while it comes.
  const std::string chunk(64 << 10, '#');
  std::string chunked = "POST /api/v1/rules/check HTTP/1.1\r\nHost: localhost\r\n" +
                        std::string(kBearer) + "Transfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 20; ++i) chunked += "10000\r\n" + chunk + "\r\n";
  EXPECT_EQ(StatusOf(Raw(chunked)), 413);
  // Who has no token is told so without a look at the body.
  EXPECT_EQ(StatusOf(Post(std::string(kMaxBodyBytes, '#'), "")), 401);
}

TEST_F(HttpTest, BeyondLoopback_EverythingNeedsTheToken) {
  StartBeyondLoopback();
  const std::string host = "Host: 127.0.0.1\r\n";
  for (const char* path : {"/", "/api/v1/query", "/api/v1/ledger", "/metrics", "/nothing"}) {
    EXPECT_EQ(StatusOf(Get(path, host)), 401) << path;
  }
  EXPECT_EQ(StatusOf(Get("/api/v1/query", host + kBearer)), 200);
  EXPECT_EQ(StatusOf(Get("/nothing", host + kBearer)), 404);
  EXPECT_EQ(StatusOf(Post(kRules, kBearer)), 200);
  EXPECT_EQ(StatusOf(Post(kRules, "")), 401);
}

TEST_F(HttpTest, BeyondLoopback_ProbesLearnWhetherNotWhy) {
  StartBeyondLoopback();
  const std::string host = "Host: 10.0.0.7:7751\r\n";
  EXPECT_EQ(StatusOf(Get("/healthz", host)), 200);
  EXPECT_EQ(StatusOf(Get("/readyz", host)), 200);
  ready_ = proto::Status::Error("archive /srv/secret: no space left");
  const std::string without = Get("/readyz", host);
  EXPECT_EQ(StatusOf(without), 503);
  EXPECT_THAT(without, testing::Not(HasSubstr("secret")));
  EXPECT_THAT(Get("/readyz", host + kBearer), HasSubstr("secret"));
}

TEST_F(HttpTest, BeyondLoopback_AddressesAndAllowedNamesOnly) {
  StartBeyondLoopback({"ringside.example"});
  const auto status = [&](const std::string& host) {
    return StatusOf(Get("/healthz", "Host: " + host + "\r\n"));
  };
  for (const char* host :
       {"ringside.example", "Ringside.Example:7751", "10.0.0.7", "[fe80::1]:80"}) {
    EXPECT_EQ(status(host), 200) << host;
  }
  for (const char* host : {"evil.example", "x.ringside.example", "ringside.example.", "ringside"}) {
    EXPECT_EQ(status(host), 403) << host;
  }
}

TEST_F(HttpTest, Answers_HaveNoCorsAndAPolicyThatAllowsNothing) {
  const std::string response = Get("/", "Host: localhost\r\nOrigin: http://evil.example\r\n");
  EXPECT_EQ(StatusOf(response), 200);
  EXPECT_THAT(response, testing::Not(HasSubstr("Access-Control-")));
  EXPECT_THAT(response, HasSubstr("Content-Security-Policy: default-src 'none'; base-uri 'none'; "
                                  "form-action 'none'; frame-ancestors 'none'\r\n"));
}

TEST_F(HttpTest, Malicious_ManyConnectionsOfOneClientKeepNobodyOut) {
  std::vector<std::unique_ptr<Client>> silent;
  for (int i = 0; i < 400; ++i) {
    silent.push_back(std::make_unique<Client>(port_));
    silent.back()->Send("GET /heal");
  }
  EXPECT_EQ(StatusOf(Get("/healthz")), 200);
  EXPECT_EQ(silent.front()->ReadAll(), "") << "the one that was silent longest was closed";
  silent.back()->Send("thz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(StatusOf(silent.back()->ReadAll()), 200) << "the youngest are still there";
}

// Sessions without sockets: who has to go.
class FakeSession : public HttpSessions::Session {
 public:
  FakeSession(HttpSessions* sessions, const std::string& client) : sessions_(sessions) {
    sessions_->Add(this, client);
  }
  ~FakeSession() override { sessions_->Remove(this); }
  FakeSession(const FakeSession&) = delete;
  FakeSession& operator=(const FakeSession&) = delete;
  void Evict() override { is_evicted = true; }
  void Wait(size_t unread_bytes) { sessions_->Wait(this, unread_bytes); }

  bool is_evicted = false;

 private:
  HttpSessions* const sessions_;
};

TEST(HttpSessions, Limit_TheBusiestClientsOldestGoes) {
  HttpSessions sessions({3, 3, 1000});
  FakeSession good(&sessions, "a");
  FakeSession first(&sessions, "b");
  FakeSession second(&sessions, "b");
  first.Wait(0);
  FakeSession third(&sessions, "c");
  EXPECT_TRUE(second.is_evicted);
  EXPECT_FALSE(good.is_evicted || first.is_evicted || third.is_evicted);
  EXPECT_EQ(sessions.size(), 3u);
}

TEST(HttpSessions, Limit_OfOneClientLeavesOthersAlone) {
  HttpSessions sessions({10, 2, 1000});
  FakeSession other(&sessions, "a");
  FakeSession first(&sessions, "b");
  FakeSession second(&sessions, "b");
  FakeSession third(&sessions, "b");
  EXPECT_TRUE(first.is_evicted);
  EXPECT_FALSE(other.is_evicted || second.is_evicted || third.is_evicted);
}

TEST(HttpSessions, Limit_UnreadAnswersOfSlowReadersGo) {
  HttpSessions sessions({10, 10, 1000});
  FakeSession idle(&sessions, "a");
  FakeSession slow(&sessions, "a");
  FakeSession next(&sessions, "a");
  slow.Wait(600);
  next.Wait(400);
  EXPECT_FALSE(slow.is_evicted);
  next.Wait(500);
  EXPECT_TRUE(slow.is_evicted);
  next.Wait(5000);
  EXPECT_FALSE(idle.is_evicted || next.is_evicted) << "one answer may be larger than the limit";
}

class TokenFileTest : public testing::Test {
 protected:
  std::string Write(const std::string& text, mode_t mode) const {
    std::ofstream(File()) << text;
    chmod(File().c_str(), mode);
    return ReadTokenFile(File()).message();
  }
  std::string File() const { return directory_.File("token"); }

  TempDir directory_;
};

TEST_F(TokenFileTest, Made_IsForItsOwnerAloneAndStaysTheSame) {
  const auto made = ReadOrMakeTokenFile(File());
  ASSERT_TRUE(made.ok()) << made.message();
  EXPECT_EQ(made->size(), 64u);
  struct stat info {};
  ASSERT_EQ(stat(File().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  EXPECT_EQ(*ReadOrMakeTokenFile(File()), *made);
  EXPECT_EQ(*ReadTokenFile(File()), *made);
}

TEST_F(TokenFileTest, Refused_WhenLooseMissingOrNoToken) {
  EXPECT_EQ(Write("0123456789abcdef\n", 0600), "");
  EXPECT_EQ(Write("0123456789abcdef\r\n", 0400), "");
  for (const mode_t mode : {0640, 0604, 0660}) {
    EXPECT_THAT(Write("0123456789abcdef\n", mode), HasSubstr("chmod 600 " + File()));
  }
  for (const std::string text : {"", "short", "two tokens of a line", "0123456789abcdef\nmore"}) {
    EXPECT_THAT(Write(text, 0600), HasSubstr("expected one token of 16 to 512")) << text;
  }
  EXPECT_THAT(Write(std::string(600, 'a'), 0600), HasSubstr("expected one token"));
  EXPECT_THAT(ReadTokenFile("/nowhere/token").message(), HasSubstr("/nowhere/token: No such file"));
  EXPECT_THAT(ReadTokenFile("/").message(), HasSubstr("no regular file"));
  EXPECT_THAT(ReadOrMakeTokenFile("/nowhere/token").message(), HasSubstr("cannot be made"));
}

TEST(HttpHosts, Names_AreReadOrRefused) {
  EXPECT_EQ(*ParseHttpHosts("Ringside.example, gpu-1 [fe80::1],"),
            (std::vector<std::string>{"ringside.example", "gpu-1", "fe80::1"}));
  EXPECT_TRUE(ParseHttpHosts("")->empty());
  for (const char* text : {"http://x", "*", "x:", ":7751", "x:y", "[::1"}) {
    EXPECT_THAT(ParseHttpHosts(text).message(), HasSubstr("is no host name")) << text;
  }
}

}  // namespace
}  // namespace ringside::aggregator
