// The archive after kills, flipped bits, foreign hands and full disks: what is intact counts once.
#include <csignal>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "tests/aggregator/archive_fixture.h"

namespace ringside::aggregator {
namespace {

namespace fs = std::filesystem;

using ArchiveDamageTest = ArchiveTest;

// Batches that are complete before byte `at`.
size_t CommitsBefore(const std::string& text, size_t at) {
  size_t commits = 0;
  for (size_t found = 0; (found = text.find("{\"type\":\"commit\"", found)) < at; ++commits) {
    found = text.find('\n', found);
    if (found >= at) break;
  }
  return commits;
}

TEST_F(ArchiveDamageTest, Missing_FileInTheMiddleIsNamed) {
  Start(1);
  CommitSome(4);
  Stop();
  const std::string gone = Files()[1].filename().string();
  fs::remove(Files()[1]);
  EXPECT_EQ(ExpectSubsetRead(), 3u);
  EXPECT_TRUE(Names("missing: " + gone));
  EXPECT_EQ(report_.chain_breaks, 1u);
  EXPECT_TRUE(report_.applied.Contains(written_[1].id)) << "lost, but never to be counted anew";
}

TEST_F(ArchiveDamageTest, Torn_TailAtEveryByteCostsOnlyTheLastBatch) {
  agent_ = RandomAgent(7, "h", 1);
  Start();
  CommitSome(3);
  Stop();
  const fs::path file = OnlyFile();
  const std::string whole = ReadText(file);
  const size_t last = whole.rfind("{\"type\":\"commit\"");
  const size_t second = whole.find('\n', whole.rfind("{\"type\":\"commit\"", last - 1)) + 1;
  for (size_t size = second; size < whole.size(); ++size) {
    WriteText(file, whole.substr(0, size));
    ASSERT_EQ(ExpectSubsetRead(), 2u) << size;
    ASSERT_EQ(report_.IsClean(), size == second) << size;
    Start();
    ASSERT_EQ(ReadText(file), whole.substr(0, second)) << size;
    Commit({written_[2]});
    written_.pop_back();
    Stop();
    ExpectAllRead();
    for (const fs::path& path : Files()) fs::remove(path);
  }
}

TEST_F(ArchiveDamageTest, Flipped_ByteAnywhereNeverCountsTwiceAndCostsLittle) {
  agent_ = RandomAgent(3, "h", 1);
  Start();
  CommitSome(5);
  Stop();
  const fs::path file = OnlyFile();
  const std::string whole = ReadText(file);
  const size_t head_end = whole.find('\n') + 1;
  ASSERT_EQ(ExpectSubsetRead(), 5u);
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const char flip : {'\x01', '\x80', static_cast<char>(whole[at] ^ '\n')}) {
      if (flip == 0) continue;
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      WriteText(file, damaged);
      const size_t read = ExpectSubsetRead();
      ASSERT_FALSE(report_.IsClean()) << at;
      // Batches before the damage count; after it those that need no series defined in it.
      const size_t before = CommitsBefore(whole, at);
      // Without the head the batches still prove themselves, unless it claims another format.
      const size_t least = at >= head_end ? before : Names("format") ? 0 : 4;
      ASSERT_GE(read, least) << at;
    }
  }
}

TEST_F(ArchiveDamageTest, Flipped_BatchInTheMiddleDoesNotCostTheOnesAfterIt) {
  Start();
  proto::Batch batch = agent_.Next();
  for (uint64_t sequence = 1; sequence <= 5; ++sequence) {
    batch.id.sequence = sequence;
    Commit({batch});
  }
  Stop();
  std::string text = ReadText(OnlyFile());
  const size_t third = text.find("\"sequence\":3,");
  ASSERT_NE(third, std::string::npos);
  text[third + 11] = '2';
  WriteText(OnlyFile(), text);
  EXPECT_EQ(ExpectSubsetRead(), 4u);
  EXPECT_EQ(report_.corrupt_batches, 1u);
  EXPECT_EQ(report_.chain_breaks, 1u);
  EXPECT_FALSE(report_.applied.Contains(written_[2].id)) << "the agent may still send it";
}

TEST_F(ArchiveDamageTest, Foreign_LinesAreSkippedCountedAndNamed) {
  Start();
  CommitSome(2);
  Stop();
  const std::string name = OnlyFile().filename().string();
  std::string text = ReadText(OnlyFile());
  const size_t after_head = text.find('\n') + 1;
  text.insert(after_head, "# a note by hand\n\n");
  text += "{\"type\":\"interval\",\"series\":\n";
  WriteText(OnlyFile(), text);
  EXPECT_EQ(ExpectSubsetRead(), 2u);
  EXPECT_TRUE(Names(name + ":2: 2 lines (18 bytes) skipped"));
  const auto lines = std::count(text.begin(), text.end(), '\n');
  EXPECT_TRUE(Names(name + ":" + std::to_string(lines) + ": 1 line"))
      << report_.problems[1].ToString();
  EXPECT_EQ(report_.skipped_lines, 3u);
  EXPECT_EQ(report_.chain_breaks, 0u);
}

