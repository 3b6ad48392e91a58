// StatsD: lines to series, by real sockets, through a real agent's commits.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/statsd_line.h"
#include "agent/statsd_series.h"
#include "agent/statsd_socket.h"
#include "tests/agent/agent_fixture.h"

namespace ringside::agent {
namespace {

using testing::HasSubstr;

StatsdVerdict Parse(std::string_view text, StatsdLine* line) { return ParseStatsdLine(text, line); }

TEST(StatsdLine, Types_RatesTagsAndSeveralValues) {
  StatsdLine line;
  ASSERT_EQ(Parse("request.time:12.5:13|ms|@0.1|#model:base,fast", &line), StatsdVerdict::kGood);
  EXPECT_EQ(line.name, "request.time");
  EXPECT_EQ(line.type, StatsdType::kTiming);
  EXPECT_EQ(line.values, (std::vector<std::string_view>{"12.5", "13"}));
  EXPECT_DOUBLE_EQ(line.rate, 0.1);
  EXPECT_EQ(ParseStatsdTags(line.tags), (proto::LabelList{{"fast", "true"}, {"model", "base"}}));
  ASSERT_EQ(Parse("a:1|c|T1656581400|c:ci-1|#x:1", &line), StatsdVerdict::kGood);
  EXPECT_EQ(line.tags, "x:1");
  EXPECT_EQ(Parse("a:+3|g", &line), StatsdVerdict::kGood);
  EXPECT_EQ(Parse("a:1|d", &line), StatsdVerdict::kGood);
  EXPECT_EQ(Parse("a:x:y|s", &line), StatsdVerdict::kGood);
  EXPECT_EQ(line.values, (std::vector<std::string_view>{"x:y"}));
}

TEST(StatsdLine, Ignored_EventsAndServiceChecks) {
  StatsdLine line;
  EXPECT_EQ(Parse("_e{5,4}:title|text", &line), StatsdVerdict::kIgnored);
  EXPECT_EQ(Parse("_sc|Redis|2", &line), StatsdVerdict::kIgnored);
}

TEST(StatsdLine, Malicious_AreMalformed) {
  StatsdLine line;
  for (const char* text :
       {"",           ":",       "a",       "a:",       "a:1",       "a:1|",
        "a:1|x",      ":1|c",    "a:b|c",   "a:1|c|@0", "a:1|c|@2",  "a:1|c|@",
        "a:1|c|@nan", "a:1|c||", "a:nan|g", "a:inf|ms", "a:1e300|c", "a::|ms",
        "|||",        "a:1|msx", "a:0x1|c", "a: 1|c",   "a:1|c|@-1", "a:+-1|g"}) {
    EXPECT_EQ(Parse(text, &line), StatsdVerdict::kMalformed) << text;
  }
  EXPECT_EQ(Parse("a:" + std::string(100000, '1') + "|c", &line), StatsdVerdict::kMalformed);
  std::string many = "a";
  for (int i = 0; i < 2000; ++i) many += ":1";
  EXPECT_EQ(Parse(many + "|ms", &line), StatsdVerdict::kMalformed);
}

TEST(StatsdLine, Tags_AreBoundedCleanedAndSorted) {
  EXPECT_EQ(ParseStatsdTags(",,:x,b:2,a:1,b:3"), (proto::LabelList{{"a", "1"}, {"b", "2"}}));
  std::string tags;
  for (int i = 0; i < 100; ++i) tags += "key" + std::to_string(i) + ":v,";
  EXPECT_EQ(ParseStatsdTags(tags).size(), proto::kMaxLabels);
  const proto::LabelList dirty = ParseStatsdTags(std::string(300, 'k') + ":\xff\x01");
  ASSERT_EQ(dirty.size(), 1u);
  EXPECT_EQ(dirty[0].first.size(), proto::kMaxLabelKeyBytes);
  EXPECT_EQ(dirty[0].second, "\xEF\xBF\xBD\xEF\xBF\xBD");
}

class Series {
 public:
  void Add(std::string_view text) {
    StatsdLine line;
    ASSERT_EQ(ParseStatsdLine(text, &line), StatsdVerdict::kGood) << text;
    series.Add(line, 1000);
  }
  proto::SeriesDelta Find(const std::string& path) const {
    std::vector<proto::SeriesDelta> all;
    series.Append(2000, &all);
    for (const proto::SeriesDelta& one : all) {
      if (one.key->path == path) return one;
    }
    return proto::SeriesDelta();
  }
  static double Real(const proto::SeriesDelta& one, double integer) {
    return integer * proto::RealFactor(one.key);
  }

