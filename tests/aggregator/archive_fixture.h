// An archive in a directory of its own, written and read as the aggregator does.
#ifndef RINGSIDE_TESTS_AGGREGATOR_ARCHIVE_FIXTURE_H_
#define RINGSIDE_TESTS_AGGREGATOR_ARCHIVE_FIXTURE_H_

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "aggregator/archive_reader.h"
#include "aggregator/archive_repair.h"
#include "aggregator/archive_writer.h"
#include "tests/aggregator/random_batch.h"

namespace ringside::aggregator {

inline constexpr uint64_t kNow = 1'740'787'200'000'000'000;  // 2025-03-01T00:00:00Z
inline constexpr uint64_t kDay = 24ull * 3600 * 1'000'000'000;

inline std::string ReadText(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

inline void WriteText(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

class ArchiveTest : public testing::Test {
 protected:
  ArchiveTest() {
    // On tmpfs: thousands of fsyncs cost nothing there.
    std::string name = "/dev/shm/ringside-archive-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~ArchiveTest() override { std::filesystem::remove_all(directory_); }

  // Starts as the aggregator does: reads, repairs, opens a file.
  void Start(uint64_t rotate_bytes = 1 << 20) {
    Read();
    notes_.clear();
    auto position = RepairArchive(report_, &notes_);
    ASSERT_TRUE(position.ok()) << position.message();
    applied_ = report_.applied;
    writer_.emplace(ArchiveWriterOptions{directory_, rotate_bytes}, *position);
    const proto::Status opened = writer_->Open(applied_, now_);
    ASSERT_TRUE(opened.ok()) << opened.message();
  }
  void Stop() { writer_.reset(); }

  proto::Status TryCommit(const std::vector<proto::Batch>& batches) {
    std::vector<const proto::Batch*> pointers;
    for (const proto::Batch& batch : batches) pointers.push_back(&batch);
    proto::Status status = writer_->Commit(pointers, applied_, now_);
    if (!status.ok()) return status;
    for (const proto::Batch& batch : batches) {
      applied_.Add(batch.id, now_);
      written_.push_back(batch);
    }
    return status;
  }
  void Commit(const std::vector<proto::Batch>& batches) {
    const proto::Status status = TryCommit(batches);
    ASSERT_TRUE(status.ok()) << status.message();
  }
  void CommitSome(int count) {
    for (int i = 0; i < count; ++i) Commit({agent_.Next()});
  }

  std::vector<proto::Batch> Read() {
    std::vector<proto::Batch> batches;
    report_ = {};
    history_ = {};
    const proto::Status status = ReadArchive(
        directory_, [&](const proto::Batch& batch) { batches.push_back(batch); }, &report_,
        [this](const AppliedSets& before) { history_ = before; });
    EXPECT_TRUE(status.ok()) << status.message();
    return batches;
  }

  // What is read is what was written, all of it, in order.
  void ExpectAllRead() {
    const std::vector<proto::Batch> batches = Read();
    ASSERT_EQ(batches.size(), written_.size());
    for (size_t i = 0; i < batches.size(); ++i) {
      ASSERT_TRUE(SameBatch(batches[i], written_[i])) << "batch " << i;
    }
    EXPECT_TRUE(report_.IsClean()) << report_.problems[0].ToString();
  }
  // What is read was written, each once; returns how many.
  size_t ExpectSubsetRead() {
    const std::vector<proto::Batch> batches = Read();
    AppliedSets seen;
    for (const proto::Batch& batch : batches) {
      EXPECT_TRUE(seen.Add(batch.id, 0)) << "twice: " << batch.id.sequence;
      const auto same = [&](const proto::Batch& b) { return SameBatch(b, batch); };
      EXPECT_TRUE(std::any_of(written_.begin(), written_.end(), same));
    }
    return batches.size();
  }

  std::vector<std::filesystem::path> Files() const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(directory_))
      files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
  }
  std::filesystem::path OnlyFile() const {
    const std::vector<std::filesystem::path> files = Files();
    EXPECT_EQ(files.size(), 1u);
    return files.front();
  }
  bool Names(const std::string& text) const {
    for (const ArchiveProblem& problem : report_.problems) {
      if (problem.ToString().find(text) != std::string::npos) return true;
    }
    return false;
  }

  std::string directory_;
  uint64_t now_ = kNow;
  RandomAgent agent_{1};
  std::optional<ArchiveWriter> writer_;
  AppliedSets applied_;
  AppliedSets history_;
  std::vector<proto::Batch> written_;
  std::vector<std::string> notes_;
  ArchiveReport report_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_TESTS_AGGREGATOR_ARCHIVE_FIXTURE_H_
