// A histogram's buckets as they lie in its bytes, and bytes that are owned or borrowed.
#include "proto/histogram_tokens.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "proto/encoded_bytes.h"
#include "proto/histogram.h"
#include "proto/wire.h"
#include "tests/proto/wire_samples.h"

namespace ringside::proto {
namespace {

using Bucket = BucketRange::Bucket;

std::string BytesOf(const Histogram& histogram) {
  std::string bytes;
  histogram.Encode(&bytes);
  return bytes;
}

std::vector<std::pair<int64_t, uint64_t>> Pairs(const std::vector<Bucket>& buckets) {
  std::vector<std::pair<int64_t, uint64_t>> pairs;
  pairs.reserve(buckets.size());
  for (const auto& [index, count] : buckets) pairs.emplace_back(index, count);
  return pairs;
}

std::vector<std::pair<int64_t, uint64_t>> Walk(const BucketTokens& tokens) {
  std::vector<std::pair<int64_t, uint64_t>> walked;
  int64_t index = tokens.first_index;
  for (const uint8_t* at = tokens.begin; at != tokens.end;) {
    const uint8_t* const before = at;
    const BucketToken token = ReadToken(tokens, &at);
    EXPECT_EQ(IsWholeToken(*before, tokens.count_bits), at == before + 1);
    index += static_cast<int64_t>(token.gap);
    walked.emplace_back(index++, token.count);
  }
  return walked;
}

// Counts of every size, so that tokens have every number of count bits.
TEST(BucketTokens_OfOneSign, AreTheBuckets) {
  std::mt19937_64 random(5);
  for (int bits = 0; bits < 52; ++bits) {
    for (const bool is_negative : {false, true}) {
      Histogram histogram;
      for (int i = 0; i < 300; ++i) {
        const uint64_t count = 1 + random() % (uint64_t{1} << bits);
        const auto index = static_cast<int32_t>(random() % 700);
        is_negative ? histogram.AddNegative(index, count) : histogram.AddPositive(index, count);
      }
      const std::string bytes = BytesOf(histogram);
      const auto tokens = TokensOf(bytes);
      ASSERT_TRUE(tokens.has_value());
      EXPECT_EQ(tokens->is_negative, is_negative);
      EXPECT_EQ(Walk(*tokens),
                Pairs((is_negative ? histogram.negative() : histogram.positive()).Filled()));
    }
  }
}

TEST(BucketTokens_ExtremeCounts, AreTheBuckets) {
  Histogram histogram;
  histogram.AddPositive(-3, std::numeric_limits<uint64_t>::max() - 1);
  histogram.AddPositive(300, 1);
  const std::string bytes = BytesOf(histogram);
  EXPECT_EQ(Walk(*TokensOf(bytes)), Pairs(histogram.positive().Filled()));
}

TEST(BucketTokens_NoneOrBothSigns, AreNotGiven) {
  Histogram histogram;
  EXPECT_FALSE(TokensOf("").has_value());
  EXPECT_FALSE(TokensOf(BytesOf(histogram)).has_value());
  histogram.AddZero(7);
  EXPECT_FALSE(TokensOf(BytesOf(histogram)).has_value());
  histogram.AddPositive(1, 1);
  EXPECT_TRUE(TokensOf(BytesOf(histogram)).has_value());
  histogram.AddNegative(1, 1);
  EXPECT_FALSE(TokensOf(BytesOf(histogram)).has_value());
}

TEST(EncodedBytes_Borrowed, CopiesAreTheirOwn) {
  auto bytes = std::make_unique<std::string>("some bytes");
  EncodedBytes borrowed = EncodedBytes::Borrow(*bytes);
  EXPECT_EQ(borrowed.view().data(), bytes->data());
  EncodedBytes moved = std::move(borrowed);
  EXPECT_EQ(moved.view().data(), bytes->data());
  const EncodedBytes copy = moved;  // NOLINT(performance-unnecessary-copy-initialization): on test
  EncodedBytes assigned;
  assigned = copy;
  bytes.reset();
  EXPECT_EQ(copy.view(), "some bytes");
  EXPECT_EQ(assigned.view(), "some bytes");
  assigned = EncodedBytes();
  EXPECT_TRUE(assigned.empty());
}

TEST(DecodeBatch_Borrowed, CopiesOutliveTheFrame) {
  auto frame = std::make_unique<std::string>(EncodeBatch(SampleBatch()));
  Result<Batch> borrowed = DecodeBatch(*OpenFrame(*frame), {nullptr, kMaxDecodedBytes, true});
  ASSERT_TRUE(borrowed.ok());
  bool is_inside = false;
  for (const ProducerDelta& producer : borrowed->producers) {
    for (const SeriesDelta& series : producer.series) {
      const std::string_view bytes = series.delta.histogram.EncodedIfThere();
      is_inside |= !bytes.empty() && bytes.data() >= frame->data() &&
                   bytes.data() + bytes.size() <= frame->data() + frame->size();
    }
  }
  EXPECT_TRUE(is_inside);
  const Batch copy = *borrowed;
  borrowed = Status::Error("gone");
  frame.reset();
  EXPECT_EQ(EncodeBatch(copy), EncodeBatch(SampleBatch()));
}

// Whoever needs cells has them, and what is borrowed is left as it is.
TEST(DecodeBatch_Borrowed, IsTheSameHistogram) {
  std::mt19937_64 random(6);
  std::lognormal_distribution<double> draw(16, 0.5);
  Histogram histogram;
  for (int i = 0; i < 1000; ++i) histogram.Record(static_cast<int64_t>(draw(random)));
  const std::string bytes = BytesOf(histogram);
  Result<Histogram> borrowed = Histogram::DecodeBorrowed(bytes);
  ASSERT_TRUE(borrowed.ok());
  borrowed->Record(5);
  histogram.Record(5);
  EXPECT_EQ(*borrowed, histogram);
  EXPECT_NE(BytesOf(histogram), bytes);
}

}  // namespace
}  // namespace ringside::proto
