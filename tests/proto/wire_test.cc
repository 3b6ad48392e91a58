// The wire (docs/wire.md): what goes in comes out, golden frames, and what a newer minor version
// may add.
#include "proto/wire.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "proto/wire_limits.h"
#include "tests/proto/hex.h"
#include "tests/proto/wire_fixture.h"
#include "tests/proto/wire_samples.h"

namespace ringside::proto {
namespace {

TEST_F(Wire, RoundTrip_OfABatchWithEverything) {
  ExpectSame(RoundTrip(SampleBatch()), SampleBatch());
}

TEST_F(Wire, RoundTrip_OfAnEmptyBatch) { ExpectSame(RoundTrip(Batch()), Batch()); }

TEST_F(Wire, RoundTrip_OfTheGreatestNumbers) {
  Batch batch = SampleBatch();
  batch.id.epoch = batch.id.sequence = UINT64_MAX;
  ProducerDelta& producer = batch.producers[0];
  producer.totals.recorded = UINT64_MAX;
  producer.totals.lost.fill(UINT64_MAX);
  producer.series[0].delta.sum = static_cast<Int128>(1) << 126;
  producer.series[1].delta.sum = -(static_cast<Int128>(1) << 126) * 2;
  producer.series[2].delta.sum = INT64_MIN;
  producer.timings[0].value = INT64_MIN;
  producer.series[1].delta.min = INT64_MIN;
  producer.series[1].delta.max = INT64_MAX;
  producer.requests[0].attributes = {{"a", INT64_MIN}, {"b", INT64_MAX}, {"c", -0.5e-300}};
  ExpectSame(RoundTrip(batch), batch);
}

TEST_F(Wire, RoundTrip_OfWholeNumbersThatAreDoubles) {
  Batch batch = SampleBatch();
  batch.producers[0].requests[0].attributes = {{"a", 2.0}, {"b", -0.0}, {"c", int64_t{2}}};
  ExpectSame(RoundTrip(batch), batch);
}

TEST_F(Wire, RoundTrip_OfTheSmallMessages) {
  const std::string hello_frame = EncodeHello(SampleHello());
  const Result<FrameView> hello_view = OpenFrame(hello_frame);
  ASSERT_TRUE(hello_view.ok()) << hello_view.message();
  const Result<Hello> hello = DecodeHello(*hello_view);
  ASSERT_TRUE(hello.ok()) << hello.message();
  EXPECT_EQ(hello->agent, SampleUuid(1));
  EXPECT_EQ(hello->epoch, 77u);
  EXPECT_EQ(hello->next_sequence, 12u);
  EXPECT_EQ(hello->host, "host-a");
  EXPECT_EQ(hello->software_version, "0.1.0");
  EXPECT_EQ(hello->boot_id, "boot-1");
  EXPECT_EQ(hello->sent_unix_ns, 1700000000000000000u);

  const std::string welcome_frame = EncodeWelcome(SampleUuid(1), {77, 11, "0.2.0", kTakesInFlight});
  const Result<Welcome> welcome = DecodeWelcome(*OpenFrame(welcome_frame));
  ASSERT_TRUE(welcome.ok()) << welcome.message();
  EXPECT_EQ(welcome->epoch, 77u);
  EXPECT_EQ(welcome->applied_sequence, 11u);
  EXPECT_EQ(welcome->software_version, "0.2.0");
  EXPECT_EQ(welcome->features, kTakesInFlight);

  const std::string refuse_frame = EncodeRefuse(SampleUuid(1), {"wire 2.0, here 1.0"});
  const Result<Refuse> refuse = DecodeRefuse(*OpenFrame(refuse_frame));
  ASSERT_TRUE(refuse.ok()) << refuse.message();
  EXPECT_EQ(refuse->reason, "wire 2.0, here 1.0");

  const std::string ack_frame = EncodeAck(SampleUuid(1), {77, 3, 12});
  const Result<FrameView> ack_view = OpenFrame(ack_frame);
  EXPECT_EQ(std::memcmp(ack_view->header.agent, SampleUuid(1).bytes.data(), 16), 0);
  const Result<Ack> ack = DecodeAck(*ack_view);
  ASSERT_TRUE(ack.ok()) << ack.message();
  EXPECT_EQ(ack->epoch, 77u);
  EXPECT_EQ(ack->first_sequence, 3u);
  EXPECT_EQ(ack->last_sequence, 12u);
}

TEST_F(Wire, Header_HasTheBatchesIdentity) {
  const std::string frame = EncodeBatch(SampleBatch());
  const Result<FrameView> view = OpenFrame(frame);
  ASSERT_TRUE(view.ok()) << view.message();
  EXPECT_EQ(view->header.type, MessageType::kBatch);
  EXPECT_EQ(view->header.epoch, 77u);
  EXPECT_EQ(view->header.sequence, 12u);
  EXPECT_EQ(view->payload.size(), frame.size() - kHeadBytes);
}

TEST_F(Wire, Golden_AckOf1_0) {
  const std::string frame = FromHex(
      "52535731 0100 0000 0500 0000 06000000 5a1b4eaeec6b296d "
      "0102030405060708090a0b0c0d0e0f10 4d00000000000000 0000000000000000 "
      "93 4d 03 cd012c");
  const Result<FrameView> view = OpenFrame(frame);
  ASSERT_TRUE(view.ok()) << view.message();
  const Result<Ack> ack = DecodeAck(*view);
  ASSERT_TRUE(ack.ok()) << ack.message();
  EXPECT_EQ(ack->last_sequence, 300u);
}

TEST_F(Wire, Golden_Ack) {
  EXPECT_EQ(ToHex(EncodeAck(SampleUuid(1), {77, 3, 300})),
            ToHex(FromHex("52535731 0100 0100 0500 0000 06000000 5a1b4eaeec6b296d "
                          "0102030405060708090a0b0c0d0e0f10 4d00000000000000 0000000000000000 "
                          "93 4d 03 cd012c")));
}

TEST_F(Wire, Golden_Batch) {
  Batch batch;
  batch.id = {SampleUuid(1), 5, 6};
  batch.host = "h";
  batch.interval_start_unix_ns = 1;
  batch.interval_end_unix_ns = 2;
  ProducerDelta producer;
  producer.uuid = SampleUuid(16);
  producer.pid = 7;
  producer.service = "s";
  SeriesDelta series;
  SeriesKey& key = series.key.Edit();
  key.path = "p";
  key.unit = "s";
  key.labels = {{"k", "v"}};
  series.delta.Record(3);
  producer.series = {series};
  batch.producers = {producer};
  EXPECT_EQ(ToHex(EncodeBatch(batch)).substr(2 * kHeadBytes),
            ToHex(FromHex("98 c410 0102030405060708090a0b0c0d0e0f10 05 06 a168 01 02 "
                          "95 a173 a0 a170 a16b a176 "
                          "91 9d c410 101112131415161718191a1b1c1d1e1f 07 00 01 90 00 c2 c2 01 "
                          "95 00 96 000000000000 00 00 96 000000000000 "
                          "91 9f 02 01 00 01 00 00 c2 92 03 04 00 c408 060001ca01 00 03 00 "
                          "03 03 03 00 00 90 90")));
  ExpectSame(RoundTrip(batch), batch);
}

TEST_F(Wire, Evolution_TrailingElementsOfANewerMinorAreIgnored) {
  // ack, with an array and a map behind what this version knows
  std::string frame = EncodeAck(SampleUuid(1), {77, 3, 12}).substr(0, kHeadBytes) +
                      FromHex("95 4d 03 0c 93 01 a161 c3 81 a16b c70203aabb");
  frame = Sealed(frame);
  const Result<FrameView> view = OpenFrame(frame);
  ASSERT_TRUE(view.ok()) << view.message();
  const Result<Ack> ack = DecodeAck(*view);
  ASSERT_TRUE(ack.ok()) << ack.message();
  EXPECT_EQ(ack->last_sequence, 12u);
}

TEST_F(Wire, Evolution_AWelcomeOf1_0HasNoFeatures) {
  const std::string frame =
      Sealed(EncodeWelcome(SampleUuid(1), {77, 11, "0.2.0", 1}).substr(0, kHeadBytes) +
             FromHex("93 4d 0b a5302e322e30"));
  const Result<Welcome> welcome = DecodeWelcome(*OpenFrame(frame));
  ASSERT_TRUE(welcome.ok()) << welcome.message();
  EXPECT_EQ(welcome->applied_sequence, 11u);
  EXPECT_EQ(welcome->features, 0u);
}

TEST_F(Wire, Evolution_AnotherMajorIsRefusedNamingBothVersions) {
  std::string frame = EncodeBatch(SampleBatch());
  frame[4] = 9;
  frame[6] = 3;
  EXPECT_EQ(OpenFrame(frame).message(), "frame: wire version 9.3, this side speaks 1.1");
  // Also where the other major's header is shorter than ours.
  EXPECT_EQ(OpenFrame(frame.substr(0, 8)).message(),
            "frame: wire version 9.3, this side speaks 1.1");
}

TEST_F(Wire, Evolution_AnotherMinorIsRead) {
  std::string frame = EncodeBatch(SampleBatch());
  frame[6] = 3;
  EXPECT_TRUE(Decode(frame).ok());
}

TEST_F(Wire, Mend_LabelsAreSortedAndDoublesDropped) {
  Batch batch = SampleBatch();
  batch.producers[0].series[0].key.Edit().labels = {
      {"model", "x"}, {"device", "cpu"}, {"model", "y"}};
  const LabelList expected = {{"device", "cpu"}, {"model", "x"}};
  EXPECT_EQ(RoundTrip(batch).producers[0].series[0].key->labels, expected);
}

TEST_F(Wire, Mend_WhatIsTooLongIsCutSoThatTheBatchStaysReadable) {
  Batch batch = SampleBatch();
  ProducerDelta& producer = batch.producers[0];
  producer.service = std::string(5000, 's');
  producer.requests[0].error_message = std::string(4095, 'm') + "\xc3\xa4";  // across the limit
  producer.requests[0].attributes = {{std::string(70, 'k'), std::string(9999, 'v')}};
  SeriesKey& key = producer.series[0].key.Edit();
  key.path = std::string(300, 'p');
  key.labels.assign(20, {"", "x"});
  for (int i = 0; i < 20; ++i) key.labels[i].first = std::string(i + 1, 'k');
  key.labels.push_back({std::string(80, 'z'), "y"});
  const Batch read = RoundTrip(batch);
  ASSERT_EQ(read.producers.size(), 2u);
  EXPECT_EQ(read.producers[0].service.size(), kMaxTextBytes);
  EXPECT_EQ(read.producers[0].requests[0].error_message, std::string(4095, 'm'));
  EXPECT_EQ(read.producers[0].requests[0].attributes[0].first.size(), 64u);
  EXPECT_EQ(read.producers[0].series[0].key->path.size(), kMaxPathBytes);
  EXPECT_EQ(read.producers[0].series[0].key->labels.size(), kMaxLabels);
}

TEST_F(Wire, Mend_NumbersThatJsonDoesNotKnowTravelAsTheirNames) {
  Batch batch = SampleBatch();
  const double infinite = std::numeric_limits<double>::infinity();
  batch.producers[0].requests[0].attributes = {
      {"a", std::nan("")}, {"b", infinite}, {"c", -infinite}};
  const AttributeList expected = {
      {"a", std::string("NaN")}, {"b", std::string("Infinity")}, {"c", std::string("-Infinity")}};
  EXPECT_TRUE(RoundTrip(batch).producers[0].requests[0].attributes == expected);
}

}  // namespace
}  // namespace ringside::proto
