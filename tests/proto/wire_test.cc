// The wire (docs/wire.md): what goes in comes out, golden frames, what a newer minor version may
// add, and hostile frames.
#include "proto/wire.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/checksum.h"
#include "proto/wire_limits.h"
#include "tests/proto/hex.h"
#include "tests/proto/wire_samples.h"

namespace ringside::proto {
namespace {

using testing::HasSubstr;

constexpr size_t kHeadBytes = sizeof(WireHeader);

void ExpectSame(const AttributeList& a, const AttributeList& b) { EXPECT_TRUE(a == b); }

void ExpectSame(const StepRow& a, const StepRow& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.start_offset_ns, b.start_offset_ns);
  EXPECT_EQ(a.duration_ns, b.duration_ns);
  EXPECT_EQ(a.outcome, b.outcome);
  EXPECT_EQ(a.error_type, b.error_type);
  EXPECT_EQ(a.error_message, b.error_message);
  ExpectSame(a.attributes, b.attributes);
}

void ExpectSame(const RequestRow& a, const RequestRow& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.operation, b.operation);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.start_unix_ns, b.start_unix_ns);
  EXPECT_EQ(a.duration_ns, b.duration_ns);
  EXPECT_EQ(a.outcome, b.outcome);
  EXPECT_EQ(a.error_type, b.error_type);
  EXPECT_EQ(a.error_message, b.error_message);
  ExpectSame(a.attributes, b.attributes);
  ASSERT_EQ(a.steps.size(), b.steps.size());
  for (size_t i = 0; i < a.steps.size(); ++i) ExpectSame(a.steps[i], b.steps[i]);
}

void ExpectSame(const ProducerDelta& a, const ProducerDelta& b) {
  EXPECT_EQ(a.uuid, b.uuid);
  EXPECT_EQ(a.pid, b.pid);
  EXPECT_EQ(a.service, b.service);
  EXPECT_EQ(a.instance, b.instance);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.started_unix_ns, b.started_unix_ns);
  EXPECT_EQ(a.is_agent, b.is_agent);
  EXPECT_EQ(a.is_final, b.is_final);
  EXPECT_EQ(a.quarantine, b.quarantine);
  EXPECT_EQ(a.totals, b.totals);
  ASSERT_EQ(a.series.size(), b.series.size());
  for (size_t i = 0; i < a.series.size(); ++i) {
    EXPECT_EQ(a.series[i].key, b.series[i].key);
    EXPECT_EQ(a.series[i].delta, b.series[i].delta) << i;
  }
  ASSERT_EQ(a.requests.size(), b.requests.size());
  for (size_t i = 0; i < a.requests.size(); ++i) ExpectSame(a.requests[i], b.requests[i]);
  ASSERT_EQ(a.timings.size(), b.timings.size());
  for (size_t i = 0; i < a.timings.size(); ++i) {
    EXPECT_EQ(a.timings[i].key, b.timings[i].key);
    EXPECT_EQ(a.timings[i].start_unix_ns, b.timings[i].start_unix_ns);
    EXPECT_EQ(a.timings[i].value, b.timings[i].value);
  }
}

void ExpectSame(const Batch& a, const Batch& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.host, b.host);
  EXPECT_EQ(a.interval_start_unix_ns, b.interval_start_unix_ns);
  EXPECT_EQ(a.interval_end_unix_ns, b.interval_end_unix_ns);
  ASSERT_EQ(a.producers.size(), b.producers.size());
  for (size_t i = 0; i < a.producers.size(); ++i) ExpectSame(a.producers[i], b.producers[i]);
}

class Wire : public testing::Test {
 protected:
  // Makes size and checksum of the header fit the payload again.
  static std::string Sealed(std::string frame) {
    const std::string_view payload = std::string_view(frame).substr(kHeadBytes);
    const auto size = static_cast<uint32_t>(payload.size());
    const uint64_t checksum = Checksum(payload);
    std::memcpy(frame.data() + offsetof(WireHeader, payload_bytes), &size, sizeof size);
    std::memcpy(frame.data() + offsetof(WireHeader, payload_checksum), &checksum, sizeof checksum);
    return frame;
  }

  // A batch frame with this payload behind the agent, epoch and sequence of SampleBatch().
  static std::string FrameWith(const std::string& payload) {
    return Sealed(EncodeBatch(SampleBatch()).substr(0, kHeadBytes) + payload);
  }

