// The page that Prometheus reads: families, samples, and labels that come from anywhere.
#include "proto/metrics_text.h"

#include <gtest/gtest.h>

namespace ringside::proto {
namespace {

TEST(MetricsTextTest, Family_HasHelpTypeAndSamples) {
  MetricsText page;
  page.Counter("ringside_things_total", "Things seen");
  page.Sample(7);
  page.Gauge("ringside_balance", "What is missing");
  page.SignedSample({{"host", "a"}, {"reason", "b"}}, -3);
  EXPECT_EQ(page.text(),
            "# HELP ringside_things_total Things seen\n"
            "# TYPE ringside_things_total counter\n"
            "ringside_things_total 7\n"
            "# HELP ringside_balance What is missing\n"
            "# TYPE ringside_balance gauge\n"
            "ringside_balance{host=\"a\",reason=\"b\"} -3\n");
}

TEST(MetricsTextTest, Labels_AreEscaped) {
  MetricsText page;
  page.Gauge("ringside_x", "X");
  page.Sample({{"service", "a\"} 1\nevil{b=\"\\"}}, ~uint64_t{0});
  EXPECT_NE(page.text().find("ringside_x{service=\"a\\\"} 1\\nevil{b=\\\"\\\\\"} "
                             "18446744073709551615\n"),
            std::string::npos)
      << page.text();
}

}  // namespace
}  // namespace ringside::proto
