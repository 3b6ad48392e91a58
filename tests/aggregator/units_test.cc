// Numbers and moments as people write and read them.
#include "aggregator/units.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aggregator/utc_time.h"

namespace ringside::aggregator {
namespace {

TEST(Units, FormatValue_ThreeDigitsAndTheFittingUnit) {
  EXPECT_EQ(FormatValue(0.0123, "s"), "12.3 ms");
  EXPECT_EQ(FormatValue(0.000245, "s"), "245 µs");
  EXPECT_EQ(FormatValue(1.5, "s"), "1.50 s");
  EXPECT_EQ(FormatValue(0.9999, "s"), "1.00 s");
  EXPECT_EQ(FormatValue(90, "s"), "1.50 min");
  EXPECT_EQ(FormatValue(0, "s"), "0 s");
  EXPECT_EQ(FormatValue(3e-9, "s"), "3.00 ns");
  EXPECT_EQ(FormatValue(1288490189, "By"), "1.20 GiB");
  EXPECT_EQ(FormatValue(512, "By"), "512 B");
  EXPECT_EQ(FormatValue(2048, "By/s"), "2.00 KiB/s");
  EXPECT_EQ(FormatValue(0.043, "%"), "4.30 %");
  EXPECT_EQ(FormatValue(123, ""), "123");
  EXPECT_EQ(FormatValue(1234567, "1/s"), "1.23M/s");
  EXPECT_EQ(FormatValue(512, "{token}"), "512 token");
  EXPECT_EQ(FormatValue(45.25, "Cel"), "45.2 °C");
  EXPECT_EQ(FormatValue(-0.002, "s"), "-2.00 ms");
  EXPECT_EQ(FormatValue(0.0 / 1e-320 * 0 / 0.0, "s"), "-");
}

TEST(Units, ParseQuantity_GivesSecondsBytesAndRatios) {
  const auto value = [](const char* text) { return ParseQuantity(text)->value; };
  EXPECT_DOUBLE_EQ(value("2s"), 2);
  EXPECT_DOUBLE_EQ(value("150ms"), 0.15);
  EXPECT_DOUBLE_EQ(value("5%"), 0.05);
  EXPECT_DOUBLE_EQ(value("20GiB"), 20.0 * 1024 * 1024 * 1024);
  EXPECT_DOUBLE_EQ(value("1.5e3"), 1500);
  EXPECT_DOUBLE_EQ(value("2MB"), 2e6);
  EXPECT_EQ(ParseQuantity("5m")->dimension, Dimension::kSeconds);
  EXPECT_EQ(ParseQuantity("5")->dimension, Dimension::kPlain);
}

TEST(Units, Malicious_QuantitiesAreRefused) {
  for (const char* text : {"", "x", "-5", "nan", "inf", "infs", "1e999", "5 s", "5sm", "2e", "0x10",
                           "1e308TiB", "%", "5%%"}) {
    EXPECT_FALSE(ParseQuantity(text).ok()) << text;
  }
}

TEST(Units, ParseDuration_AddsItsParts) {
  EXPECT_EQ(*ParseDuration("10m"), 600'000'000'000u);
  EXPECT_EQ(*ParseDuration("1h30m"), 5'400'000'000'000u);
  EXPECT_EQ(*ParseDuration("500ms"), 500'000'000u);
  EXPECT_EQ(*ParseDuration("1.5s"), 1'500'000'000u);
  EXPECT_EQ(*ParseDuration("7d"), 604'800'000'000'000u);
}

TEST(Units, FormatDuration_IsReadBack) {
  for (const char* text : {"10m", "1h30m", "500ms", "1m1s", "2d", "1ns", "0s"}) {
    EXPECT_EQ(FormatDuration(*ParseDuration(text)), text);
  }
}

TEST(UtcTime, Format_IsIso8601) {
  EXPECT_EQ(FormatUtc(1'740'832'496'789'000'000), "2025-03-01T12:34:56.789Z");
  EXPECT_EQ(FormatUtc(1'740'832'496'789'000'001), "2025-03-01T12:34:56.789000001Z");
  EXPECT_EQ(FormatUtc(0), "1970-01-01T00:00:00.000Z");
}

TEST(UtcTime, Parse_TakesTheUsualForms) {
  const uint64_t noon = 1'740'830'400'000'000'000;
  EXPECT_EQ(*ParseUtc("2025-03-01T12:00:00Z"), noon);
  EXPECT_EQ(*ParseUtc("2025-03-01T12:00:00.000Z"), noon);
  EXPECT_EQ(*ParseUtc("2025-03-01T12:00"), noon);
  EXPECT_EQ(*ParseUtc("2025-03-01 12:00:00"), noon);
  EXPECT_EQ(*ParseUtc("2025-03-01T14:00:00+02:00"), noon);
  EXPECT_EQ(*ParseUtc("2025-03-01T06:30:00-0530"), noon);
  EXPECT_EQ(*ParseUtc("2025-03-01"), noon - 43'200'000'000'000);
  EXPECT_EQ(*ParseUtc("1740830400"), noon);
  EXPECT_EQ(*ParseUtc("1740830400.5"), noon + 500'000'000);
  EXPECT_EQ(*ParseUtc(FormatUtc(noon + 123)), noon + 123);
}

TEST(UtcTime, Malicious_MomentsAreRefused) {
  for (const char* text :
       {"", "x", "2025-13-01", "2025-02-29", "2025-03-01T25:00", "2025-03-01T12:61",
        "2025-03-01T12:00:00.Z", "2025-03-01T12:00:00X", "2025-03-01T12:00:00+99:00", "-5",
        "9999-12-31", "1969-12-31T23:59:59Z", "99999999999999999999999", "1740830400.x", "1e9"}) {
    EXPECT_FALSE(ParseUtc(text).ok()) << text;
  }
}

}  // namespace
}  // namespace ringside::aggregator