  static Result<Batch> Decode(const std::string& frame) {
    const Result<FrameView> view = OpenFrame(frame);
    if (!view) return view.status();
    return DecodeBatch(*view);
  }

  static Batch RoundTrip(const Batch& batch) {
    Result<Batch> decoded = Decode(EncodeBatch(batch));
    EXPECT_TRUE(decoded.ok()) << decoded.message();
    return decoded.ok() ? *decoded : Batch();
  }

  static void ExpectRefused(const std::string& frame, const std::string& reason) {
    const Result<Batch> decoded = Decode(frame);
    ASSERT_FALSE(decoded.ok());
    EXPECT_THAT(decoded.message(), HasSubstr(reason));
  }

  static void ExpectRefused(const Batch& batch, const std::string& reason) {
    ExpectRefused(EncodeBatch(batch), reason);
  }
};

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

  const std::string welcome_frame = EncodeWelcome(SampleUuid(1), {77, 11, "0.2.0"});
  const Result<Welcome> welcome = DecodeWelcome(*OpenFrame(welcome_frame));
  ASSERT_TRUE(welcome.ok()) << welcome.message();
  EXPECT_EQ(welcome->epoch, 77u);
  EXPECT_EQ(welcome->applied_sequence, 11u);
  EXPECT_EQ(welcome->software_version, "0.2.0");

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

