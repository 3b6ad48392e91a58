// The spool: committed batches, kept until they are acknowledged, whatever happens to the agent.
#include "agent/spool.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/agent/agent_fixture.h"

namespace ringside::agent {
namespace {

using testing::HasSubstr;

class SpoolTest : public testing::Test {
 protected:
  SpoolTest() : directory_("/tmp") {}

  void Open(uint64_t limit = 64 << 20) {
    spool_.reset();
    auto spool = Spool::Open(directory_.path(), limit);
    ASSERT_TRUE(spool.ok()) << spool.message();
    spool_ = std::move(*spool);
  }
  void Begin(uint64_t epoch) { ASSERT_TRUE(spool_->BeginEpoch(epoch).ok()); }
  void Append(uint64_t first, const std::vector<std::string>& frames) {
    ASSERT_TRUE(spool_->Append(first, frames).ok());
  }
  std::vector<std::string> Pending() const {
    std::vector<std::string> frames;
    for (const auto& pending : spool_->pending()) frames.push_back(*spool_->Read(pending));
    return frames;
  }
  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
      const std::string name = entry.path().filename();
      if (name.rfind(kSpoolPrefix, 0) == 0) names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  std::string PathOf(size_t file) const { return directory_.path() + "/" + Files().at(file); }
  void Corrupt(size_t file, uint64_t offset) const {
    std::fstream stream(PathOf(file), std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(stream.get() ^ 0x55);
    stream.seekp(static_cast<std::streamoff>(offset));
    stream.put(byte);
  }

  TempDirectory directory_;
  std::unique_ptr<Spool> spool_;
};

TEST_F(SpoolTest, Append_IsThereAfterARestart) {
  Open();
  Begin(7);
  Append(1, {"one", "two"});
  Append(3, {"three"});
  Open();
  EXPECT_EQ(Pending(), (std::vector<std::string>{"one", "two", "three"}));
  EXPECT_TRUE(spool_->tail().whole);
  EXPECT_EQ(spool_->tail().epoch, 7u);
  EXPECT_EQ(spool_->tail().last_sequence, 3u);
  EXPECT_EQ(spool_->tail().last_entry_first, 3u);
}

TEST_F(SpoolTest, Append_RefusesAGapInTheSequence) {
  Open();
  Begin(7);
  Append(1, {"one"});
  EXPECT_FALSE(spool_->Append(3, {"three"}).ok());
}

TEST_F(SpoolTest, Identity_IsMadeOnceAndKept) {
  Open();
  const proto::Uuid agent = spool_->agent();
  EXPECT_FALSE(agent.IsZero());
  Open();
  EXPECT_EQ(spool_->agent(), agent);
}

TEST_F(SpoolTest, Lock_KeepsAnotherAgentOut) {
  Open();
  const auto second = Spool::Open(directory_.path(), 1 << 20);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.message(), HasSubstr("another agent"));
}

TEST_F(SpoolTest, Torn_AtEveryByteTheLastEntryIsThereWholeOrNotAtAll) {
  Open();
  Begin(7);
  Append(1, {"first"});
  const uint64_t before = std::filesystem::file_size(PathOf(0));
  Append(2, {"second", "third"});
  const uint64_t after = std::filesystem::file_size(PathOf(0));
  std::ifstream stream(PathOf(0), std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(stream)), {});
  for (uint64_t size = before; size <= after; ++size) {
    spool_.reset();
    std::ofstream(PathOf(0), std::ios::binary | std::ios::trunc)
        .write(whole.data(), static_cast<std::streamsize>(size));
    Open();
    const size_t expected = size == after ? 3 : 1;
    ASSERT_EQ(Pending().size(), expected) << "cut at " << size;
    ASSERT_TRUE(spool_->tail().whole);
    ASSERT_EQ(spool_->damaged_files(), 0u);
    // And it goes on from there.
    Append(expected + 1, {"next"});
    Open();
    ASSERT_EQ(Pending().size(), expected + 1);
  }
}

TEST_F(SpoolTest, Torn_EveryDamagedByteOfTheLastEntryIsFound) {
  Open();
  Begin(7);
  Append(1, {"first"});
  const uint64_t before = std::filesystem::file_size(PathOf(0));
  Append(2, {"second"});
  const uint64_t after = std::filesystem::file_size(PathOf(0));
  std::ifstream stream(PathOf(0), std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(stream)), {});
  for (uint64_t at = before; at < after; ++at) {
    spool_.reset();
    std::ofstream(PathOf(0), std::ios::binary | std::ios::trunc)
        .write(whole.data(), static_cast<std::streamsize>(whole.size()));
    Corrupt(0, at);
    Open();
    ASSERT_EQ(Pending().size(), 1u) << "byte " << at;
  }
}

