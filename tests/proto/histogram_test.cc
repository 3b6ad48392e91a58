// What the histogram promises: quantiles within the bound, merging that adds no error whatever the
// order, scales that agree. The encoding's own rules are in histogram_codec_test.cc.
#include "proto/histogram.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace ringside::proto {
namespace {

using Random = std::mt19937_64;
using Samples = std::vector<int64_t>;

struct Shape {
  const char* name;
  std::function<int64_t(Random&)> draw;
};

int64_t Rounded(double value) { return static_cast<int64_t>(std::min(value, 9e18)); }

const Shape kShapes[] = {
    {"Lognormal", [](Random& r) { return Rounded(std::lognormal_distribution<double>(14, 1)(r)); }},
    {"Uniform", [](Random& r) { return static_cast<int64_t>(r() % 1000000); }},
    {"Constant", [](Random&) { return int64_t{123456789}; }},
    {"Bimodal",
     [](Random& r) {
       return Rounded(std::abs(r() % 10 == 0 ? std::normal_distribution<double>(5e9, 1e7)(r)
                                             : std::normal_distribution<double>(2e4, 3e3)(r)));
     }},
    {"HeavyTailed",  // Pareto, alpha 0.5: the mean does not exist
     [](Random& r) {
       const double u = std::uniform_real_distribution<double>(1e-9, 1)(r);
       return Rounded(100 / (u * u));
     }},
    {"PowersOfTwo", [](Random& r) { return int64_t{1} << (r() % 63); }},
    {"SmallIntegers", [](Random& r) { return static_cast<int64_t>(r() % 40); }},
    {"SignedValues",
     [](Random& r) { return Rounded(std::normal_distribution<double>(0, 1e5)(r)); }},
};

class HistogramShapes : public testing::TestWithParam<Shape> {
 protected:
  Samples Draw(size_t count, uint64_t seed) {
    Random random(seed);
    Samples samples(count);
    for (int64_t& sample : samples) sample = GetParam().draw(random);
    return samples;
  }

  static Histogram Recorded(const Samples& samples, int scale = kDefaultScale) {
    Histogram histogram(scale);
    for (const int64_t sample : samples) histogram.Record(sample);
    return histogram;
  }

  static Histogram RoundTrip(const Histogram& histogram) {
    std::string bytes;
    histogram.Encode(&bytes);
    Result<Histogram> decoded = Histogram::Decode(bytes);
    EXPECT_TRUE(decoded.ok()) << decoded.message();
    return decoded.ok() ? *decoded : Histogram();
  }