TEST_F(Wire, Golden_Ack) {
  EXPECT_EQ(ToHex(EncodeAck(SampleUuid(1), {77, 3, 300})),
            ToHex(FromHex("52535731 0100 0000 0500 0000 06000000 5a1b4eaeec6b296d "
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
  series.key.path = "p";
  series.key.unit = "s";
  series.key.labels = {{"k", "v"}};
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

TEST_F(Wire, Evolution_AnotherMajorIsRefusedNamingBothVersions) {
  std::string frame = EncodeBatch(SampleBatch());
  frame[4] = 9;
  frame[6] = 3;
  EXPECT_EQ(OpenFrame(frame).message(), "frame: wire version 9.3, this side speaks 1.0");
  // Also where the other major's header is shorter than ours.
  EXPECT_EQ(OpenFrame(frame.substr(0, 8)).message(),
            "frame: wire version 9.3, this side speaks 1.0");
}

TEST_F(Wire, Evolution_AnotherMinorIsRead) {
  std::string frame = EncodeBatch(SampleBatch());
  frame[6] = 3;
  EXPECT_TRUE(Decode(frame).ok());
}

TEST_F(Wire, Mend_LabelsAreSortedAndDoublesDropped) {
  Batch batch = SampleBatch();
  batch.producers[0].series[0].key.labels = {{"model", "x"}, {"device", "cpu"}, {"model", "y"}};
  const LabelList expected = {{"device", "cpu"}, {"model", "x"}};
  EXPECT_EQ(RoundTrip(batch).producers[0].series[0].key.labels, expected);
}

TEST_F(Wire, Mend_WhatIsTooLongIsCutSoThatTheBatchStaysReadable) {
  Batch batch = SampleBatch();
  ProducerDelta& producer = batch.producers[0];
  producer.service = std::string(5000, 's');
  producer.requests[0].error_message = std::string(4095, 'm') + "\xc3\xa4";  // across the limit
  producer.requests[0].attributes = {{std::string(70, 'k'), std::string(9999, 'v')}};
  producer.series[0].key.path = std::string(300, 'p');
  producer.series[0].key.labels.assign(20, {"", "x"});
  for (int i = 0; i < 20; ++i) producer.series[0].key.labels[i].first = std::string(i + 1, 'k');
  producer.series[0].key.labels.push_back({std::string(80, 'z'), "y"});
  const Batch read = RoundTrip(batch);
  ASSERT_EQ(read.producers.size(), 2u);
  EXPECT_EQ(read.producers[0].service.size(), kMaxTextBytes);
  EXPECT_EQ(read.producers[0].requests[0].error_message, std::string(4095, 'm'));
  EXPECT_EQ(read.producers[0].requests[0].attributes[0].first.size(), 64u);
  EXPECT_EQ(read.producers[0].series[0].key.path.size(), kMaxPathBytes);
  EXPECT_EQ(read.producers[0].series[0].key.labels.size(), kMaxLabels);
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

TEST_F(Wire, Malicious_NoFrameAtAll) {
  EXPECT_EQ(OpenFrame("").message(), "frame: truncated");
  EXPECT_EQ(OpenFrame("GET / HTTP/1.1\r\n\r\n").message(),
            "frame: not a ringside frame (wrong magic)");
}

TEST_F(Wire, Malicious_TruncatedAtEveryByte) {
  const std::string frame = EncodeBatch(SampleBatch());
  for (size_t size = 0; size < frame.size(); ++size) {
    const std::string cut = frame.substr(0, size);
    EXPECT_FALSE(OpenFrame(cut).ok()) << size;
    if (size >= kHeadBytes) {
      EXPECT_FALSE(Decode(Sealed(cut)).ok()) << size;
    }
  }
}

TEST_F(Wire, Malicious_EveryBitOfThePayloadIsUnderTheChecksum) {
  const std::string frame = EncodeBatch(SampleBatch());
  for (size_t at = kHeadBytes; at < frame.size(); ++at) {
    std::string changed = frame;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    EXPECT_EQ(OpenFrame(changed).message(), "frame: wrong checksum") << at;
  }
}

TEST_F(Wire, Malicious_EveryByteChangedAndSealedIsRefusedOrReadable) {
  const std::string frame = EncodeBatch(SampleBatch());
  int refused = 0;
  for (size_t at = kHeadBytes; at < frame.size(); ++at) {
    for (const int change : {0x01, 0x80, 0xff}) {
      std::string changed = frame;
      changed[at] = static_cast<char>(changed[at] ^ change);
      const Result<Batch> decoded = Decode(Sealed(changed));
      if (decoded.ok()) {
        ExpectSame(RoundTrip(*decoded), *decoded);
      } else {
        EXPECT_NE(decoded.message(), "");
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, static_cast<int>(frame.size() / 2));
}

TEST_F(Wire, Malicious_AnIdentityThatDiffersFromThePayloads) {
  for (size_t at = offsetof(WireHeader, agent); at < kHeadBytes; ++at) {
    std::string frame = EncodeBatch(SampleBatch());
    frame[at] = static_cast<char>(frame[at] ^ 1);
    ExpectRefused(frame, "header and payload name different identities");
  }
}

TEST_F(Wire, Malicious_AnotherTypeThanExpected) {
  const std::string frame = EncodeAck(SampleUuid(1), {77, 3, 12});
  EXPECT_EQ(DecodeHello(*OpenFrame(frame)).message(), "frame: expected hello, found ack");
  EXPECT_FALSE(DecodeBatch(*OpenFrame(frame)).ok());
}

TEST_F(Wire, Malicious_TrailingBytes) {
  ExpectRefused(Sealed(EncodeBatch(SampleBatch()) + "x"), "batch: 1 trailing bytes");
  const std::string ack = Sealed(EncodeAck(SampleUuid(1), {77, 3, 12}) + "x");
  EXPECT_EQ(DecodeAck(*OpenFrame(ack)).message(), "ack: 1 trailing bytes");
}

TEST_F(Wire, Malicious_AFrameAboveTheLimit) {
  ExpectRefused(Sealed(EncodeBatch(SampleBatch()) + std::string(kMaxFrameBytes, 'x')),
                "at most 4194304 allowed");
}

TEST_F(Wire, Malicious_DepthBomb) {
  const std::string identity = FromHex("c410 0102030405060708090a0b0c0d0e0f10 4d 0c");
  const std::string rest = FromHex("a168 01 02 90 90");  // host, interval, no strings, no producers
  const std::string bomb(100000, '\x91');
  ExpectRefused(FrameWith('\x99' + identity + rest + bomb), "batch: nested too deep");
  ExpectRefused(FrameWith(bomb), "batch: 1 elements, at least 8 needed");
}

TEST_F(Wire, Malicious_HugeClaimsAreRefusedBeforeAnythingIsAllocated) {
  const std::string head = FromHex("98 c410 0102030405060708090a0b0c0d0e0f10 4d 0c a168 01 02");
  ExpectRefused(FrameWith(FromHex("ddffffffff")), "4294967295 elements claimed");
  ExpectRefused(FrameWith(head + FromHex("ddffffffff 90")), "batch.strings: 4294967295 elements");
  ExpectRefused(FrameWith(head + FromHex("91 dbffffffff 90")),
                "batch.strings: 4294967295 bytes claimed");
  ExpectRefused(FrameWith(head + FromHex("90 dd00ffffff") + std::string(1000, '\0')),
                "batch.producers: 16777215 elements claimed");
  // A map and an extension where nothing is expected, and the one byte that is no msgpack.
  ExpectRefused(FrameWith(FromHex("dfffffffff")), "batch: expected an array");
  ExpectRefused(FrameWith(FromHex("c9ffffffff01")), "bytes claimed");
  ExpectRefused(FrameWith(FromHex("c1")), "batch: not msgpack");
}

TEST_F(Wire, Malicious_AFrameThatWouldTakeTooMuchMemory) {
  // A few bytes for two distant values, 128 KiB of cells in memory, a few thousand times.
  Batch batch = SampleBatch();
  SeriesDelta series;
  series.key.path = "p";
  series.delta.histogram = Histogram(8);
  series.delta.Record(1);
  series.delta.Record(INT64_MAX);
  batch.producers[0].series.assign(3000, series);
  const std::string frame = EncodeBatch(batch);
  EXPECT_LT(frame.size(), size_t{256} * 1024);
  ExpectRefused(frame, "allowed here");
}

TEST_F(Wire, Malicious_FieldsOutOfRangeAreNamed) {
  Batch batch = SampleBatch();
  batch.producers[0].series[0].key.kind = static_cast<Kind>(5);
  ExpectRefused(batch, "series.kind: 5, at most 4 allowed");
  batch = SampleBatch();
  batch.producers[0].series[0].key.kind = static_cast<Kind>(0);
  ExpectRefused(batch, "series.kind: 0 is no kind");
  batch = SampleBatch();
  batch.producers[0].series[0].key.outcome = static_cast<Outcome>(3);
  ExpectRefused(batch, "series.outcome: 3, at most 2 allowed");
  batch = SampleBatch();
  batch.producers[0].requests[0].steps[0].outcome = static_cast<Outcome>(9);
  ExpectRefused(batch, "step.outcome: 9, at most 2 allowed");
  batch = SampleBatch();
  batch.producers[0].series[0].delta.min = 1;
  batch.producers[0].series[0].delta.max = 0;
  ExpectRefused(batch, "series.min: above series.max");
}

TEST_F(Wire, Malicious_NumbersThatAreNotFinite) {
  Batch batch = SampleBatch();
  batch.producers[0].requests[0].attributes = {{"ratio", 0.25}};
  std::string frame = EncodeBatch(batch);
  const size_t at = frame.find(FromHex("cb3fd0000000000000"));
  ASSERT_NE(at, std::string::npos);
  frame.replace(at, 9, FromHex("cb7ff0000000000000"));
  ExpectRefused(Sealed(frame), "request.attributes: not a finite number");
}

TEST_F(Wire, Malicious_StringsAreRefusedAboveTheirLimit) {
  // The writer cuts; a foreign writer may not.
  Batch batch = SampleBatch();
  batch.producers[0].series[0].key.path = std::string(200, 'p');
  std::string frame = EncodeBatch(batch);
  const std::string old_string = FromHex("d9c8") + std::string(200, 'p');
  const size_t at = frame.find(old_string);
  ASSERT_NE(at, std::string::npos);
  frame.replace(at, old_string.size(), FromHex("d9c9") + std::string(201, 'p'));
  ExpectRefused(Sealed(frame), "series.path: 201 bytes, at most 200 allowed");
}

TEST_F(Wire, Malicious_LabelsOutOfOrder) {
  Batch batch = SampleBatch();
  batch.producers[0].labels = {{"zone", "b"}, {"zonf", "c"}};
  std::string frame = EncodeBatch(batch);
  const size_t at = frame.find("zonf");
  frame.replace(at, 4, "zona");
  ExpectRefused(Sealed(frame), "producer.labels: keys not in rising order");
}

TEST_F(Wire, Malicious_AHistogramThatIsRefusedNamesItsReason) {
  std::string frame = EncodeBatch(SampleBatch());
  std::string histogram;
  SampleDuration().delta.histogram.Encode(&histogram);
  const size_t at = frame.find(histogram);
  ASSERT_NE(at, std::string::npos);
  frame[at] = 0x0f;
  ExpectRefused(Sealed(frame), "series.histogram: histogram: scale out of range");
}

}  // namespace
}  // namespace ringside::proto