TEST_F(SpoolTest, Acknowledge_InAnyOrderTrimsFromTheFront) {
  Open();
  Begin(7);
  for (uint64_t i = 1; i <= 4; ++i) Append(i, {std::to_string(i)});
  EXPECT_EQ(spool_->Acknowledge(7, 2, 3), 2u);
  EXPECT_EQ(spool_->pending().size(), 4u) << "the first is still missing";
  EXPECT_EQ(spool_->Acknowledge(7, 1, 1), 1u);
  EXPECT_EQ(Pending(), std::vector<std::string>{"4"});
  EXPECT_EQ(spool_->Acknowledge(7, 1, 3), 0u) << "no news";
  EXPECT_EQ(spool_->Acknowledge(8, 4, 4), 0u) << "another epoch";
}

TEST_F(SpoolTest, Acknowledge_IsRememberedOverARestart) {
  Open();
  Begin(7);
  for (uint64_t i = 1; i <= 3; ++i) Append(i, {std::to_string(i)});
  spool_->Acknowledge(7, 1, 2);
  Open();
  EXPECT_EQ(Pending(), std::vector<std::string>{"3"});
  EXPECT_EQ(spool_->tail().last_sequence, 3u);
}

TEST_F(SpoolTest, Readers_AFrameGoesWhenAllHaveIt) {
  Open();
  Begin(7);
  Append(1, {"one", "two", "three"});
  spool_->SetReaders(2);
  EXPECT_EQ(spool_->Acknowledge(7, 1, 2, 0), 2u);
  EXPECT_EQ(spool_->FirstFor(0), 2u);
  EXPECT_EQ(spool_->FirstFor(1), 0u);
  EXPECT_EQ(spool_->pending().size(), 3u);
  EXPECT_EQ(spool_->Acknowledge(7, 1, 1, 1), 1u);
  EXPECT_EQ(Pending(), (std::vector<std::string>{"two", "three"}));
  EXPECT_EQ(spool_->FirstFor(0), 1u);
  EXPECT_EQ(spool_->Unacknowledged(0), 1u);
  EXPECT_EQ(spool_->Unacknowledged(1), 2u);
  EXPECT_EQ(spool_->Acknowledge(7, 1, 3, 1), 2u);
  EXPECT_EQ(Pending(), (std::vector<std::string>{"three"}));
  EXPECT_EQ(spool_->Acknowledge(7, 3, 3, 0), 1u);
  EXPECT_TRUE(Pending().empty());
}

TEST_F(SpoolTest, Readers_ARestartKeepsWhatOneOfThemLacks) {
  Open();
  Begin(7);
  Append(1, {"one", "two", "three"});
  spool_->SetReaders(2);
  spool_->Acknowledge(7, 1, 3, 0);
  spool_->Acknowledge(7, 1, 1, 1);
  Open();
  EXPECT_EQ(Pending(), (std::vector<std::string>{"two", "three"}));
}

TEST_F(SpoolTest, GiveUp_TheOldestThatOneHasAndAnotherLacks) {
  constexpr uint64_t kLimit = 64 << 10;
  Open(kLimit);
  Begin(7);
  spool_->SetReaders(2);
  const std::string frame(4096, 'x');
  for (uint64_t sequence = 1; sequence <= 20; ++sequence) {
    Append(sequence, {frame});
    if (sequence <= 18) spool_->Acknowledge(7, sequence, sequence, 1);
  }
  const uint64_t before = spool_->bytes();
  ASSERT_GT(before, kLimit / 2);
  EXPECT_EQ(spool_->GiveUp(before), 0u) << "there is room";
  const size_t given_up = spool_->GiveUp(kLimit / 2);
  EXPECT_GT(given_up, 0u);
  EXPECT_EQ(spool_->given_up(0), given_up);
  EXPECT_EQ(spool_->given_up(1), 0u);
  EXPECT_LE(spool_->bytes(), kLimit / 2);
  EXPECT_EQ(spool_->pending().front().frame.sequence, given_up + 1) << "no more than that";
  EXPECT_EQ(spool_->Unacknowledged(1), 2u);
}

