// Whose name is whose, on disk.
#include "aggregator/agent_bindings.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/aggregator/temp_dir.h"

namespace ringside::aggregator {
namespace {

using testing::HasSubstr;

class AgentBindingsTest : public testing::Test {
 protected:
  AgentBindingsTest() {
    agent_.bytes[0] = 1;
    other_.bytes[0] = 2;
  }
  void Open() {
    bindings_.reset();
    auto opened = AgentBindings::Open(path_);
    ASSERT_TRUE(opened.ok()) << opened.message();
    bindings_ = std::move(*opened);
  }
  bool Admit(const std::string& name, const proto::Uuid& agent, const std::string& host) {
    return bindings_->Admit(name, agent, host).ok();
  }
  std::string Text() const {
    std::stringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }
  void Append(const std::string& text) { std::ofstream(path_, std::ios::app) << text; }

  TempDir directory_;
  const std::string path_ = directory_.File("agents");
  proto::Uuid agent_;
  proto::Uuid other_;
  std::unique_ptr<AgentBindings> bindings_;
};

TEST_F(AgentBindingsTest, First_GetsTheNameForGood) {
  Open();
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(Admit("alpha", agent_, "gpu-01"));
    EXPECT_FALSE(Admit("beta", agent_, "gpu-02"));
    EXPECT_FALSE(Admit("beta", other_, "gpu-01"));
    EXPECT_TRUE(Admit("beta", other_, "gpu-02"));
    Open();
  }
  EXPECT_EQ(Text(), "alpha agent " + proto::ToString(agent_) + "\nalpha host gpu-01\nbeta agent " +
                        proto::ToString(other_) + "\nbeta host gpu-02\n");
}

TEST_F(AgentBindingsTest, Refused_BindsNothing) {
  Open();
  EXPECT_TRUE(Admit("alpha", agent_, "gpu-01"));
  EXPECT_FALSE(Admit("beta", other_, "gpu-01"));
  EXPECT_TRUE(Admit("gamma", other_, "gpu-03")) << "beta's attempt did not take it";
  EXPECT_FALSE(Admit("gamma", other_, ""));
  EXPECT_FALSE(Admit("gamma", other_, std::string(256, 'h')));
}

TEST_F(AgentBindingsTest, Hosts_OfAnyBytesStayOneLine) {
  Open();
  const std::string host =
      "a b\n\xff%41\0"
      "beta agent";
  EXPECT_TRUE(Admit("alpha", agent_, host));
  Open();
  EXPECT_TRUE(Admit("alpha", agent_, host));
  EXPECT_FALSE(Admit("beta", other_, host));
  EXPECT_TRUE(Admit("beta", other_, "a"));
}

TEST_F(AgentBindingsTest, Torn_LineAtTheEndNeverCounted) {
  Open();
  EXPECT_TRUE(Admit("alpha", agent_, "gpu-01"));
  const std::string whole = Text();
  const std::string next = "beta agent " + proto::ToString(other_) + "\n";
  for (size_t size = 1; size < next.size(); ++size) {
    Append(next.substr(0, size));
    Open();
    EXPECT_EQ(Text(), whole) << size;
  }
  EXPECT_TRUE(Admit("gamma", other_, "gpu-02"));
}

TEST_F(AgentBindingsTest, Corrupt_LineIsNamedAndNobodySlipsIn) {
  for (const std::string line :
       {"alpha", "alpha agent 1234", "alpha host ", "al/pha host a", "alpha user a", ""}) {
    std::filesystem::remove(path_);
    Append("alpha host gpu-01\n" + line + "\nalpha host gpu-02\n");
    const auto opened = AgentBindings::Open(path_);
    ASSERT_FALSE(opened.ok()) << line;
    EXPECT_THAT(opened.message(), HasSubstr(path_ + ":2: ")) << line;
  }
  std::filesystem::remove(path_);
  Append("alpha host gpu-01\nbeta host gpu-01\n");
  EXPECT_FALSE(AgentBindings::Open(path_).ok()) << "one host, two names";
}

TEST_F(AgentBindingsTest, Full_OneNameCannotFillTheTable) {
  std::ofstream file(path_);
  for (size_t i = 0; i < AgentBindings::kMostOfOneName; ++i) file << "alpha host h" << i << "\n";
  file.close();
  Open();
  EXPECT_THAT(bindings_->Admit("alpha", agent_, "h1").message(), HasSubstr("more than 16384"));
  EXPECT_TRUE(Admit("beta", agent_, "another"));
}

}  // namespace
}  // namespace ringside::aggregator
