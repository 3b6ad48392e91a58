// The configuration file: what it may say, what it may not, and that its docs are true.
#include "cli/config_file.h"

#include <fstream>
#include <map>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

DaemonConfig Parse(const std::string& text) {
  auto config = ParseConfig(text, "r.yaml");
  EXPECT_TRUE(config.ok()) << config.message();
  return config ? *config : DaemonConfig();
}

std::string Complaint(const std::string& text) {
  const auto config = ParseConfig(text, "r.yaml");
  EXPECT_FALSE(config.ok());
  return config.message();
}

TEST(ConfigFileTest, Values_GoWhereTheyBelong) {
  const DaemonConfig config = Parse(
      "agent:\n  host: gpu-3\n  spool_limit: 2GiB\naggregator: {http: '127.0.0.1:80'}\n"
      "samplers:\n  host: {interval: 5s}\n  amd: {enabled: false}\n"
      "  nvidia:\n    library: /opt/nvml.so\n");
  EXPECT_EQ(config.agent.host, "gpu-3");
  EXPECT_EQ(config.agent.spool_limit_bytes, uint64_t{2} << 30);
  EXPECT_EQ(config.aggregator.http, "127.0.0.1:80");
  EXPECT_EQ(config.agent.samplers.host.interval, std::chrono::seconds(5));
  EXPECT_TRUE(config.agent.samplers.host.enabled);
  EXPECT_FALSE(config.agent.samplers.amd.enabled);
  EXPECT_EQ(config.agent.samplers.nvml_library, "/opt/nvml.so");
}

TEST(ConfigFileTest, Values_AnEmptyFileIsAllDefaults) {
  for (const char* text : {"", "# nothing\n", "agent:\n", "samplers:\n  host:\n"}) {
    const DaemonConfig config = Parse(text);
    EXPECT_THAT(ChangedKeys(DaemonConfig(), config, true), IsEmpty()) << text;
    EXPECT_THAT(ChangedKeys(DaemonConfig(), config, false), IsEmpty()) << text;
  }
}

TEST(ConfigFileTest, Values_EveryKeyCanBeSaidAsItIsShown) {
  for (const ConfigKey& key : ConfigKeys()) {
    DaemonConfig config;
    const std::string shown = key.show(config);
    EXPECT_TRUE(key.set(shown, &config).ok()) << key.path << ": " << shown;
    EXPECT_EQ(key.show(config), shown) << key.path;
  }
}

TEST(ConfigFileTest, Unknown_TheNearestKeyIsNamed) {
  EXPECT_EQ(Complaint("agent:\n  host: a\n  hots: b\n"),
            "r.yaml:3:3: unknown key \"agent.hots\": did you mean \"agent.host\"?");
  EXPECT_THAT(Complaint("sampler: {}\n"), HasSubstr("r.yaml:1:1: unknown key \"sampler\": did you "
                                                    "mean \"samplers\"?"));
  EXPECT_THAT(Complaint("samplers:\n  host:\n    intervall: 1s\n"),
              HasSubstr("r.yaml:3:5: unknown key \"samplers.host.intervall\": did you mean "
                        "\"samplers.host.interval\"?"));
  EXPECT_THAT(Complaint("agent: {http: x}\n"), HasSubstr("\"agent.http\""));
  EXPECT_THAT(Complaint("xyzzy: 1\n"), HasSubstr("(known here: agent, aggregator, samplers)"));
}

TEST(ConfigFileTest, Wrong_TheLineAndTheMendAreNamed) {
  EXPECT_THAT(Complaint("samplers:\n  host: {interval: 5}\n"), HasSubstr("r.yaml:2:20: "));
  EXPECT_THAT(Complaint("samplers: {host: {interval: 1ms}}\n"), HasSubstr("expected 100ms to 24h"));
  EXPECT_THAT(Complaint("samplers: {host: {enabled: maybe}}\n"),
              HasSubstr("expected true or false, not \"maybe\""));
  EXPECT_THAT(Complaint("agent: {spool_limit: 7}\n"), HasSubstr("such as 512MiB"));
  EXPECT_THAT(Complaint("agent: 5\n"), HasSubstr("agent: expected keys below it"));
  EXPECT_THAT(Complaint("agent: {host: [1]}\n"), HasSubstr("agent.host: expected a value"));
  EXPECT_THAT(Complaint("agent: {host: a, host: b}\n"), HasSubstr("comes twice"));
  EXPECT_THAT(Complaint("- a\n"), HasSubstr("r.yaml:1:1: expected keys"));
  EXPECT_THAT(Complaint("agent: {\n"), HasSubstr("r.yaml:"));
  EXPECT_THAT(Complaint(std::string(2 << 20, '#')), HasSubstr("larger than"));
}

TEST(ConfigFileTest, Changed_BySighupAndByRestart) {
  const DaemonConfig before = Parse("agent: {host: a}\n");
  const DaemonConfig after = Parse("agent: {host: b}\nsamplers: {intel: {interval: 9s}}\n");
  EXPECT_THAT(ChangedKeys(before, after, true), ElementsAre("samplers.intel.interval"));
  EXPECT_THAT(ChangedKeys(before, after, false), ElementsAre("agent.host"));
}

// Every key is in the table of the docs, with its default and what SIGHUP does, in that order.
TEST(ConfigDocsTest, Table_SaysWhatTheCodeDoes) {
  std::ifstream docs(RINGSIDE_CONFIG_DOCS);
  ASSERT_TRUE(docs.good());
  std::vector<std::string> documented;
  std::string line;
  while (std::getline(docs, line)) {
    if (!line.starts_with("| `")) continue;
    std::vector<std::string> cells;
    std::stringstream stream(line.substr(2));
    for (std::string cell; std::getline(stream, cell, '|');) {
      const size_t first = cell.find_first_not_of(" `");
      const size_t last = cell.find_last_not_of(" `");
      cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
    }
    ASSERT_GE(cells.size(), 3u) << line;
    documented.push_back(cells[0] + "=" + cells[1] + "/" + cells[2]);
  }
  std::vector<std::string> known;
  for (const ConfigKey& key : ConfigKeys()) {
    known.push_back(key.path + "=" + key.show(DaemonConfig()) + "/" + (key.reloads ? "yes" : "no"));
  }
  EXPECT_EQ(documented, known);
}

}  // namespace
}  // namespace ringside::cli