TEST_F(SpoolTest, GiveUp_NothingThatNobodyHas) {
  Open(64 << 10);
  Begin(7);
  spool_->SetReaders(2);
  for (uint64_t sequence = 1; sequence <= 20; ++sequence) {
    Append(sequence, {std::string(4096, 'x')});
  }
  EXPECT_EQ(spool_->GiveUp(1), 0u);
  EXPECT_EQ(spool_->pending().size(), 20u);
  spool_->SetReaders(1);
  spool_->Acknowledge(7, 1, 1);
  EXPECT_EQ(spool_->GiveUp(1), 0u) << "one aggregator alone loses nothing";
}

TEST_F(SpoolTest, Files_AreRotatedAndRemovedWhenAcknowledged) {
  Open(1 << 20);
  Begin(7);
  const std::string frame(100 * 1024, 'x');
  for (uint64_t i = 1; i <= 9; ++i) Append(i, {frame});
  EXPECT_EQ(Files().size(), 3u);
  EXPECT_GT(spool_->bytes(), 900u * 1024);
  spool_->Acknowledge(7, 1, 8);
  EXPECT_EQ(Files().size(), 1u);
  Open(1 << 20);
  EXPECT_EQ(Pending().size(), 1u);
  EXPECT_TRUE(spool_->tail().whole);
  spool_->Acknowledge(7, 9, 9);
  Append(10, {"small"});
  EXPECT_EQ(spool_->tail().last_sequence, 10u);
}

TEST_F(SpoolTest, Files_ALargeOneIsReplacedOnceAllIsAcknowledged) {
  Open();
  Begin(7);
  Append(1, {std::string(2 << 20, 'x')});
  spool_->Acknowledge(7, 1, 1);
  EXPECT_LT(spool_->bytes(), 1000u);
  Open();
  EXPECT_TRUE(spool_->tail().whole);
  EXPECT_EQ(spool_->tail().last_sequence, 1u) << "an empty file proves where the epoch stands";
}

TEST_F(SpoolTest, Epochs_OldOnesStayUntilAcknowledged) {
  Open();
  Begin(7);
  Append(1, {"old"});
  Begin(8);
  Append(1, {"new"});
  Open();
  EXPECT_EQ(Pending(), (std::vector<std::string>{"old", "new"}));
  EXPECT_EQ(spool_->tail().epoch, 8u);
  spool_->Acknowledge(7, 1, 1);
  EXPECT_EQ(Pending(), std::vector<std::string>{"new"});
  EXPECT_EQ(Files().size(), 1u);
}

TEST_F(SpoolTest, Damage_InAnOlderFileBreaksTheEpoch) {
  Open(1 << 20);
  Begin(7);
  const std::string frame(300 * 1024, 'x');
  for (uint64_t i = 1; i <= 3; ++i) Append(i, {frame});
  ASSERT_GT(Files().size(), 1u);
  spool_.reset();
  Corrupt(0, 1000);
  Open(1 << 20);
  EXPECT_FALSE(spool_->tail().whole);
  EXPECT_EQ(spool_->damaged_files(), 1u);
}

TEST_F(SpoolTest, Damage_OfAHeaderSetsTheFileAside) {
  Open();
  Begin(7);
  Append(1, {"one"});
  const std::string path = PathOf(0);
  spool_.reset();
  Corrupt(0, 20);
  Open();
  EXPECT_FALSE(spool_->tail().whole);
  EXPECT_TRUE(std::filesystem::exists(path + ".damaged"));
  EXPECT_TRUE(Pending().empty());
}

TEST_F(SpoolTest, Mark_ThatLiesBeyondTheFileIsIgnored) {
  Open();
  Begin(7);
  Append(1, {"one"});
  const std::string path = PathOf(0);
  spool_.reset();
  std::fstream stream(path, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(offsetof(SpoolHeader, acked_sequence));
  const uint64_t absurd = 1000;
  stream.write(reinterpret_cast<const char*>(&absurd), sizeof absurd);
  stream.close();
  Open();
  EXPECT_EQ(Pending().size(), 1u);
}

}  // namespace
}  // namespace ringside::agent
