// The archive's life: closed files are compressed, copied into coarser ones, removed. Whatever is
// left of them, every total is the same, and nothing counts twice.
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "aggregator/archive_keeper.h"
#include "aggregator/archive_replay.h"
#include "tests/aggregator/archive_fixture.h"

namespace ringside::aggregator {
namespace {

namespace fs = std::filesystem;

// All that an archive says, independent of how it is divided into batches.
struct Contents {
  std::map<std::pair<proto::Uuid, proto::SeriesKey>, proto::Distribution> series;
  std::multiset<std::string> requests;
  size_t timings = 0;
  std::string ledger;

  void Add(const proto::Batch& batch) {
    for (const proto::ProducerDelta& producer : batch.producers) {
      for (const proto::SeriesDelta& delta : producer.series) {
        const auto [found, is_new] = series.try_emplace({producer.uuid, delta.key}, delta.delta);
        if (!is_new) found->second.Merge(delta.delta);
      }
      for (const proto::RequestRow& row : producer.requests) {
        requests.insert(row.id + " " + std::to_string(row.start_unix_ns) + " " +
                        std::to_string(row.steps.size()));
      }
      timings += producer.timings.size();
    }
  }
};

std::string Told(const proto::Distribution& d) {
  return "count " + std::to_string(d.Count()) + ", sum " +
         std::to_string(static_cast<int64_t>(d.sum)) + ", " + std::to_string(d.min) + " to " +
         std::to_string(d.max) + ", last " + std::to_string(d.last) + ", scale " +
         std::to_string(d.histogram.scale()) + ", resolution " + std::to_string(d.resolution);
}

void ExpectSame(const Contents& a, Contents b) {
  EXPECT_EQ(a.series.size(), b.series.size());
  for (const auto& [key, distribution] : a.series) {
    const auto found = b.series.find(key);
    ASSERT_TRUE(found != b.series.end()) << key.second.path;
    // Nothing at all has no resolution that could differ, no samples have no scale.
    if (distribution.empty() && found->second.empty()) continue;
    if (distribution.Count() == 0) found->second.histogram = distribution.histogram;
    ASSERT_TRUE(found->second == distribution)
        << key.second.path << ": " << Told(found->second) << " instead of " << Told(distribution);
  }
  EXPECT_EQ(a.requests, b.requests);
  EXPECT_EQ(a.timings, b.timings);
  EXPECT_EQ(a.ledger, b.ledger);
}

class ArchiveLifeTest : public ArchiveTest {
 protected:
  ArchiveLifeTest() {
    policy_.copy_after_ns = {0, 0, 0};
    policy_.least_files = 2;
    policy_.most_files = 4;
  }

  // `files` closed files and one more that is still written.
  void WriteFiles(int files, int batches_each = 3) {
    Start(1 << 30);
    for (int file = 0; file < files; ++file) {
      CommitSome(batches_each);
      Stop();
      Start(1 << 30);
    }
    CommitSome(1);
  }
  // Until nothing is due any more; the number of steps.
  int Keep() {
    ArchiveKeeper keeper(directory_, policy_, [this](bool is_trouble, const std::string& text) {
      (is_trouble ? troubles_ : told_).push_back(text);
    });
    int steps = 0;
    while (const int done = keeper.Round(now_)) steps += done;
    return steps;
  }
  Contents Written() const {
    Contents contents;
    Ledger ledger;
    for (const proto::Batch& batch : written_) {
      contents.Add(batch);
      ledger.Apply(batch);
    }
    contents.ledger = ledger.ToJson().dump();
    return contents;
  }
  Contents ReadView(ArchiveView view) {
    Contents contents;
    Ledger ledger;
    ReadOptions options;
    options.view = view;
    report_ = {};
    const proto::Status status = ReadArchive(
        directory_,
        [&](const ArchivedBatch& batch) {
          contents.Add(batch);
          ledger.Apply(batch);
        },
        &report_, [&](const AppliedSets& before) { ledger.Resume(before); }, options);
    EXPECT_TRUE(status.ok()) << status.message();
    EXPECT_TRUE(report_.IsClean()) << report_.problems[0].ToString();
    contents.ledger = ledger.ToJson().dump();
    return contents;
  }
  void ExpectAllInEveryView() {
    const Contents written = Written();
    for (const ArchiveView view : {ArchiveView::kFinest, ArchiveView::kCoarsest}) {
      ExpectSame(ReadView(view), written);
      EXPECT_EQ(report_.applied.Contiguous(agent_.uuid(), agent_.epoch()), written_.size());
    }
  }
  size_t CountFiles(const std::string& ending) const {
    const std::vector<fs::path> files = Files();
    return static_cast<size_t>(std::count_if(files.begin(), files.end(), [&](const fs::path& path) {
      return path.filename().string().ends_with(ending);
    }));
  }
  fs::path FileEndingIn(const std::string& ending) const {
    for (const fs::path& path : Files()) {
      if (path.filename().string().ends_with(ending)) return path;
    }
    ADD_FAILURE() << "no file ends in " << ending;
    return {};
  }