TEST_F(ArchiveDamageTest, Foreign_BatchOfAnotherFileNeverCounts) {
  Start(1);
  CommitSome(2);
  Stop();
  std::string first = ReadText(Files()[0]);
  const std::string second = ReadText(Files()[1]);
  written_.pop_back();
  fs::remove(Files()[1]);
  WriteText(Files()[0], first + second.substr(second.find('\n') + 1));
  EXPECT_EQ(ExpectSubsetRead(), 1u);
  EXPECT_EQ(report_.corrupt_batches, 1u);
}

TEST_F(ArchiveDamageTest, Foreign_FormatIsSkippedNamedAndLeftAlone) {
  Start();
  CommitSome(2);
  Stop();
  std::string text = ReadText(OnlyFile());
  text.replace(text.find("\"format\":2"), 10, "\"format\":9");
  WriteText(OnlyFile(), text);
  EXPECT_EQ(Read().size(), 0u);
  EXPECT_TRUE(Names("has archive format 9, this program reads 1 to 2"));
  written_.clear();
  Start();
  CommitSome(1);
  Stop();
  EXPECT_EQ(ReadText(Files()[0]), text);
  EXPECT_EQ(ExpectSubsetRead(), 1u);
}

TEST_F(ArchiveDamageTest, Duplicate_BatchInTheArchiveIsAppliedOnce) {
  Start();
  const proto::Batch batch = agent_.Next();
  Commit({batch, batch});
  EXPECT_EQ(Read().size(), 1u);
  EXPECT_EQ(report_.duplicates, 1u);
}

TEST_F(ArchiveDamageTest, Durable_ReadersStopWhereTheNextHeadSays) {
  Start();
  CommitSome(1);
  const ArchiveFileState durable = (Read(), report_.files.back());
  CommitSome(1);  // as if its fsync had failed
  Stop();
  written_.pop_back();
  ArchivePosition position;
  position.link = {durable.name.FileName(), durable.good_bytes, durable.chain};
  position.next_number = durable.name.number + 1;
  writer_.emplace(ArchiveWriterOptions{directory_, 1 << 20}, position);
  CommitSome(1);
  ExpectAllRead();
}

TEST_F(ArchiveDamageTest, Unfinished_FilesOfARotationAreTakenAway) {
  Start();
  CommitSome(1);
  Stop();
  WriteText(directory_ + "/20250301-000000-000002.jsonl.new", "{\"type\":\"head\",");
  WriteText(directory_ + "/20250301-000000-000003.jsonl", "");
  Start();
  CommitSome(1);
  ExpectAllRead();
  EXPECT_EQ(Files().size(), 2u);
}

// The kernel's limit on file sizes stands in for a full disk: a write fails half-way.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(uint64_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(ArchiveDamageTest, Full_NothingCountsUntilThereIsRoom) {
  Start();
  CommitSome(3);
  const std::vector<proto::Batch> group = {agent_.Next(), agent_.Next(), agent_.Next()};
  const uint64_t size = fs::file_size(OnlyFile());
  {
    const FileSizeLimit limit(size + 100);
    for (int attempt = 0; attempt < 3; ++attempt) {
      const proto::Status status = TryCommit(group);
      // The first file is full; a new one has room for a while, but in the end none has.
      if (status.ok()) break;
      EXPECT_NE(status.message().find("cannot be written"), std::string::npos);
    }
  }
  if (written_.size() == 3) Commit(group);
  ExpectAllRead();
}

TEST_F(ArchiveDamageTest, Full_NoRoomEvenForAHead) {
  Start();
  CommitSome(3);
  const proto::Batch batch = agent_.Next();
  const size_t files = Files().size();
  {
    const FileSizeLimit limit(10);
    for (int attempt = 0; attempt < 5; ++attempt) EXPECT_FALSE(TryCommit({batch}).ok());
    EXPECT_EQ(Files().size(), files) << "attempts leave nothing behind";
  }
  Commit({batch});
  CommitSome(2);
  ExpectAllRead();
  Stop();
  Start();
  CommitSome(1);
  ExpectAllRead();
}

}  // namespace
}  // namespace ringside::aggregator