  StatsdSeries series;
};

TEST(StatsdSeries, Timing_IsADurationInMilliseconds) {
  Series s;
  s.Add("t:250|ms");
  s.Add("t:750|ms|@0.5");
  const proto::SeriesDelta t = s.Find("t");
  EXPECT_EQ(t.key->kind, proto::Kind::kDuration);
  EXPECT_EQ(t.delta.Count(), 3u) << "one stands for two";
  EXPECT_EQ(t.delta.sum, proto::Int128{1750000000});
  EXPECT_EQ(t.delta.max, 750000000);
}

TEST(StatsdSeries, Counter_IsScaledByItsRate) {
  Series s;
  s.Add("hits:2|c|@0.1");
  s.Add("hits:1.5|c");
  const proto::SeriesDelta hits = s.Find("hits");
  EXPECT_EQ(hits.key->kind, proto::Kind::kCounter);
  EXPECT_DOUBLE_EQ(Series::Real(hits, static_cast<double>(hits.delta.sum)), 21.5);
}

TEST(StatsdSeries, Gauge_IsSetAndChangedAndKeptOverIntervals) {
  Series s;
  s.Add("depth:10|g");
  s.Add("depth:-4|g");
  s.series.Clear();
  EXPECT_TRUE(s.Find("depth").delta.empty()) << "nothing came in this interval";
  s.Add("depth:+1|g");
  const proto::SeriesDelta depth = s.Find("depth");
  EXPECT_DOUBLE_EQ(Series::Real(depth, static_cast<double>(depth.delta.last)), 7);
  s.Add("depth:-20|g");
  const proto::SeriesDelta below = s.Find("depth");
  EXPECT_DOUBLE_EQ(Series::Real(below, static_cast<double>(below.delta.last)), -13);
}

TEST(StatsdSeries, Set_CountsItsElements) {
  Series s;
  for (const char* user : {"ann", "bob", "ann"}) s.Add("users:" + std::string(user) + "|s");
  EXPECT_EQ(s.Find("users").delta.last, 2);
  s.series.Clear();
  s.Add("users:bob|s");
  EXPECT_EQ(s.Find("users").delta.last, 1);
}

TEST(StatsdSeries, Tags_InAnyOrderAreOneSeries) {
  Series s;
  s.Add("hits:1|c|#a:1,b:2");
  s.Add("hits:1|c|#b:2,a:1");
  std::vector<proto::SeriesDelta> all;
  s.series.Append(1, &all);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_DOUBLE_EQ(Series::Real(all[0], static_cast<double>(all[0].delta.sum)), 2);
}

TEST(StatsdSeries, Bound_SeriesBeyondItShareOneAndNothingIsLost) {
  Series s;
  const size_t count = StatsdSeries::kMostSeries + 100;
  for (size_t i = 0; i < count; ++i) s.Add("m" + std::to_string(i) + ":1|ms");
  EXPECT_EQ(s.series.size(), StatsdSeries::kMostSeries);
  EXPECT_EQ(s.Find("(overflow)").delta.Count(), 100u);
  std::vector<proto::SeriesDelta> all;
  s.series.Append(1, &all);
  uint64_t samples = 0;
  for (const auto& one : all) samples += one.delta.Count();
  EXPECT_EQ(samples, count);
}

class StatsdTest : public AgentTest {
 protected:
  void StartWith(StatsdConfig statsd) {
    AgentConfig config = Config();
    config.statsd = std::move(statsd);
    StartAgent(config);
  }
  void SendUdp(const std::string& packet) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(agent_->counters().statsd_port);
    const proto::UniqueFd fd(socket(AF_INET, SOCK_DGRAM, 0));
    ASSERT_EQ(sendto(fd.get(), packet.data(), packet.size(), 0,
                     reinterpret_cast<const sockaddr*>(&address), sizeof address),
              static_cast<ssize_t>(packet.size()));
  }
  static bool SendUnix(const std::string& path, const std::string& packet) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const proto::UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM, 0));
    return sendto(fd.get(), packet.data(), packet.size(), 0,
                  reinterpret_cast<const sockaddr*>(&address), sizeof address) > 0;
  }
  proto::ProducerDelta LastStatsd() const {
    proto::ProducerDelta last;
    for (const proto::Batch& batch : Batches()) {
      for (const proto::ProducerDelta& producer : batch.producers) {
        if (producer.service == "statsd") last = producer;
      }
    }
    return last;
  }
};

