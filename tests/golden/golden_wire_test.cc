// Frames of all versions of the wire there have been are read, and those of later ones as far as
// docs/wire.md promises.
#include "tests/golden/golden_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::proto {
namespace {

using testing::HasSubstr;

std::map<std::string, std::string> Frames(const std::string& version) {
  return GoldenFrames(RINGSIDE_GOLDEN_DIR, version);
}

class GoldenWire : public testing::TestWithParam<int> {
 protected:
  std::string Version() const { return "1." + std::to_string(GetParam()); }
};

TEST_P(GoldenWire, EveryMessageIsReadToTheLastField) {
  const auto frames = Frames(Version());
  const auto open = [&](const char* name) {
    const Result<FrameView> view = OpenFrame(frames.at(name));
    EXPECT_TRUE(view.ok()) << name << ": " << view.message();
    EXPECT_EQ(view->header.minor_version, GetParam()) << name;
    return *view;
  };
  const Uuid agent = SampleUuid(1);
  // Equal contents encode to equal bytes.
  EXPECT_EQ(EncodeHello(*DecodeHello(open("hello"))), EncodeHello(GoldenHello()));
  EXPECT_EQ(EncodeRefuse(agent, *DecodeRefuse(open("refuse"))),
            EncodeRefuse(agent, GoldenRefuse()));
  EXPECT_EQ(EncodeAck(agent, *DecodeAck(open("ack"))), EncodeAck(agent, GoldenAck()));
  EXPECT_EQ(EncodeBatch(*DecodeBatch(open("batch"))), EncodeBatch(GoldenBatch()));
  Welcome welcome = GoldenWelcome();
  if (GetParam() == 0) welcome.features = 0;
  EXPECT_EQ(EncodeWelcome(agent, *DecodeWelcome(open("welcome"))), EncodeWelcome(agent, welcome));
  if (GetParam() == 0) return;  // not there yet
  EXPECT_EQ(EncodeInFlight(*DecodeInFlight(open("inflight"))), EncodeInFlight(GoldenInFlight()));
  EXPECT_EQ(EncodeInFlightLimits(agent, *DecodeInFlightLimits(open("limits"))),
            EncodeInFlightLimits(agent, GoldenLimits()));
}

INSTANTIATE_TEST_SUITE_P(Minor, GoldenWire, testing::Range(0, kWireMinor + 1));

TEST(WireVersions, ThisOneIsWrittenAsItsGoldenFrames) {
  EXPECT_EQ(TodaysFrames(), Frames(std::to_string(kWireMajor) + "." + std::to_string(kWireMinor)))
      << "a change of the wire needs a new version, and its frames: write_golden_wire";
}

TEST(WireVersions, LaterMinor_IsReadWithoutWhatIsNewInIt) {
  std::string frame = TodaysFrames().at("ack");
  PutInFrame(offsetof(WireHeader, minor_version), uint16_t{kWireMinor + 1}, &frame);
  // An array of four, with a text behind what is known.
  frame[sizeof(WireHeader)] = '\x94';
  frame += "\xa3new";
  PutInFrame(offsetof(WireHeader, payload_bytes),
             static_cast<uint32_t>(frame.size() - sizeof(WireHeader)), &frame);
  Reseal(&frame);
  const Result<Ack> ack = DecodeAck(*OpenFrame(frame));
  ASSERT_TRUE(ack.ok()) << ack.message();
  EXPECT_EQ(ack->last_sequence, 12u);
}

TEST(WireVersions, OtherMajor_IsRefusedNamingBoth) {
  for (const uint16_t major : {0, 2, 65535}) {
    std::string frame = TodaysFrames().at("hello");
    PutInFrame(offsetof(WireHeader, major_version), major, &frame);
    PutInFrame(offsetof(WireHeader, minor_version), uint16_t{7}, &frame);
    const Result<FrameView> view = OpenFrame(frame);
    EXPECT_THAT(view.message(), HasSubstr("wire version " + std::to_string(major) + ".7"));
    EXPECT_THAT(view.message(), HasSubstr("this side speaks 1." + std::to_string(kWireMinor)));
  }
}

}  // namespace
}  // namespace ringside::proto
