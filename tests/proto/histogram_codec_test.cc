// The bytes of a histogram (docs/histogram-encoding.md): golden forms, one form only, hostile
// input.
#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proto/histogram.h"
#include "tests/proto/hex.h"

namespace ringside::proto {
namespace {

std::string BytesOf(const Histogram& histogram) {
  std::string bytes;
  histogram.Encode(&bytes);
  return bytes;
}

Histogram Lognormal(int count, uint64_t seed, int scale = kDefaultScale) {
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> draw(16, 0.8);
  Histogram histogram(scale);
  for (int i = 0; i < count; ++i) histogram.Record(static_cast<int64_t>(draw(random)));
  return histogram;
}

// Decoding in both ways: into a fresh histogram, and into one whose window already holds the cells.
class HistogramCodec : public testing::Test {
 protected:
  void ExpectRoundTrip(const Histogram& histogram) {
    const std::string bytes = BytesOf(histogram);
    const Result<Histogram> decoded = Histogram::Decode(bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.message();
    EXPECT_EQ(*decoded, histogram);
    EXPECT_EQ(BytesOf(*decoded), bytes);
    Histogram twice = histogram;
    ASSERT_TRUE(twice.MergeEncoded(bytes).ok());
    Histogram expected = histogram;
    expected.Merge(histogram);
    EXPECT_EQ(twice, expected);
  }

  void ExpectRefused(const std::string& bytes, const std::string& reason) {
    const Result<Histogram> decoded = Histogram::Decode(bytes);
    ASSERT_FALSE(decoded.ok()) << ToHex(bytes);
    EXPECT_EQ(decoded.message(), "histogram: " + reason);
    ExpectNothingMerged(bytes);
  }

  void ExpectNothingMerged(const std::string& bytes) {
    for (Histogram target : {Histogram(), wide_}) {
      const std::string before = BytesOf(target);
      EXPECT_FALSE(target.MergeEncoded(bytes).ok()) << ToHex(bytes);
      EXPECT_EQ(ToHex(BytesOf(target)), ToHex(before)) << ToHex(bytes);
    }
  }

  // Covers every index that an integer can have, so that merging takes the direct way.
  static Histogram MakeWide() {
    Histogram wide;
    for (const int64_t value : {int64_t{1}, INT64_MAX, INT64_MIN, int64_t{-1}}) wide.Record(value);
    return wide;
  }
  const Histogram wide_ = MakeWide();
};

TEST_F(HistogramCodec, Golden_Empty) {
  EXPECT_EQ(ToHex(BytesOf(Histogram())), "06000000");
  EXPECT_EQ(ToHex(BytesOf(Histogram(0))), "00000000");
}

TEST_F(HistogramCodec, Golden_OneOfEachSign) {
  Histogram histogram;
  histogram.Record(0, 300);
  histogram.Record(1);
  histogram.Record(-1024, 2);
  // scale, zeros, positive: span 1 at -1, negative: span 1 at 639, count bits, two buckets
  EXPECT_EQ(ToHex(BytesOf(histogram)), ToHex(FromHex("06 ac02 01 01 01 fe09 03 00 01")));
}

TEST_F(HistogramCodec, Golden_GapsAndLongCounts) {
  Histogram histogram(8);
  histogram.AddPositive(100, 1);
  histogram.AddPositive(101, 7);
  histogram.AddPositive(103, 1000);
  histogram.AddPositive(500, 3);
  // mean 252: 10 count bits; 1000 - 1 is below 1023, so no count is a long one
  EXPECT_EQ(ToHex(BytesOf(histogram)), ToHex(FromHex("08 00 9103 c801 00 0a 00 06 e70f 82e018")));
}

TEST_F(HistogramCodec, Golden_LongCount) {
  Histogram histogram;
  for (int index = 0; index < 9; ++index) histogram.AddPositive(index, 1);
  histogram.AddPositive(9, 20);
  // mean 2.9: three times that is 8, so 4 count bits; 20 = 16 + 4
  EXPECT_EQ(ToHex(BytesOf(histogram)),
            ToHex(FromHex("06 00 0a 00 00 04 00 00 00 00 00 00 00 00 00 0f 04")));
}

TEST_F(HistogramCodec, Golden_Fractional) {
  Histogram histogram;
  histogram.Record(1);
  histogram.ShiftOctaves(-1);
  EXPECT_EQ(ToHex(BytesOf(histogram)), ToHex(FromHex("86 00 01 8101 00 03 00")));
}

TEST_F(HistogramCodec, RoundTrip_OfEveryScaleAndDensity) {
  for (int scale = kMinScale; scale <= kMaxScale; ++scale) {
    for (const int count : {0, 1, 10, 1000, 100000}) {
      ExpectRoundTrip(Lognormal(count, static_cast<uint64_t>(count), scale));
    }
  }
}

TEST_F(HistogramCodec, RoundTrip_OfRandomCells) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 1000; ++round) {
    Histogram histogram(static_cast<int>(random() % 9));
    const int32_t limit = kMaxIndexOctaves << histogram.scale();
    const uint64_t size = random() % 40;
    for (uint64_t i = 0; i < size; ++i) {
      const auto index =
          static_cast<int32_t>(random() % (2 * static_cast<uint64_t>(limit))) - limit;
      const uint64_t count = random() >> (random() % 60 + 4);
      random() % 2 == 0 ? histogram.AddPositive(index, count) : histogram.AddNegative(index, count);
    }
    histogram.AddZero(random() % 3 == 0 ? random() >> 8 : 0);
    ExpectRoundTrip(histogram);
  }
}

TEST_F(HistogramCodec, RoundTrip_OfTheGreatestCount) {
  Histogram histogram;
  histogram.Record(7, UINT64_MAX);
  const Result<Histogram> decoded = Histogram::Decode(BytesOf(histogram));
  ASSERT_TRUE(decoded.ok()) << decoded.message();
  EXPECT_EQ(*decoded, histogram);
}

TEST_F(HistogramCodec, Merge_TakesTheCoarserScale) {
  const Histogram fine = Lognormal(500, 1, 8);
  const Histogram coarse = Lognormal(500, 2, 4);
  Histogram expected = coarse;
  expected.Merge(fine);
  Histogram fine_first = fine;
  ASSERT_TRUE(fine_first.MergeEncoded(BytesOf(coarse)).ok());
  Histogram coarse_first = coarse;
  ASSERT_TRUE(coarse_first.MergeEncoded(BytesOf(fine)).ok());
  EXPECT_EQ(fine_first, expected);
  EXPECT_EQ(coarse_first, expected);
}

TEST_F(HistogramCodec, Size_OfAThousandSamplesIsBelowTheReference) {
  size_t bytes = 0;
  for (uint64_t seed = 0; seed < 16; ++seed) bytes += BytesOf(Lognormal(1000, seed)).size();
  EXPECT_LT(bytes / 16, 400u);  // 909 in the prototype
}

TEST_F(HistogramCodec, Malicious_TruncatedAtEveryByte) {
  Histogram histogram = Lognormal(1000, 3);
  histogram.Record(-5, 1000);
  const std::string bytes = BytesOf(histogram);
  for (size_t size = 0; size < bytes.size(); ++size) {
    ExpectRefused(bytes.substr(0, size), "truncated");
  }
}

TEST_F(HistogramCodec, Malicious_TrailingBytes) {
  ExpectRefused(FromHex("06 00 00 00 00"), "trailing bytes");
  ExpectRefused(BytesOf(Lognormal(1000, 3)) + '\0', "trailing bytes");
}

TEST_F(HistogramCodec, Malicious_EveryByteChangedIsRefusedOrAnotherHistogram) {
  const std::string bytes = BytesOf(Lognormal(300, 4));
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      const Result<Histogram> decoded = Histogram::Decode(changed);
      if (decoded.ok()) {
        EXPECT_EQ(ToHex(BytesOf(*decoded)), ToHex(changed)) << "two forms of one content";
      } else {
        ExpectNothingMerged(changed);
      }
    }
  }
}

