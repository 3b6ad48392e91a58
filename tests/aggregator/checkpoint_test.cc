// A start from a checkpoint knows what a start from the archive knows; and a checkpoint that is not
// of this archive's end, or not whole, is not believed.
#include "aggregator/checkpoint.h"

#include <fstream>
#include <sstream>

#include "aggregator/archive_listing.h"
#include "tests/aggregator/aggregator_fixture.h"

namespace ringside::aggregator {
namespace {

std::string Contents(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void Write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

class CheckpointTest : public AggregatorTest {
 protected:
  CheckpointTest() {
    // By the real clock these batches are long past: nothing may be copied or removed for that.
    config_.archive.keep.fill({UINT64_MAX, UINT64_MAX});
    config_.archive.copy_after_ns.fill(UINT64_MAX);
  }
  // By number: the first is named by the real clock.
  std::string NewestArchiveFile() const {
    const std::string directory = config_.data_dir + "/archive";
    const auto files = ListArchive(directory);
    EXPECT_TRUE(files.ok() && !files->empty());
    return directory + "/" + files->back().name.FileName();
  }
  std::string Hosts() const {
    std::string text;
    std::vector<std::string> hosts;
    aggregator_->store().ForEachSeries("", [&](const StoredSeries& series) {
      if (series.producer().service == "ringside-aggregator") return;
      hosts.push_back(series.producer().host + " " + series.producer().instance + " " +
                      std::string(series.producer().Label("pid")));
    });
    std::sort(hosts.begin(), hosts.end());
    for (const std::string& host : hosts) text += host + "\n";
    return text;
  }
  double Covered() const {
    return aggregator_->store().CoveredSeconds({""}, Window{0, UINT64_MAX});
  }
  // Starts, and knows all by reading the archive.
  void ExpectReplay(const std::string& store) {
    Start();
    EXPECT_FALSE(aggregator_->start_report().files.empty());
    EXPECT_EQ(DumpStore(), store);
  }
};

TEST_F(CheckpointTest, Restart_KnowsAllThatWasKnown) {
  Start();
  SendAndAwait(Batches(30));
  const std::string store = DumpStore();
  const std::string ledger = DumpLedger();
  const std::string hosts = Hosts();
  const double covered = Covered();
  const uint64_t last = aggregator_->store().LastClosedUnixNs();
  ASSERT_FALSE(store.empty());
  RestartFromCheckpoint();
  EXPECT_EQ(DumpStore(), store);
  EXPECT_EQ(DumpLedger(), ledger);
  EXPECT_EQ(Hosts(), hosts);
  EXPECT_EQ(Covered(), covered);
  EXPECT_EQ(aggregator_->store().LastClosedUnixNs(), last);
  EXPECT_FALSE(fs::exists(CheckpointFile()))
      << "the archive goes on, so it does not count any more";
}

TEST_F(CheckpointTest, Restart_WhatWasOnItsWayToTheDiskIsKnownToo) {
  Start();
  const std::string file = NewestArchiveFile();
  const auto empty = fs::file_size(file);
  const proto::Batch batch = Batches(1)[0];
  ASSERT_TRUE(Until([&] { return agent_->Send(batch); }));
  ASSERT_TRUE(Until([&] { return fs::file_size(file) > empty; }));
  ASSERT_EQ(aggregator_->ledger().Total().merged, 0u) << "written, and not merged yet";
  RestartFromCheckpoint();
  EXPECT_EQ(aggregator_->ledger().Total().merged, stream_.samples());
}

TEST_F(CheckpointTest, Restart_GoesOnWithoutLossOrDouble) {
  Start();
  std::vector<proto::Batch> all = Batches(10);
  SendAndAwait(all);
  for (int round = 0; round < 3; ++round) {
    RestartFromCheckpoint();
    // Once more what was acknowledged, then what is new.
    SendAndAwait(all);
    EXPECT_EQ(aggregator_->intake_counters().batches, 0u);
    const std::vector<proto::Batch> more = Batches(10);
    SendAndAwait(more);
    all.insert(all.end(), more.begin(), more.end());
  }
  EXPECT_TRUE(aggregator_->ledger().Balanced());
  EXPECT_EQ(aggregator_->ledger().Total().merged, stream_.samples());
  const std::string store = DumpStore();
  const std::string ledger = DumpLedger();
  Restart();
  EXPECT_EQ(DumpStore(), store);
  EXPECT_EQ(DumpLedger(), ledger);
  EXPECT_TRUE(aggregator_->start_report().IsClean());
}

TEST_F(CheckpointTest, Restart_WithoutAnythingNewStillCounts) {
  Start();
  SendAndAwait(Batches(5));
  const std::string store = DumpStore();
  for (int round = 0; round < 3; ++round) {
    RestartFromCheckpoint();
    EXPECT_EQ(DumpStore(), store);
  }
}

TEST_F(CheckpointTest, Restart_TheLastFileWasCompressedMeanwhile) {
  config_.archive_pause_ms = 5;
  Start();
  SendAndAwait(Batches(5));
  const std::string store = DumpStore();
  RestartFromCheckpoint();
  const auto is_compressed = [this] {
    const std::string path = config_.data_dir + "/archive";
    return std::any_of(
               fs::directory_iterator(path), fs::directory_iterator(),
               [](const fs::directory_entry& file) { return file.path().extension() == ".zst"; }) &&
           std::none_of(fs::directory_iterator(path), fs::directory_iterator(),
                        [](const fs::directory_entry& file) {
                          return file.path().string().ends_with("000001.jsonl");
                        });
  };
  ASSERT_TRUE(Until(is_compressed));
  RestartFromCheckpoint();
  EXPECT_EQ(DumpStore(), store);
}

TEST_F(CheckpointTest, Nothing_IsSavedOfNothing) {
  Start();
  Stop();
  EXPECT_FALSE(fs::exists(CheckpointFile()));
}

TEST_F(CheckpointTest, Stale_TheArchiveWentOn) {
  Start();
  SendAndAwait(Batches(5));
  Stop();
  const std::string old = Contents(CheckpointFile());
  Start();
  SendAndAwait(Batches(5));
  const std::string store = DumpStore();
  Stop();
  Write(CheckpointFile(), old);
  ExpectReplay(store);
}

TEST_F(CheckpointTest, Stale_TheArchiveWasCutOrChanged) {
  Start();
  SendAndAwait(Batches(5));
  Stop();
  const std::string file = NewestArchiveFile();
  const std::string text = Contents(file);
  const std::string checkpoint = Contents(CheckpointFile());
  const auto expect_read = [&](const std::string& archive) {
    Write(file, archive);
    Write(CheckpointFile(), checkpoint);
    Start();
    EXPECT_FALSE(aggregator_->start_report().files.empty());
    Stop();
  };
  const size_t last_line = text.rfind('\n', text.size() - 2) + 1;
  expect_read(text.substr(0, last_line));
  expect_read(text + "{\"type\":\"note\"}\n");
  std::string changed = text;
  changed[changed.size() - 4] = changed[changed.size() - 4] == '0' ? '1' : '0';  // of the chain
  expect_read(changed);
}

TEST_F(CheckpointTest, Damaged_AnyByteAndAnyLengthIsNotBelieved) {
  Start();
  SendAndAwait(Batches(2));
  Stop();
  const std::string path = CheckpointFile();
  const std::string good = Contents(path);
  ASSERT_GT(good.size(), 100u);
  const auto is_believed = [&](const std::string& bytes) {
    Write(path, bytes);
    Store store;
    Ledger ledger;
    HostBoard hosts;
    return Checkpoint(path, config_.data_dir + "/archive").Load({&store, &ledger, &hosts}).ok();
  };
  EXPECT_TRUE(is_believed(good));
  for (size_t at = 0; at < good.size(); at += 1 + good.size() / 500) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    EXPECT_FALSE(is_believed(bad)) << at;
    EXPECT_FALSE(is_believed(good.substr(0, at))) << at;
  }
  EXPECT_FALSE(is_believed(good + "x"));
  EXPECT_FALSE(is_believed(""));
}

}  // namespace
}  // namespace ringside::aggregator