  ArchivePolicy policy_;
  std::vector<std::string> told_;
  std::vector<std::string> troubles_;
};

TEST_F(ArchiveLifeTest, Compress_ClosedFilesReadAsBefore) {
  policy_.copy_after_ns.fill(kDayNs);
  WriteFiles(3);
  const std::string text = ReadText(Files()[0]);
  EXPECT_EQ(Keep(), 3);
  EXPECT_EQ(CountFiles(".jsonl.zst"), 3u);
  EXPECT_EQ(CountFiles(".jsonl"), 1u) << "the file that is written stays plain";
  ExpectAllRead();
  EXPECT_EQ(Keep(), 0);
}

TEST_F(ArchiveLifeTest, Compress_OnlyWhatTheNextHeadSaysIsDurable) {
  policy_.copy_after_ns.fill(kDayNs);
  WriteFiles(1);
  const fs::path first = Files()[0];
  WriteText(first, ReadText(first) + "{\"type\":\"never durable\"}\n");
  Keep();
  ExpectAllRead();
}

TEST_F(ArchiveLifeTest, Compress_BothFormsAfterAKillCountOnceAndOneGoes) {
  policy_.copy_after_ns.fill(kDayNs);
  WriteFiles(2);
  const std::string plain = ReadText(Files()[0]);
  Keep();
  const fs::path compressed = Files()[0];
  WriteText(fs::path(compressed).replace_extension(""), plain);
  ExpectAllRead();
  EXPECT_EQ(Keep(), 1);
  EXPECT_EQ(CountFiles("000001.jsonl"), 0u);
  ExpectAllRead();
}

TEST_F(ArchiveLifeTest, Compress_FormThatIsNotTheSameIsMadeAgain) {
  policy_.copy_after_ns.fill(kDayNs);
  WriteFiles(2);
  const std::string plain = ReadText(Files()[0]);
  Keep();
  const fs::path compressed = Files()[0];
  WriteText(fs::path(compressed).replace_extension(""), plain);
  WriteText(compressed, ReadText(Files()[2]));
  Keep();
  EXPECT_EQ(CountFiles("000001.jsonl"), 0u);
  ExpectAllRead();
}

TEST_F(ArchiveLifeTest, Copies_EveryViewSaysTheSame) {
  WriteFiles(32, 3);
  const size_t batches = written_.size();
  Keep();
  EXPECT_GT(CountFiles(".10s.jsonl.zst"), 1u);
  EXPECT_GT(CountFiles(".1m.jsonl.zst"), 0u);
  EXPECT_GT(CountFiles(".1h.jsonl.zst"), 0u);
  EXPECT_TRUE(troubles_.empty()) << troubles_[0];
  ExpectAllInEveryView();
  EXPECT_LT(report_.batches, batches / 10) << "the coarsest view is small";
  ReadView(ArchiveView::kFinest);
  EXPECT_EQ(report_.batches, batches);
}

TEST_F(ArchiveLifeTest, Copies_FineFilesGoAndEveryTotalStays) {
  policy_.Of(ArchiveKind::kRaw).age_ns = 0;
  policy_.Of(ArchiveKind::kTenSeconds).age_ns = 0;
  policy_.Of(ArchiveKind::kMinute).age_ns = 0;
  WriteFiles(32, 3);
  Keep();
  EXPECT_EQ(CountFiles(".10s.jsonl.zst"), 0u);
  EXPECT_EQ(CountFiles(".1m.jsonl.zst"), 0u);
  EXPECT_LE(CountFiles(".jsonl"), 1u);
  ExpectAllInEveryView();
  Stop();
  Start();
  CommitSome(2);
  ExpectAllInEveryView();
}

TEST_F(ArchiveLifeTest, Copies_PartOfARunCountsOnlyThroughItsCopy) {
  policy_.copy_after_ns = {0, kDayNs, kDayNs};
  WriteFiles(8);
  Keep();
  ASSERT_EQ(CountFiles(".10s.jsonl.zst"), 2u);
  ExpectAllInEveryView();
  fs::remove(Files()[0]);  // 000001, as a kill between two removals leaves it
  ExpectAllInEveryView();
}

TEST_F(ArchiveLifeTest, Copies_DetailWithoutItsStatisticsNeverCounts) {
  policy_.copy_after_ns = {0, kDayNs, kDayNs};
  WriteFiles(4);
  Keep();
  fs::remove(FileEndingIn(".10s.jsonl.zst"));
  ASSERT_GT(CountFiles(".requests.jsonl.zst"), 0u);
  ExpectAllInEveryView();
  policy_.copy_after_ns[0] = kDayNs;
  Keep();
  EXPECT_EQ(CountFiles(".requests.jsonl.zst"), 0u) << "left over, taken away";
  ExpectAllInEveryView();
}

TEST_F(ArchiveLifeTest, Copies_DamagedFileIsLeftAsItIs) {
  WriteFiles(4);
  const fs::path second = Files()[1];
  std::string text = ReadText(second);
  text[text.rfind("\"count\":") + 8] ^= 1;
  WriteText(second, text);
  Keep();
  ASSERT_FALSE(troubles_.empty());
  EXPECT_NE(troubles_[0].find(second.filename().string()), std::string::npos) << troubles_[0];
  for (const fs::path& path : Files()) {
    const auto name = ParseArchiveFileName(path.filename().string());
    if (!name || name->kind == ArchiveKind::kRaw) continue;
    EXPECT_FALSE(name->number <= 2 && name->last >= 2) << path;
  }
  Read();
  EXPECT_EQ(report_.corrupt_batches, 1u);
  EXPECT_EQ(report_.batches, written_.size() - 1);
}

TEST_F(ArchiveLifeTest, Copies_LateBatchLandsInItsOwnInterval) {
  policy_.copy_after_ns = {0, kDayNs, kDayNs};
  WriteFiles(4);
  proto::Batch late = agent_.Next();
  late.interval_start_unix_ns -= 7200 * kSecondNs;
  late.interval_end_unix_ns -= 7200 * kSecondNs;
  Commit({late});
  for (int file = 0; file < 4; ++file) {
    Stop();
    Start(1 << 30);
    CommitSome(1);
  }
  Keep();
  ReadOptions coarse;
  coarse.view = ArchiveView::kCoarsest;
  bool is_found = false;
  report_ = {};
  static_cast<void>(ReadArchive(
                        directory_,
                        [&](const ArchivedBatch& batch) {
                          AppliedSet one;
                          one.AddRange(late.id.sequence, late.id.sequence);
                          if (batch.part != ArchivedBatch::Part::kStatistics) return;
                          if (!batch.sequences.Includes(one)) return;
                          is_found = true;
                          EXPECT_EQ(batch.interval_start_unix_ns, late.interval_start_unix_ns);
                          EXPECT_EQ(batch.interval_end_unix_ns, late.interval_end_unix_ns);
                          EXPECT_EQ(batch.covered_ns, kSecondNs);
                        },
                        &report_, nullptr, coarse)
                        .ok());
  EXPECT_TRUE(is_found);
  ExpectAllInEveryView();
}

TEST_F(ArchiveLifeTest, Copies_ProducerThatCountsFromZeroAgainBalances) {
  policy_.copy_after_ns = {0, kDayNs, kDayNs};
  Start(1);
  uint64_t recorded = 0;
  for (int i = 0; i < 8; ++i) {
    proto::Batch batch = agent_.Next();
    batch.producers.resize(1);
    proto::ProducerDelta& producer = batch.producers[0];
    producer.uuid.bytes[0] = 1;
    producer.requests.clear();
    producer.timings.clear();
    producer.quarantine.clear();
    producer.totals = {};
    recorded = i == 3 ? 0 : recorded;  // the agent lost its baseline, in the same epoch
    recorded += SamplesOf(batch);
    producer.totals.recorded = recorded;
    Commit({batch});
  }
  Keep();
  ASSERT_GT(CountFiles(".10s.jsonl.zst"), 0u);
  ExpectAllInEveryView();
}

TEST_F(ArchiveLifeTest, Remove_WaitsForReaders) {
  policy_.Of(ArchiveKind::kRaw).age_ns = 0;
  policy_.copy_after_ns = {0, kDayNs, kDayNs};
  WriteFiles(4);
  {
    const ArchiveLock reader = ArchiveLock::Share(directory_);
    Keep();
    EXPECT_EQ(CountFiles("000001.jsonl"), 1u);
  }
  Keep();
  EXPECT_EQ(CountFiles("000001.jsonl"), 0u);
  ExpectAllInEveryView();
}

TEST_F(ArchiveLifeTest, Remove_OldestGoAndAreNotCountedAgain) {
  policy_.keep.fill({0, UINT64_MAX});
  policy_.Of(ArchiveKind::kHour).age_ns = 3600 * kSecondNs;
  WriteFiles(8);
  Stop();
  Start();
  CommitSome(1);
  now_ += 2 * 3600 * kSecondNs;
  Keep();
  EXPECT_EQ(Read().size(), 1u) << "everything older than an hour is gone";
  EXPECT_TRUE(report_.IsClean());
  Stop();
  Start();
  for (const proto::Batch& batch : written_) {
    EXPECT_TRUE(applied_.Contains(batch.id)) << batch.id.sequence << " would count again";
  }
}

TEST_F(ArchiveLifeTest, Remove_RequestsByAgeAndTimingsByBytes) {
  policy_.Of(ArchiveKind::kRaw).age_ns = 0;
  policy_.copy_after_ns = {0, 0, 0};
  policy_.Of(ArchiveKind::kRequests).age_ns = 3600 * kSecondNs;
  WriteFiles(8);
  const Contents written = Written();
  ASSERT_GT(written.timings, 0u);
  Keep();
  EXPECT_EQ(ReadView(ArchiveView::kFinest).requests, written.requests);
  now_ += 2 * 3600 * kSecondNs;
  policy_.Of(ArchiveKind::kTimings).bytes = 1;
  Keep();
  EXPECT_EQ(CountFiles(".requests.jsonl.zst"), 0u);
  EXPECT_EQ(CountFiles(".timings.jsonl.zst"), 0u);
  const Contents left = ReadView(ArchiveView::kFinest);
  EXPECT_LT(left.requests.size(), written.requests.size());
  EXPECT_EQ(left.ledger, written.ledger) << "what was archived once stays accounted for";
}

TEST_F(ArchiveLifeTest, Damaged_CompressedFileCostsWhatItHits) {
  policy_.copy_after_ns.fill(kDayNs);
  WriteFiles(3, 6);
  Keep();
  const fs::path file = Files()[1];
  const std::string whole = ReadText(file);
  for (size_t at = 0; at < whole.size(); at += whole.size() / 100) {
    std::string damaged = whole;
    damaged[at] ^= 0x55;
    WriteText(file, damaged);
    const size_t read = ExpectSubsetRead();
    EXPECT_GE(read, written_.size() - 6) << at;
    EXPECT_TRUE(read == written_.size() || !report_.IsClean()) << at;
  }
  for (size_t size = 0; size < whole.size(); size += whole.size() / 20) {
    WriteText(file, whole.substr(0, size));
    ExpectSubsetRead();
    EXPECT_FALSE(report_.IsClean()) << size;
  }
}

TEST(ArchivePolicyTest, Set_TakesAgeAndBytesOfAKind) {
  ArchivePolicy policy;
  ASSERT_TRUE(policy.Set("requests=10d").ok());
  EXPECT_EQ(policy.Of(ArchiveKind::kRequests).age_ns, 10 * kDayNs);
  ASSERT_TRUE(policy.Set("1s=2h,3GiB").ok());
  EXPECT_EQ(policy.Of(ArchiveKind::kRaw).age_ns, 2 * kHourNs);
  EXPECT_EQ(policy.Of(ArchiveKind::kRaw).bytes, 3 * ArchivePolicy::kGiB);
  ASSERT_TRUE(policy.Set(" timings=1d  1h=500d ").ok());
  EXPECT_EQ(policy.Of(ArchiveKind::kTimings).age_ns, kDayNs);
  EXPECT_EQ(policy.Of(ArchiveKind::kHour).age_ns, 500 * kDayNs);
  EXPECT_TRUE(policy.Set("").ok());
  for (const char* bad : {"requests", "weeks=1d", "1s=", "1s=10", "1s=5%", "1s=1d,"}) {
    const proto::Status status = policy.Set(bad);
    EXPECT_FALSE(status.ok()) << bad;
    EXPECT_NE(status.message().find("requests=30d"), std::string::npos);
  }
}

TEST(ArchivePolicyTest, Check_FinerNotLongerThanCoarser) {
  ArchivePolicy policy;
  EXPECT_TRUE(policy.Check().ok());
  ASSERT_TRUE(policy.Set("10s=90d").ok());
  EXPECT_NE(policy.Check().message().find("10s"), std::string::npos);
}

}  // namespace
}  // namespace ringside::aggregator
