// Today's agent reads the segments of all versions there have been, and those of later ones as far
// as docs/shm-abi.md promises.
#include "tests/golden/golden_segment.h"

#include "proto/segment_format.h"
#include "tests/support/segment_view.h"

namespace ringside::tests {
namespace {

using agent::Folded;
using proto::SegmentHeader;
using testing::Contains;
using testing::HasSubstr;

std::string Version(int minor) {
  return std::to_string(proto::kSegmentMajor) + "." + std::to_string(minor);
}

class Golden : public ::testing::TestWithParam<std::string> {};

TEST_P(Golden, IsReadToTheLastSample) { ExpectGoldenTotals(GoldenSegment(GetParam()).Fold()); }

TEST_P(Golden, IsDeliveredByAWholeAgent) {
  const GoldenSegment golden(GetParam());
  ExpectGoldenTotals(agent::FoldByAgent(golden.directory()));
}

INSTANTIATE_TEST_SUITE_P(Version, Golden, ::testing::ValuesIn(GoldenVersions()),
                         [](const auto& one) {
                           std::string name = one.param;
                           name[name.find('.')] = '_';
                           return name;
                         });

class Versions : public ::testing::Test {
 protected:
  Versions() : golden_(Version(proto::kSegmentMinor)) {}

  void SetVersion(uint16_t major, uint16_t minor, uint16_t oldest_compatible_minor) {
    golden_.Write(offsetof(SegmentHeader, major_version), major);
    golden_.Write(offsetof(SegmentHeader, minor_version), minor);
    golden_.Write(offsetof(SegmentHeader, oldest_compatible_minor), oldest_compatible_minor);
  }
  // All that 1.0 leaves reserved, in use.
  void FillReservedPlaces();

  GoldenSegment golden_;
};

void Versions::FillReservedPlaces() {
  golden_.Write(offsetof(SegmentHeader, header_bytes), uint32_t{sizeof(SegmentHeader) + 64});
  golden_.Scribble(sizeof(SegmentHeader), 64);
  golden_.Scribble(offsetof(SegmentHeader, reserved0), 2);
  golden_.Scribble(offsetof(SegmentHeader, reserved2), 4);
  const auto view = SegmentView::Open(golden_.path());
  const proto::Geometry& g = view->header().geometry;
  for (uint32_t i = 0; i < view->header().series_count; ++i) {
    const uint64_t entry = g.series_offset + i * sizeof(proto::SeriesEntry);
    golden_.Scribble(entry + offsetof(proto::SeriesEntry, reserved), 30);
  }
  for (uint32_t i = 0; i < view->lanes_used(); ++i) {
    const uint64_t lane = g.lanes_offset + i * sizeof(proto::Lane);
    golden_.Scribble(lane + offsetof(proto::Lane, reserved0), 56);
    golden_.Scribble(lane + offsetof(proto::Lane, reserved1), 48);
    const uint64_t ring =
        g.timing_rings_offset + uint64_t{i} * g.timing_ring_records * sizeof(proto::TimingRecord);
    for (uint32_t record = 0; record < g.timing_ring_records; ++record) {
      golden_.Scribble(
          ring + record * sizeof(proto::TimingRecord) + offsetof(proto::TimingRecord, reserved), 4);
    }
  }
  for (uint32_t i = 0; i < view->header().slots_used; ++i) {
    const uint64_t slot = g.slots_offset + uint64_t{i} * g.slot_bytes;
    golden_.Scribble(slot + offsetof(proto::SlotHead, reserved0), 12);
  }
}

TEST_F(Versions, ThereIsAGoldenSegmentOfEveryMinor) {
  for (int minor = 0; minor <= proto::kSegmentMinor; ++minor) {
    EXPECT_THAT(GoldenVersions(), Contains(Version(minor))) << "run write_golden_segment";
  }
}

TEST_F(Versions, LaterMinor_IsReadWithoutWhatIsNewInIt) {
  FillReservedPlaces();
  SetVersion(proto::kSegmentMajor, proto::kSegmentMinor + 1, 0);
  ExpectGoldenTotals(golden_.Fold());
}

TEST_F(Versions, LaterMinor_ThatNeedsALaterReaderIsRefused) {
  SetVersion(proto::kSegmentMajor, proto::kSegmentMinor + 1, proto::kSegmentMinor + 1);
  const Folded folded = golden_.Fold();
  EXPECT_THAT(folded.refusal, HasSubstr("segment format " + Version(proto::kSegmentMinor + 1)));
  EXPECT_THAT(folded.refusal, HasSubstr("reads " + Version(proto::kSegmentMinor)));
  EXPECT_EQ(folded.Samples(), 0u);
}

TEST_F(Versions, UnknownFeature_IsRefused) {
  golden_.Write(offsetof(SegmentHeader, feature_bits), uint32_t{4});
  EXPECT_THAT(golden_.Fold().refusal, HasSubstr("features 4"));
}

TEST_F(Versions, OtherMajor_IsRefusedNamingBoth) {
  for (const int major : {0, 2}) {
    SetVersion(static_cast<uint16_t>(major), 3, 0);
    const Folded folded = golden_.Fold();
    EXPECT_THAT(folded.refusal, HasSubstr("segment format " + std::to_string(major) + ".3"));
    EXPECT_THAT(folded.refusal, HasSubstr("reads " + Version(proto::kSegmentMinor)));
    EXPECT_THAT(folded.refusal, HasSubstr("upgrade the older"));
  }
}

}  // namespace
}  // namespace ringside::tests
