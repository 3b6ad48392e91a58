// Hostile frames: refused with a reason, or read; never more memory than a frame is worth.
#include <string>

#include <gtest/gtest.h>

#include "proto/wire.h"
#include "proto/wire_limits.h"
#include "tests/proto/hex.h"
#include "tests/proto/wire_fixture.h"
#include "tests/proto/wire_samples.h"

namespace ringside::proto {
namespace {

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
  series.key.Edit().path = "p";
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
  batch.producers[0].series[0].key.Edit().kind = static_cast<Kind>(5);
  ExpectRefused(batch, "series.kind: 5, at most 4 allowed");
  batch = SampleBatch();
  batch.producers[0].series[0].key.Edit().kind = static_cast<Kind>(0);
  ExpectRefused(batch, "series.kind: 0 is no kind");
  batch = SampleBatch();
  batch.producers[0].series[0].key.Edit().outcome = static_cast<Outcome>(3);
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
  batch.producers[0].series[0].key.Edit().path = std::string(200, 'p');
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