TEST_F(HistogramCodec, Malicious_RandomBytesNeverHaveTwoForms) {
  std::mt19937_64 random(6);
  int accepted = 0;
  for (int round = 0; round < 200000; ++round) {
    std::string bytes = FromHex(random() % 2 == 0 ? "06 00" : "08 05");
    const uint64_t size = 2 + random() % 12;
    for (uint64_t i = 0; i < size; ++i) {
      bytes += static_cast<char>(random() % (random() % 2 == 0 ? 8 : 256));
    }
    const Result<Histogram> decoded = Histogram::Decode(bytes);
    if (!decoded.ok()) continue;
    ++accepted;
    ASSERT_EQ(ToHex(BytesOf(*decoded)), ToHex(bytes));
  }
  EXPECT_GT(accepted, 100) << "the input must reach the end of the decoder";
}

TEST_F(HistogramCodec, Malicious_Head) {
  ExpectRefused(FromHex("09 00 00 00"), "scale out of range");
  ExpectRefused(FromHex("16 00 00 00"), "unknown version of the encoding");
  ExpectRefused(FromHex("86 00 00 00"), "fractional without buckets");
  ExpectRefused(FromHex("06 8000 00 00"), "overlong number");
  ExpectRefused(FromHex("06 ffffffffffffffffff02 00 00"), "number above 64 bits");
  ExpectRefused(FromHex("06 ffffffffffffffffffff01 00 00"), "number above 64 bits");
  ExpectRefused(FromHex("06 00 01 00 00 02 00"), "count bits out of range");
  ExpectRefused(FromHex("06 00 01 00 00 29 00"), "count bits out of range");
  ExpectRefused(FromHex("06 00 01 00 00 04 00"), "count bits do not fit the counts");
}

