// The probe as a library that a program loads at run time, from C, and cannot unload.
#include <unistd.h>

#include "tests/probe/probe_fixture.h"

namespace ringside::tests {
namespace {

class Library : public ProbeTest {
 protected:
  // The worker records three times: on a thread, there again after dlclose, and on its main thread.
  void ExpectThreeRecords(const char* library) {
    char* const arguments[] = {const_cast<char*>(RINGSIDE_DLOPEN_WORKER),
                               const_cast<char*>(library), nullptr};
    ASSERT_EQ(Run([&] { execv(arguments[0], arguments); }), 0) << Stderr();
    const auto segment = Segment();
    EXPECT_EQ(segment->Totals("work").count, 6u);  // timers and requests
    EXPECT_EQ(segment->Totals("work", proto::Outcome::kError).sum, 3000u);
    EXPECT_EQ(segment->Totals("work/step").count, 3u);
    EXPECT_EQ(segment->Find("calls").totals.sum, 15u);
    const auto requests = segment->Requests();
    ASSERT_EQ(requests.size(), 3u);
    EXPECT_EQ(requests[0].attributes.at(proto::kRequestIdAttribute), "job-1");
    for (uint32_t i = 1; i < segment->lanes_used(); ++i) {
      EXPECT_EQ(segment->lane(i).in_flight.load(), 0u);
    }
  }
};

TEST_F(Library, Shared_IsLoadedFromCAndPinsItself) { ExpectThreeRecords(RINGSIDE_SHARED_LIBRARY); }

TEST_F(Library, Static_InsideAModulePinsTheModule) { ExpectThreeRecords(RINGSIDE_MODULE); }

}  // namespace
}  // namespace ringside::tests