TEST_F(StatsdTest, Udp_ManyLinesOfOnePacketBecomeTheProducerStatsd) {
  StartWith({"127.0.0.1:0", ""});
  SendUdp("t:250|ms\nt:750|ms\r\n\nhits:3|c\n_sc|x|0\nnonsense\n");
  CloseInterval();
  EXPECT_EQ(Delivered("t").Count(), 2u);
  EXPECT_EQ(Delivered("statsd.lines").sum, 5);
  EXPECT_EQ(Delivered("statsd.malformed").sum, 1);
  EXPECT_EQ(Delivered("statsd.ignored").sum, 1);
  const proto::ProducerDelta statsd = LastStatsd();
  EXPECT_FALSE(statsd.is_agent);
  EXPECT_EQ(statsd.labels, (proto::LabelList{{"lossy", "true"}}));
  EXPECT_EQ(statsd.totals.recorded, 2u);
  SendUdp("t:1|ms");
  CloseInterval();
  EXPECT_EQ(LastStatsd().totals.recorded, 3u) << "absolute, as every producer's";
}

TEST_F(StatsdTest, Silence_SaysNothing) {
  StartWith({"127.0.0.1:0", ""});
  CloseIntervals(3);
  EXPECT_EQ(LastStatsd().service, "");
}

TEST_F(StatsdTest, Restart_BeginsAnotherProducerAndNothingCountsTwice) {
  StartWith({"127.0.0.1:0", ""});
  SendUdp("t:250|ms");
  CloseInterval();
  const proto::Uuid first = LastStatsd().uuid;
  KillAgent();
  StartWith({"127.0.0.1:0", ""});
  SendUdp("t:250|ms");
  CloseInterval();
  EXPECT_FALSE(LastStatsd().uuid == first);
  EXPECT_EQ(LastStatsd().totals.recorded, 1u);
  EXPECT_EQ(Delivered("t").Count(), 2u);
}

TEST_F(StatsdTest, Stop_EndsTheProducer) {
  StartWith({"127.0.0.1:0", ""});
  SendUdp("t:250|ms");
  CloseInterval();
  EXPECT_FALSE(LastStatsd().is_final);
  SendUdp("t:250|ms");
  agent_->FlushAndStop(std::chrono::milliseconds(0));
  EXPECT_TRUE(LastStatsd().is_final);
  EXPECT_EQ(Delivered("t").Count(), 2u) << "what came last counts";
}

TEST_F(StatsdTest, Unix_ASocketFileThatIsLeftOverIsReplacedOneInUseIsNot) {
  const std::string path = state_.path() + "/statsd.sock";
  {
    const proto::UniqueFd old(socket(AF_UNIX, SOCK_DGRAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(bind(old.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_THAT(StatsdSocket::OpenUnix(path).message(), HasSubstr("in use"));
  }
  StartWith({"", path});
  ASSERT_TRUE(SendUnix(path, "t:5|ms"));
  CloseInterval();
  EXPECT_EQ(Delivered("t").Count(), 1u);
  KillAgent();
  EXPECT_NE(access(path.c_str(), F_OK), 0) << "removed with the agent";
  std::ofstream(path) << "a file";
  EXPECT_FALSE(StatsdSocket::OpenUnix(path).ok()) << "only sockets are replaced";
}

TEST_F(StatsdTest, Drops_OfTheKernelAreCounted) {
  const std::string path = state_.path() + "/statsd.sock";
  auto udp = StatsdSocket::OpenUdp("127.0.0.1:0");
  ASSERT_TRUE(udp.ok()) << udp.message();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons((*udp)->port());
  const proto::UniqueFd fd(socket(AF_INET, SOCK_DGRAM, 0));
  ASSERT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const std::string packet(60000, 'x');
  constexpr uint64_t kSent = 2000;  // far more than the receive buffer takes
  for (uint64_t i = 0; i < kSent; ++i) send(fd.get(), packet.data(), packet.size(), 0);
  uint64_t received = (*udp)->Receive(kSent, [](std::string_view) {});
  ASSERT_LT(received, kSent);
  send(fd.get(), "a", 1, 0);  // the count comes with the next packet
  received += (*udp)->Receive(1, [](std::string_view) {}) - 1;
  EXPECT_EQ((*udp)->kernel_drops(), kSent - received);
}

TEST(StatsdSocket, Address_OnlyLoopback) {
  for (const char* bad : {"0.0.0.0:0", "192.168.0.1:8125", "example.org:8125"}) {
    EXPECT_THAT(StatsdSocket::OpenUdp(bad).message(), HasSubstr("only loopback")) << bad;
  }
  for (const char* bad : {"", "8125", ":8125", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:99999"}) {
    EXPECT_THAT(StatsdSocket::OpenUdp(bad).message(), HasSubstr("expected HOST:PORT")) << bad;
  }
  EXPECT_THAT(StatsdSocket::OpenUnix(std::string(200, 'x')).message(), HasSubstr("bytes"));
}

}  // namespace
}  // namespace ringside::agent
