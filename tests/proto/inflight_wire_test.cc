// What is in flight, on the wire: what goes in comes out, within its bounds, and hostile frames are
// refused.
#include <string>

#include <gtest/gtest.h>

#include "proto/inflight.h"
#include "tests/proto/hex.h"
#include "tests/proto/wire_fixture.h"
#include "tests/proto/wire_samples.h"

namespace ringside::proto {
namespace {

InFlight SampleInFlight() {
  InFlight in_flight;
  in_flight.agent = SampleUuid(1);
  in_flight.epoch = 77;
  in_flight.host = "gpu-3";
  in_flight.sampled_unix_ns = 1700000000000000000;
  in_flight.operations = 4;
  in_flight.requests = 1;
  InFlightRow request;
  request.is_request = true;
  request.pid = 4711;
  request.service = "ocr";
  request.instance = "4711-0b9c2a44";
  request.operation = "transcribe";
  request.stage = "decode";
  request.labels = {{"device", "cpu"}, {"model", "base"}};
  request.id = "photo-9";
  request.age_ns = 41000000000;
  request.stage_age_ns = 40000000000;
  request.evidence = "in recv from 10.0.0.5:11434";
  InFlightRow operation;
  operation.tid = 4712;
  operation.operation = "decode";
  operation.age_ns = 5;
  in_flight.rows = {request, operation};
  return in_flight;
}

Result<InFlight> Again(const std::string& frame) {
  const Result<FrameView> view = OpenFrame(frame);
  if (!view) return view.status();
  return DecodeInFlight(*view);
}

TEST_F(Wire, InFlight_ComesOutAsItWentIn) {
  const Result<InFlight> read = Again(EncodeInFlight(SampleInFlight()));
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ(read->agent, SampleUuid(1));
  EXPECT_EQ(read->host, "gpu-3");
  EXPECT_EQ(read->operations, 4u);
  EXPECT_EQ(read->requests, 1u);
  ASSERT_EQ(read->rows.size(), 2u);
  const InFlightRow& request = read->rows[0];
  EXPECT_TRUE(request.is_request);
  EXPECT_EQ(request.pid, 4711u);
  EXPECT_EQ(PathOfStage(request), "transcribe/decode");
  EXPECT_EQ(request.labels, SampleInFlight().rows[0].labels);
  EXPECT_EQ(request.id, "photo-9");
  EXPECT_EQ(request.age_ns, 41000000000u);
  EXPECT_EQ(request.stage_age_ns, 40000000000u);
  EXPECT_EQ(request.evidence, "in recv from 10.0.0.5:11434");
  EXPECT_FALSE(read->rows[1].is_request);
  EXPECT_EQ(read->rows[1].tid, 4712u);
  EXPECT_EQ(PathOfStage(read->rows[1]), "decode");
}

TEST_F(Wire, InFlight_LimitsComeOutAsTheyWentIn) {
  const InFlightLimits limits{77, {{"transcribe/decode", 3, 50}, {"decode", 4, 60}}};
  const std::string frame = EncodeInFlightLimits(SampleUuid(1), limits);
  const Result<InFlightLimits> read = DecodeInFlightLimits(*OpenFrame(frame));
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ(read->epoch, 77u);
  EXPECT_EQ(read->limits, limits.limits);
}

TEST_F(Wire, InFlight_Golden) {
  InFlight in_flight;
  in_flight.agent = SampleUuid(1);
  in_flight.epoch = 5;
  in_flight.host = "h";
  in_flight.operations = 1;
  InFlightRow row;
  row.operation = "p";
  row.labels = {{"k", "v"}};
  row.age_ns = 7;
  in_flight.rows = {row};
  EXPECT_EQ(ToHex(EncodeInFlight(in_flight)).substr(2 * kHeadBytes),
            ToHex(FromHex("97 c410 0102030405060708090a0b0c0d0e0f10 05 a168 00 01 00 "
                          "91 9c c2 00 00 a0 a0 a170 a0 92 a16b a176 a0 07 00 a0")));
}

TEST_F(Wire, InFlight_AFrameStaysSmallTheOldestRowsComeFirst) {
  InFlight in_flight = SampleInFlight();
  InFlightRow row = in_flight.rows[0];
  row.evidence = std::string(4000, 'e');
  in_flight.rows.assign(5000, row);
  in_flight.rows[0].id = "the oldest";
  const std::string frame = EncodeInFlight(in_flight);
  EXPECT_LT(frame.size(), 2 * kTargetFrameBytes);
  const Result<InFlight> read = Again(frame);
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ(read->rows[0].id, "the oldest");
  row.evidence.clear();
  row.service.clear();
  row.labels.clear();
  in_flight.rows.assign(5000, row);
  EXPECT_LE(Again(EncodeInFlight(in_flight))->rows.size(), kMaxInFlightRows);
}

TEST_F(Wire, InFlight_LabelsThatNobodyMayReadAreMended) {
  InFlight in_flight = SampleInFlight();
  in_flight.rows[0].labels = {{"z", "1"}, {"a", "2"}, {"z", "3"}, {std::string(80, 'k'), "4"}};
  const Result<InFlight> read = Again(EncodeInFlight(in_flight));
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ(read->rows[0].labels, (LabelList{{"a", "2"}, {"z", "1"}}));
}

TEST_F(Wire, Malicious_InFlightWithEveryByteChangedIsRefusedOrReadable) {
  const std::string frame = EncodeInFlight(SampleInFlight());
  int refused = 0;
  for (size_t at = kHeadBytes; at < frame.size(); ++at) {
    for (const int change : {0x01, 0x80, 0xff}) {
      std::string changed = frame;
      changed[at] = static_cast<char>(changed[at] ^ change);
      const Result<InFlight> read = Again(Sealed(changed));
      if (read.ok()) {
        EXPECT_TRUE(Again(EncodeInFlight(*read)).ok());
      } else {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 100);
}

TEST_F(Wire, Malicious_InFlightOfMoreBytesThanAllowed) {
  const std::string frame = EncodeInFlight(SampleInFlight());
  const std::string large = Sealed(frame + std::string(2 * kTargetFrameBytes, '\0'));
  EXPECT_NE(Again(large).message().find("at most 131072 allowed"), std::string::npos);
}

TEST_F(Wire, Malicious_InFlightOfMoreRowsThanAllowedOrTruncated) {
  const std::string frame = EncodeInFlight(SampleInFlight());
  for (size_t size = kHeadBytes; size < frame.size(); ++size) {
    EXPECT_FALSE(Again(Sealed(frame.substr(0, size))).ok()) << size;
  }
  std::string rows;
  for (size_t i = 0; i <= kMaxInFlightRows; ++i) {
    rows += FromHex("9c c2 00 00 a0 a0 a170 a0 90 a0 07 00 a0");
  }
  const std::string many =
      Sealed(frame.substr(0, kHeadBytes) +
             FromHex("97 c410 0102030405060708090a0b0c0d0e0f10 4d a168 00 01 00 dc03e9") + rows);
  EXPECT_EQ(Again(many).message(), "inflight.rows: 1001 rows");
}

}  // namespace
}  // namespace ringside::proto