  // p0, p0.01, ..., p99.99, p100 against the exact nearest-rank values.
  static void ExpectWithinBound(const Histogram& histogram, Samples samples) {
    ASSERT_EQ(histogram.Count(), samples.size());
    std::sort(samples.begin(), samples.end());
    const double bound = ErrorBound(histogram.scale()) * (1 + 1e-9);
    for (uint64_t p = 0; p <= 10000; ++p) {
      const uint64_t rank = std::max<uint64_t>(1, (p * samples.size() + 9999) / 10000);
      const auto exact = static_cast<double>(samples[rank - 1]);
      const double estimate = *histogram.Quantile(static_cast<double>(p) / 10000);
      ASSERT_LE(std::abs(estimate - exact), bound * std::abs(exact)) << "p" << p << "/100";
    }
  }
};

TEST_P(HistogramShapes, EveryQuantileIsWithinTheBound) {
  const Samples samples = Draw(20000, 1);
  for (const int scale : {0, 3, 6, 7, 8}) {
    SCOPED_TRACE(scale);
    ExpectWithinBound(Recorded(samples, scale), samples);
  }
}

TEST_P(HistogramShapes, FewSamplesAreWithinTheBoundToo) {
  for (size_t count = 1; count <= 12; ++count) {
    const Samples samples = Draw(count, count);
    ExpectWithinBound(Recorded(samples), samples);
  }
}

TEST_P(HistogramShapes, MergedInAnyOrderAndThroughBytesTheyStayWithinTheBound) {
  const Samples samples = Draw(20000, 2);
  Random random(3);
  std::vector<Histogram> parts(17);
  for (const int64_t sample : samples) parts[random() % parts.size()].Record(sample);
  const Histogram whole = Recorded(samples);
  for (int round = 0; round < 5; ++round) {
    std::shuffle(parts.begin(), parts.end(), random);
    Histogram merged;
    for (const Histogram& part : parts) merged.Merge(RoundTrip(part));
    EXPECT_EQ(merged, whole);
    ExpectWithinBound(RoundTrip(merged), samples);
  }
}

TEST_P(HistogramShapes, DownscalingEqualsRecordingAtTheCoarserScale) {
  const Samples samples = Draw(5000, 4);
  for (int scale = kMinScale; scale <= kMaxScale; ++scale) {
    Histogram histogram = Recorded(samples, kMaxScale);
    histogram.DownscaleTo(scale);
    EXPECT_EQ(histogram, Recorded(samples, scale)) << scale;
  }
}

TEST_P(HistogramShapes, MergingAcrossScalesIsExactAtTheCoarser) {
  const Samples some = Draw(3000, 5);
  const Samples others = Draw(3000, 6);
  Samples all = some;
  all.insert(all.end(), others.begin(), others.end());
  for (int scale = kMinScale; scale < kMaxScale; ++scale) {
    Histogram coarse_first = Recorded(some, scale);
    coarse_first.Merge(Recorded(others, kMaxScale));
    Histogram fine_first = Recorded(others, kMaxScale);
    fine_first.Merge(Recorded(some, scale));
    EXPECT_EQ(coarse_first, Recorded(all, scale)) << scale;
    EXPECT_EQ(fine_first, coarse_first) << scale;
  }
}

TEST_P(HistogramShapes, ShiftingByOctavesScalesEveryQuantile) {
  const Samples samples = Draw(2000, 7);
  for (const int octaves : {-20, -3, -1, 1, 5, 100}) {
    Histogram shifted = Recorded(samples);
    shifted.ShiftOctaves(octaves);
    shifted = RoundTrip(shifted);
    Samples sorted = samples;
    std::sort(sorted.begin(), sorted.end());
    for (const size_t rank : {size_t{1}, size_t{1000}, size_t{1980}, size_t{2000}}) {
      const double exact = std::ldexp(static_cast<double>(sorted[rank - 1]), octaves);
      const double estimate = *shifted.Quantile(static_cast<double>(rank) / 2000);
      EXPECT_LE(std::abs(estimate - exact),
                ErrorBound(kDefaultScale) * (1 + 1e-9) * std::abs(exact))
          << octaves;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, HistogramShapes, testing::ValuesIn(kShapes),
                         [](const auto& shape) { return std::string(shape.param.name); });

// Merges the parts pairwise in a random tree, sometimes through bytes.
std::string BytesOfRandomTree(std::vector<Histogram> parts, Random& random) {
  while (parts.size() > 1) {
    const size_t from = random() % parts.size();
    Histogram taken = std::move(parts[from]);
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(from));
    Histogram& into = parts[random() % parts.size()];
    if (random() % 2 == 0) {
      into.Merge(taken);
    } else {
      std::string bytes;
      taken.Encode(&bytes);
      EXPECT_TRUE(into.MergeEncoded(bytes).ok());
    }
  }
  std::string bytes;
  parts[0].Encode(&bytes);
  return bytes;
}

TEST(Histogram_Merge, TenThousandRandomTreesGiveIdenticalBytes) {
  Random random(11);
  std::vector<Histogram> parts;
  for (int i = 0; i < 9; ++i) {
    Histogram part(5 + i % 4);
    std::lognormal_distribution<double> draw(5 + i, 0.7);
    for (int k = 0; k < 30 * i; ++k) {  // the first one stays empty
      part.Record(Rounded(draw(random)) - (i == 4 ? 5000 : 0));
    }
    if (i == 7) part.ShiftOctaves(-9);
    parts.push_back(part);
  }
  const std::string expected = BytesOfRandomTree(parts, random);
  for (int tree = 0; tree < 10000; ++tree) {
    ASSERT_EQ(BytesOfRandomTree(parts, random), expected) << tree;
  }
}

TEST(Histogram_Merge, AnEmptyOneIsNeutralWhateverItsScale) {
  Histogram fine(8);
  fine.Record(1000);
  Histogram merged(2);
  merged.Merge(fine);
  EXPECT_EQ(merged, fine);
  merged.Merge(Histogram(0));
  EXPECT_EQ(merged, fine);
}

TEST(Histogram_Merge, OfTwoEmptyOnesTakesTheCoarserScale) {
  Histogram a(8);
  a.Merge(Histogram(3));
  Histogram b(3);
  b.Merge(Histogram(8));
  EXPECT_EQ(a.scale(), 3);
  EXPECT_EQ(a, b);
}

TEST(Histogram_Merge, WithItselfDoublesEveryCount) {
  Histogram histogram;
  for (const int64_t value : {-7, 0, 3, 1000000}) histogram.Record(value);
  histogram.Merge(histogram);
  EXPECT_EQ(histogram.Count(), 8u);
  EXPECT_EQ(histogram.zero_count(), 2u);
}

TEST(Histogram_Merge, WithItselfAsItWasEncodedDoublesEveryCount) {
  Histogram histogram;
  for (const int64_t value : {-7, 0, 3, 1000000}) histogram.Record(value);
  std::string bytes;
  histogram.Encode(&bytes);
  const Result<Histogram> decoded = Histogram::Decode(bytes);
  ASSERT_TRUE(decoded.ok());
  Histogram same = *decoded;
  same.Merge(same);
  histogram.Merge(histogram);
  EXPECT_EQ(same, histogram);
}

TEST(Histogram_Quantile, IsNulloptWhenEmpty) {
  EXPECT_FALSE(Histogram().Quantile(0.5).has_value());
  Histogram nothing;
  nothing.Record(5, 0);
  EXPECT_TRUE(nothing.empty());
  EXPECT_FALSE(nothing.Quantile(0.5).has_value());
}

TEST(Histogram_Quantile, OfSmallIntegersIsExact) {
  for (int64_t value = -45; value <= 45; ++value) {
    Histogram histogram;
    histogram.Record(value);
    EXPECT_EQ(*histogram.Quantile(0.5), static_cast<double>(value));
  }
}

TEST(Histogram_Quantile, ForgivesTheLastBitsOfTheProduct) {
  // 0.07 * 100 is 7.000000000000001 in binary; the seventh of a hundred is meant.
  Histogram histogram(8);
  for (int64_t value = 1; value <= 100; ++value) histogram.Record(value);
  for (int percent = 1; percent <= 100; ++percent) {
    EXPECT_EQ(*histogram.Quantile(percent / 100.0), percent);
  }
}

TEST(Histogram_Quantile, TakesRanksOutsideOfZeroToOneAsTheEnds) {
  Histogram histogram;
  histogram.Record(1);
  histogram.Record(9);
  EXPECT_EQ(*histogram.Quantile(-1), 1);
  EXPECT_EQ(*histogram.Quantile(0), 1);
  EXPECT_EQ(*histogram.Quantile(2), 9);
}

TEST(Histogram_Quantile, KnowsTheGreatestMagnitudes) {
  Histogram histogram;
  histogram.Record(INT64_MIN);
  histogram.Record(INT64_MAX);
  EXPECT_NEAR(*histogram.Quantile(0) / -std::ldexp(1.0, 63), 1, ErrorBound(kDefaultScale));
  EXPECT_NEAR(*histogram.Quantile(1) / std::ldexp(1.0, 63), 1, ErrorBound(kDefaultScale));
}

TEST(Histogram_ErrorBound, IsWhatTheDocsSay) {
  EXPECT_NEAR(ErrorBound(6), 0.00542, 0.00001);
  EXPECT_NEAR(ErrorBound(7), 0.00271, 0.00001);
  EXPECT_NEAR(ErrorBound(8), 0.00135, 0.00001);
}

TEST(BucketRange_Window, GrowsAtBothEndsAndKeepsCounts) {
  BucketRange range;
  range.Add(100, 1);
  range.Add(-500, 2);
  range.Add(5000, 3);
  range.Add(100, 4);
  const std::vector<BucketRange::Bucket> filled = range.Filled();
  ASSERT_EQ(filled.size(), 3u);
  EXPECT_EQ(filled[0].index, -500);
  EXPECT_EQ(filled[1].count, 5u);
  EXPECT_EQ(filled[2].index, 5000);
  EXPECT_EQ(range.Count(), 10u);
}

TEST(BucketRange_Equality, IgnoresHowFarTheWindowsReach) {
  BucketRange narrow;
  narrow.Add(10, 1);
  BucketRange wide;
  wide.Add(10, 1);
  wide.Add(900, 1);
  EXPECT_FALSE(narrow == wide);
  wide.Add(900, ~uint64_t{0});  // counts are modulo 2^64: takes it back
  EXPECT_TRUE(narrow == wide);
}

}  // namespace
}  // namespace ringside::proto
