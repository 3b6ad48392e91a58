#include "aggregator/ledger.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "aggregator/state_file.h"
#include "tests/aggregator/batch_builder.h"
#include "tests/aggregator/random_batch.h"

namespace ringside::aggregator {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

// recorded = merged + in flight + quarantined + lost, whatever the state.
void ExpectAddsUp(const LedgerRow& row) {
  uint64_t sum = row.merged + row.in_flight + row.quarantined;
  for (const uint64_t count : row.lost) sum += count;
  EXPECT_EQ(static_cast<int64_t>(row.recorded - sum), row.imbalance);
}

class LedgerTest : public testing::Test {
 protected:
  void Apply(int batches) {
    for (int i = 0; i < batches; ++i) ledger_.Apply(agent_.Next());
  }

  RandomAgent agent_{11};
  Ledger ledger_;
};

TEST_F(LedgerTest, Balanced_WhenAllIsApplied) {
  Apply(50);
  const LedgerRow total = ledger_.Total();
  EXPECT_TRUE(ledger_.Balanced());
  EXPECT_EQ(total.merged, agent_.samples());
  EXPECT_EQ(total.in_flight, 0u);
  EXPECT_GT(total.lost[static_cast<size_t>(proto::LossReason::kNotFinite)], 0u);
  ExpectAddsUp(total);
}

TEST_F(LedgerTest, InFlight_UntilTheGapCloses) {
  std::vector<proto::Batch> batches;
  for (int i = 0; i < 40; ++i) batches.push_back(agent_.Next());
  std::shuffle(batches.begin() + 1, batches.end(), std::mt19937_64(5));
  bool was_in_flight = false;
  for (const proto::Batch& batch : batches) {
    ledger_.Apply(batch);
    const LedgerRow total = ledger_.Total();
    EXPECT_TRUE(total.Balanced()) << "a gap is no imbalance";
    ExpectAddsUp(total);
    was_in_flight |= total.in_flight > 0;
  }
  EXPECT_TRUE(was_in_flight);
  EXPECT_EQ(ledger_.Total().in_flight, 0u);
  EXPECT_EQ(ledger_.Total().merged, agent_.samples());
}

TEST_F(LedgerTest, Imbalance_WhenADeltaIsMissing) {
  Apply(5);
  proto::Batch batch = agent_.Next();
  while (SamplesOf(batch) == 0) {
    ledger_.Apply(batch);
    batch = agent_.Next();
  }
  const auto missing = static_cast<int64_t>(SamplesOf(batch));
  for (proto::ProducerDelta& producer : batch.producers) producer.series.clear();
  ledger_.Apply(batch);
  EXPECT_FALSE(ledger_.Balanced());
  EXPECT_EQ(ledger_.Total().imbalance, missing);
  ExpectAddsUp(ledger_.Total());
}

TEST_F(LedgerTest, Imbalance_WhenADeltaCountsTwice) {
  Apply(5);
  proto::Batch batch = agent_.Next();
  while (SamplesOf(batch) == 0) {
    ledger_.Apply(batch);
    batch = agent_.Next();
  }
  ledger_.Apply(batch);
  ledger_.Apply(batch);
  EXPECT_EQ(ledger_.Total().imbalance, -static_cast<int64_t>(SamplesOf(batch)));
}

TEST_F(LedgerTest, Imbalance_OfOneProducerIsNotHiddenByAnother) {
  proto::Batch batch = agent_.Next();
  while (batch.producers.size() < 2) {
    ledger_.Apply(batch);
    batch = agent_.Next();
  }
  batch.producers[0].totals.recorded += 7;
  batch.producers[1].totals.recorded -= 7;
  ledger_.Apply(batch);
  EXPECT_EQ(ledger_.Total().imbalance, 0);
  EXPECT_FALSE(ledger_.Balanced());
}

TEST_F(LedgerTest, Imbalance_OfDetail) {
  proto::Batch batch = agent_.Next();
  while (batch.producers.empty() || batch.producers[0].timings.empty()) {
    ledger_.Apply(batch);
    batch = agent_.Next();
  }
  batch.producers[0].timings.pop_back();
  ledger_.Apply(batch);
  EXPECT_FALSE(ledger_.Balanced());
  EXPECT_EQ(ledger_.Total().detail_imbalance, 1);
}

TEST_F(LedgerTest, Baseline_LostOneDoesNotCallLostWhatWasMergedBefore) {
  Apply(20);
  agent_.LoseBaseline();
  Apply(20);
  const LedgerRow total = ledger_.Total();
  EXPECT_TRUE(ledger_.Balanced());
  EXPECT_EQ(total.merged, agent_.samples());
  EXPECT_EQ(total.lost[static_cast<size_t>(proto::LossReason::kBaseline)], 0u);
  ExpectAddsUp(total);
}

TEST_F(LedgerTest, Baseline_WhatNobodyHasIsLost) {
  Apply(3);
  uint64_t unsent = 0;
  for (int i = 0; i < 5; ++i) unsent += SamplesOf(agent_.Next());
  ASSERT_GT(unsent, 0u);
  agent_.LoseBaseline();
  // Until each producer has been heard of again.
  for (int i = 0; i < 10; ++i) ledger_.Apply(agent_.Next());
  const LedgerRow total = ledger_.Total();
  EXPECT_TRUE(ledger_.Balanced());
  EXPECT_EQ(total.lost[static_cast<size_t>(proto::LossReason::kBaseline)], unsent);
  EXPECT_EQ(total.merged, agent_.samples() - unsent);
}

// One producer's baseline alone was lost: the epoch goes on, its counts begin at 0 again.
TEST_F(LedgerTest, Baseline_OfOneProducerLostWithinAnEpoch) {
  const auto batch_of = [](uint64_t sequence, const std::vector<int64_t>& samples) {
    proto::Batch batch = BatchBuilder(sequence).Durations("decode", samples);
    batch.id.epoch = 7;
    batch.id.sequence = sequence;
    batch.producers[0].totals.recorded = 0;
    return batch;
  };
  proto::Batch first = batch_of(1, {1, 2, 3});
  first.producers[0].totals.recorded = 3;
  proto::Batch second = batch_of(2, {});
  second.producers[0].series.clear();
  second.producers[0].totals.lost[static_cast<size_t>(proto::LossReason::kBaseline)] = 5;
  proto::Batch third = batch_of(3, {4});
  third.producers[0].totals = second.producers[0].totals;
  third.producers[0].totals.recorded = 1;
  for (const proto::Batch& batch : {first, second, third}) ledger_.Apply(batch);
  const LedgerRow total = ledger_.Total();
  EXPECT_TRUE(ledger_.Balanced());
  EXPECT_EQ(total.merged, 4u);
  EXPECT_EQ(total.lost[static_cast<size_t>(proto::LossReason::kBaseline)], 2u)
      << "three of the five that the agent calls lost are here";
  EXPECT_EQ(total.recorded, 6u);
  ExpectAddsUp(total);
}

TEST_F(LedgerTest, Epoch_NewOneThatCountsOnStillBalances) {
  proto::BatchId first;
  for (int i = 0; i < 20; ++i) {
    proto::Batch batch = agent_.Next();
    if (i == 0) first = batch.id;
    if (i >= 10) {
      batch.id.epoch = first.epoch + 1;
      batch.id.sequence -= 10;
    }
    ledger_.Apply(batch);
  }
  EXPECT_TRUE(ledger_.Balanced());
  EXPECT_EQ(ledger_.Total().merged, agent_.samples());
}

TEST_F(LedgerTest, Resume_CountsOnWhereTheArchiveBegins) {
  AppliedSets before;
  for (int i = 0; i < 10; ++i) before.Add(agent_.Next().id, 0);
  ledger_.Resume(before);
  Apply(10);
  EXPECT_TRUE(ledger_.Balanced());
}

TEST_F(LedgerTest, Ended_ProducersFoldIntoTheirService) {
  proto::Batch batch = agent_.Next();
  while (batch.producers.size() < 2) {
    ledger_.Apply(batch);
    batch = agent_.Next();
  }
  for (proto::ProducerDelta& producer : batch.producers) producer.is_final = true;
  ledger_.Apply(batch);
  const LedgerRow before = ledger_.Total();
  EXPECT_EQ(ledger_.ToJson()["producers"].size(), 2u);

  RandomAgent other(12, "host-b", 1);
  proto::Batch later = other.Next();
  while (later.producers.empty()) later = other.Next();
  later.id.sequence = 1;
  later.producers[0].totals.recorded = SamplesOf(later);
  later.producers[0].totals.detail_sent =
      later.producers[0].requests.size() + later.producers[0].timings.size();
  later.interval_end_unix_ns = batch.interval_end_unix_ns + Ledger::kKeepFinalNs + kSecond;
  ledger_.Apply(later);
  const nlohmann::json json = ledger_.ToJson();
  EXPECT_EQ(json["producers"].size(), 1u);
  ASSERT_EQ(json["ended"].size(), 2u);
  EXPECT_EQ(json["ended"][0]["producers"], 1);
  EXPECT_EQ(json["recorded"], before.recorded + later.producers[0].totals.recorded +
                                  later.producers[0].totals.lost[1]);
  EXPECT_TRUE(json["balanced"]);
}

TEST_F(LedgerTest, Quarantined_IsATermOfItsOwn) {
  proto::Batch batch = agent_.Next();
  while (batch.producers.empty()) batch = agent_.Next();
  batch.id.sequence = 1;
  proto::ProducerDelta& producer = batch.producers[0];
  batch.producers.resize(1);
  producer.totals = {};
  producer.totals.recorded = SamplesOf(batch);
  producer.totals.detail_sent = producer.requests.size() + producer.timings.size();
  producer.totals.lost[static_cast<size_t>(proto::LossReason::kQuarantined)] = 42;
  producer.quarantine = "damaged header";
  ledger_.Apply(batch);
  const LedgerRow total = ledger_.Total();
  EXPECT_EQ(total.quarantined, 42u);
  EXPECT_EQ(total.recorded, SamplesOf(batch) + 42);
  ExpectAddsUp(total);
  EXPECT_EQ(ledger_.ToJson()["producers"][0]["quarantine"], "damaged header");
}

// With an epoch that lost its spool, so that no part of an account is 0.
TEST_F(LedgerTest, State_IsReadAsItWasAndGoesOnAlike) {
  Apply(3);
  agent_.Next();
  agent_.Next();
  const auto next = [this] {
    proto::Batch batch = agent_.Next();
    batch.id.epoch ^= 1;
    batch.id.sequence -= 5;
    return batch;
  };
  for (int i = 0; i < 4; ++i) ledger_.Apply(next());
  ASSERT_GT(ledger_.Total().lost[static_cast<size_t>(proto::LossReason::kSpool)], 0u);

  std::string path = testing::TempDir() + "ringside-ledger-XXXXXX";
  close(mkstemp(path.data()));
  auto out = StateWriter::Create(path);
  ASSERT_TRUE(out.ok()) << out.message();
  ledger_.Save(&*out);
  ASSERT_TRUE(out->Publish().ok());
  auto in = StateReader::Open(path);
  ASSERT_TRUE(in.ok()) << in.message();
  unlink(path.c_str());
  Ledger read;
  read.Load(&*in);
  EXPECT_TRUE(in->ok());
  EXPECT_EQ(read.ToJson(), ledger_.ToJson());
  for (int i = 0; i < 3; ++i) {
    const proto::Batch batch = next();
    ledger_.Apply(batch);
    read.Apply(batch);
    EXPECT_EQ(read.ToJson(), ledger_.ToJson());
  }
}

}  // namespace
}  // namespace ringside::aggregator
