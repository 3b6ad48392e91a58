// Real output, and every example in the page, fits the published JSON Schema.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "aggregator/archive_keeper.h"
#include "aggregator/archive_listing.h"
#include "aggregator/archive_text.h"
#include "aggregator/archive_writer.h"
#include "tests/aggregator/random_batch.h"

namespace ringside::aggregator {
namespace {

namespace fs = std::filesystem;

class ArchiveSchemaTest : public testing::Test {
 protected:
  ArchiveSchemaTest() {
    std::string name = "/dev/shm/ringside-schema-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~ArchiveSchemaTest() override { fs::remove_all(directory_); }

  void WriteArchive() {
    ArchiveWriter writer({directory_, uint64_t{8} << 10}, {});
    AppliedSets applied;
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      RandomAgent agent(seed);
      for (int i = 0; i < 15; ++i) {
        const proto::Batch batch = agent.Next();
        ASSERT_TRUE(writer.Commit({&batch}, applied, batch.interval_end_unix_ns).ok());
        if (i % 7 != 0) applied.Add(batch.id, batch.interval_end_unix_ns);  // with gaps
      }
    }
    ASSERT_GT(writer.file_count(), 2u);
  }
  std::string ReadText(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  // The validator's exit status; its words are in `output_`.
  int Validate(const std::string& files) {
    const std::string source = RINGSIDE_SOURCE;
    const std::string command =
        RINGSIDE_PYTHON " " + source + "/tests/aggregator/validate_archive.py " + source +
        "/docs/archive-schema.json " + files + " > " + directory_ + "/output 2>&1";
    const int status = std::system(command.c_str());
    output_ = ReadText(directory_ + "/output");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string FirstFile() const {
    std::string first = "~";
    for (const auto& entry : fs::directory_iterator(directory_)) {
      if (entry.path().extension() == ".jsonl") first = std::min(first, entry.path().string());
    }
    return first;
  }

  std::string directory_;
  std::string output_;
};

TEST_F(ArchiveSchemaTest, RealOutput_Fits) {
  WriteArchive();
  EXPECT_EQ(Validate(directory_ + "/*.jsonl"), 0) << output_;
}

TEST_F(ArchiveSchemaTest, Copies_Fit) {
  WriteArchive();
  ArchivePolicy policy;
  policy.copy_after_ns.fill(0);
  policy.least_files = 2;
  ArchiveKeeper keeper(directory_, policy, [](bool is_trouble, const std::string& text) {
    EXPECT_FALSE(is_trouble) << text;
  });
  constexpr uint64_t kLater = 1'740'790'800'000'000'000;  // an hour after the first batch
  while (keeper.Round(kLater) != 0) {
  }
  const auto entries = ListArchive(directory_);
  ASSERT_TRUE(entries.ok());
  size_t copies = 0;
  for (const ArchiveEntry& entry : *entries) {
    if (entry.name.kind == ArchiveKind::kRaw) continue;
    auto text = ArchiveText::Open(directory_, entry.name);
    ASSERT_TRUE(text.ok());
    std::ofstream plain(directory_ + "/" + entry.name.FileName());
    std::string part(1 << 16, '\0');
    while (const size_t got = text->Read(part.data(), part.size())) plain.write(part.data(), got);
    ++copies;
  }
  EXPECT_GE(copies, 3u) << "statistics, requests, timings";
  EXPECT_EQ(Validate(directory_ + "/*-*-*-*.jsonl"), 0) << output_;
}

TEST_F(ArchiveSchemaTest, Examples_OfThePageFit) {
  EXPECT_EQ(Validate(RINGSIDE_SOURCE "/docs/archive.md"), 0) << output_;
}

TEST_F(ArchiveSchemaTest, Strange_LinesDoNotFit) {
  WriteArchive();
  const std::string file = FirstFile();
  const std::string text = ReadText(file);
  for (const std::string& line :
       {std::string(R"({"type":"timing","series":1})"), std::string(R"({"type":"surprise"})"),
        std::string(R"({"series":1,"type":"timing","timestamp":"2025-03-01T00:00:00.000Z",)"
                    R"("start_unix_ns":1,"value":1})"),
        std::string(R"({"type":"timing","series":1,"timestamp":"yesterday","start_unix_ns":1,)"
                    R"("value":1})"),
        std::string(R"({"type":"timing",)")}) {
    std::ofstream(file, std::ios::trunc) << text << line << "\n";
    EXPECT_EQ(Validate(directory_ + "/*.jsonl"), 1) << line;
    EXPECT_NE(output_.find(file), std::string::npos) << output_;
  }
}

}  // namespace
}  // namespace ringside::aggregator
