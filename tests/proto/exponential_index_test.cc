// Proves the index table by exact integers, so that nobody has to trust where it came from.
#include "proto/exponential_index.h"

#include <cstdint>
#include <random>

#include <boost/multiprecision/cpp_int.hpp>
#include <gtest/gtest.h>

namespace ringside::proto {
namespace {

using boost::multiprecision::cpp_int;

cpp_int Power(const cpp_int& base, unsigned exponent) {
  return boost::multiprecision::pow(base, exponent);
}

// Whether value <= base^index at `scale`, by integers alone: value^(2^scale) <= 2^index.
bool AtMostBoundary(uint64_t value, int32_t index, int scale) {
  if (index < 0) return false;
  return Power(cpp_int(value), 1u << scale) <= cpp_int(1) << static_cast<unsigned>(index);
}

// The definition: base^index < value <= base^(index + 1).
void ExpectInBucket(uint64_t value, int scale) {
  const int32_t index = IndexOf(value, scale);
  EXPECT_FALSE(AtMostBoundary(value, index, scale)) << value << " at scale " << scale;
  EXPECT_TRUE(AtMostBoundary(value, index + 1, scale)) << value << " at scale " << scale;
}

TEST(ExponentialTable_Boundary, IsTheFloorOfThePowerAtEveryEntry) {
  for (unsigned j = 0; j < 256; ++j) {
    const cpp_int power = cpp_int(1) << (63 * 256 + j);
    EXPECT_LE(Power(cpp_int(kBoundary[j]), 256), power) << j;
    EXPECT_GT(Power(cpp_int(kBoundary[j]) + 1, 256), power) << j;
  }
  EXPECT_EQ(kBoundary[256], UINT64_MAX) << "the sentinel: nothing exceeds it";
}

TEST(ExponentialTable_Boundary, EntriesAreMoreThanACellApart) {
  for (int j = 0; j + 1 < 256; ++j) EXPECT_GT(kBoundary[j + 1] - kBoundary[j], uint64_t{1} << 54);
}

TEST(ExponentialTable_FirstGuess, IsTheLastBoundaryAtOrBelowItsCell) {
  for (uint64_t cell = 0; cell < 512; ++cell) {
    const uint64_t start = (uint64_t{1} << 63) + (cell << 54);
    const unsigned guess = kFirstGuess[cell];
    EXPECT_LE(kBoundary[guess], start) << cell;
    if (guess + 1 < 256) {
      EXPECT_GT(kBoundary[guess + 1], start) << cell;
    }
  }
}

TEST(ExponentialIndex_PowersOfTwo, BelongToTheBucketBelow) {
  for (int scale = kMinScale; scale <= kMaxScale; ++scale) {
    for (int power = 0; power < 64; ++power) {
      const uint64_t value = uint64_t{1} << power;
      EXPECT_EQ(IndexOf(value, scale), power * (1 << scale) - 1) << power << " at scale " << scale;
      if (power > 0 && power < 63) {
        EXPECT_GE(IndexOf(value + 1, scale), power * (1 << scale));
      }
    }
  }
}

TEST(ExponentialIndex_Bounds, HoldForSmallValuesAtEveryScale) {
  for (int scale = kMinScale; scale <= kMaxScale; ++scale) {
    for (uint64_t value = 1; value <= 300; ++value) ExpectInBucket(value, scale);
  }
}

TEST(ExponentialIndex_Bounds, HoldOnBothSidesOfEveryBoundary) {
  for (int j = 1; j < 256; ++j) {
    // In the uppermost octave the boundary's floor itself is the last value below it.
    const uint64_t below = kBoundary[j] >> 1;
    EXPECT_EQ(IndexOf(below, kMaxScale), 62 * 256 + j - 1) << j;
    EXPECT_EQ(IndexOf(below + 1, kMaxScale), 62 * 256 + j) << j;
  }
}

TEST(ExponentialIndex_Bounds, HoldForRandomValuesOfEveryMagnitude) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    ExpectInBucket((random() >> (random() % 63 + 1)) + 1, static_cast<int>(random() % 9));
  }
}

TEST(ExponentialIndex_Scales, AgreeByShifting) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 100000; ++i) {
    const uint64_t value = (random() >> (random() % 63 + 1)) + 1;
    const int32_t finest = IndexOf(value, kMaxScale);
    for (int scale = kMinScale; scale < kMaxScale; ++scale) {
      ASSERT_EQ(IndexOf(value, scale), finest >> (kMaxScale - scale)) << value;
    }
  }
}

TEST(ExponentialIndex_Extremes, OneAndTheGreatestValueHaveAPlace) {
  for (int scale = kMinScale; scale <= kMaxScale; ++scale) {
    const uint32_t last = (1u << scale) - 1;
    EXPECT_EQ(PlaceOf(1, scale).octave, 0u);
    EXPECT_EQ(PlaceOf(1, scale).sub, last);
    EXPECT_EQ(IndexOf(1, scale), -1);
    EXPECT_EQ(PlaceOf(kMaxValue, scale).octave, 63u);
    EXPECT_EQ(PlaceOf(kMaxValue, scale).sub, last);
    EXPECT_EQ(IndexOf(kMaxValue, scale), 63 * (1 << scale) - 1);
  }
}

}  // namespace
}  // namespace ringside::proto
