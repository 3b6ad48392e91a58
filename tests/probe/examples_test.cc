// The examples do what they say: they end well, and the segments hold what they recorded.
#include <unistd.h>

#include "tests/probe/probe_fixture.h"

namespace ringside::tests {
namespace {

class Examples : public ProbeTest {
 protected:
  pid_t StartExample(const char* name, const char* first = nullptr, const char* second = nullptr) {
    return Start([&] {
      std::string program = RINGSIDE_EXAMPLES "/";
      program += name;
      execl(program.c_str(), name, first, second, nullptr);
    });
  }
  void ExpectHello(const char* name) {
    ASSERT_EQ(Wait(StartExample(name)), 0) << Stderr();
    const auto segment = Segment();
    EXPECT_EQ(segment->Totals("work").count, 990u);
    EXPECT_EQ(segment->Find("work").key.labels, (proto::LabelList{{"model", "hello"}}));
    EXPECT_EQ(segment->Totals("work", proto::Outcome::kError).count, 10u);
    EXPECT_EQ(segment->Find("work", proto::Outcome::kError).key.error_type, "every_hundredth");
  }
};

TEST_F(Examples, HelloProbe_CountsAThousandTimers) { ExpectHello("hello_probe"); }

TEST_F(Examples, HelloProbeInC_CountsAThousandTimers) { ExpectHello("hello_probe_c"); }

TEST_F(Examples, Prefork_EachProcessHasASegmentOfItsOwn) {
  const pid_t parent = StartExample("prefork", "3", "20");
  ASSERT_EQ(Wait(parent), 0) << Stderr();
  const auto segments = Segments();
  ASSERT_EQ(segments.size(), 4u);
  for (const auto& segment : segments) {
    const bool is_parent = segment->header().pid == static_cast<uint64_t>(parent);
    EXPECT_EQ(segment->Totals("load_model").count, is_parent ? 1u : 0u);
    EXPECT_EQ(segment->Find("workers_ended").totals.sum, is_parent ? 3u : 0u);
    EXPECT_EQ(segment->Totals("handle").count, is_parent ? 0u : 20u);
    EXPECT_EQ(segment->Totals("handle/compute").count, is_parent ? 0u : 20u);
    EXPECT_EQ(segment->Requests().size(), is_parent ? 0u : 20u);
  }
}

TEST_F(Examples, ApiTour_CountsWhatItShows) {
  ASSERT_EQ(Wait(StartExample("api_tour")), 0) << Stderr();
  const auto segment = Segment();
  EXPECT_EQ(segment->Totals("transcribe").count, 100u);
  EXPECT_EQ(segment->Totals("transcribe", proto::Outcome::kError).count, 1u);
  EXPECT_EQ(segment->Find("cache_hits").totals.sum, 100u);
}

}  // namespace
}  // namespace ringside::tests
