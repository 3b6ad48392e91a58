#include <algorithm>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "tests/aggregator/aggregator_fixture.h"

namespace ringside::aggregator {
namespace {

// Agents that come back with all they ever sent, after their batches' files were copied or are
// gone.
class ReturnTest : public AggregatorTest {
 protected:
  ReturnTest() {
    config_.rotate_bytes = 1;  // a file a batch
    config_.archive_pause_ms = 5;
    config_.archive.keep.fill({UINT64_MAX, UINT64_MAX});
  }

  // That hold these batches as they came, or in any form.
  size_t Files(bool copies_too) const {
    size_t count = 0;
    for (const auto& entry : fs::directory_iterator(config_.data_dir + "/archive")) {
      const auto name = ParseArchiveFileName(entry.path().filename().string());
      count += name && (copies_too || name->kind == ArchiveKind::kRaw) ? 1 : 0;
    }
    return count;
  }
  void ExpectNothingCountsTwice(bool are_copies_gone) {
    const std::vector<proto::Batch> batches = Batches(8);
    SendAndAwait(batches);
    // What the keeper does depends on the real clock, to which these files are long past.
    ASSERT_TRUE(Until([&] { return Files(are_copies_gone) <= 1; }));
    for (const bool is_restarted : {false, true}) {
      SCOPED_TRACE(is_restarted ? "after a restart" : "live");
      if (is_restarted) Restart();
      agent_ = std::make_unique<TestAgent>(aggregator_->listen_endpoint());
      const std::string store = DumpStore();
      const std::string ledger = DumpLedger();
      const uint64_t before = aggregator_->intake_counters().batches;
      SendAndAwait(batches);
      EXPECT_EQ(aggregator_->intake_counters().batches, before);
      EXPECT_GE(aggregator_->intake_counters().duplicates, batches.size());
      EXPECT_EQ(DumpStore(), store);
      EXPECT_EQ(DumpLedger(), ledger);
      EXPECT_TRUE(aggregator_->ledger().Total().Balanced());
    }
  }
};

TEST_F(ReturnTest, Compacted_BatchesAreAcknowledgedAndNotCountedAgain) {
  config_.archive.Of(ArchiveKind::kRaw).age_ns = kSecond;
  config_.archive.copy_after_ns = {kSecond, kSecond, kSecond};
  config_.archive.least_files = 1;
  Start();
  ExpectNothingCountsTwice(false);
  EXPECT_EQ(aggregator_->ledger().Total().merged, stream_.samples());
}

TEST_F(ReturnTest, Expired_BatchesAreAcknowledgedAndNotCountedAgain) {
  config_.archive.keep.fill({3600 * kSecond, UINT64_MAX});
  Start();
  ExpectNothingCountsTwice(true);
}

}  // namespace
}  // namespace ringside::aggregator