TEST_F(HistogramCodec, Malicious_Indexes) {
  // 320 octaves at scale 6 are 20480: zigzag 40960 is the last one allowed.
  EXPECT_TRUE(Histogram::Decode(FromHex("06 00 01 80c002 00 03 00")).ok());
  ExpectRefused(FromHex("06 00 01 82c002 00 03 00"), "bucket index out of range");
  ExpectRefused(FromHex("06 00 02 80c002 00 03 00 00"), "bucket index out of range");
  ExpectRefused(FromHex("06 00 01 81c002 00 03 00"), "bucket index out of range");
  ExpectRefused(FromHex("06 00 ffffffffffffffffff01 00 00 03 00"), "bucket index out of range");
}

TEST_F(HistogramCodec, Malicious_Buckets) {
  ExpectRefused(FromHex("06 00 01 00 00 03 08"), "run does not begin with a bucket");
  ExpectRefused(FromHex("06 00 02 00 00 03 00 08"), "bucket beyond its run");
  ExpectRefused(FromHex("06 00 00 02 00 03 00 08"), "bucket beyond its run");
  // The second of two negative buckets is bad: the positive ones are taken back.
  ExpectRefused(FromHex("06 00 02 00 02 00 03 00 00 00 08"), "bucket beyond its run");
}

TEST_F(HistogramCodec, Malicious_CountsBeyond64Bits) {
  ExpectRefused(FromHex("06 00 01 00 00 28 ffffffffff1f ffffffffffffffffff01"),
                "count above 64 bits");
  ExpectRefused(FromHex("06 ffffffffffffffffff01 01 00 00 03 00"), "count above 64 bits");
}

TEST_F(HistogramCodec, Malicious_ClaimOfCellsIsRefusedBeforeTheyAreAllocated) {
  Histogram distant(8);
  distant.Record(1);
  distant.Record(INT64_MAX);
  const std::string bytes = BytesOf(distant);
  EXPECT_LT(bytes.size(), 20u);
  const Result<Histogram> decoded = Histogram::Decode(bytes, 1000);
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.message(), "histogram: 16129 cells, at most 1000 allowed here");
  EXPECT_TRUE(Histogram::Decode(bytes, 20000).ok());
}

}  // namespace
}  // namespace ringside::proto
