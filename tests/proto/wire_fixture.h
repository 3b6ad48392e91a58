// Frames for the tests of the wire: sealed, decoded, compared, refused.
#ifndef RINGSIDE_TESTS_PROTO_WIRE_FIXTURE_H_
#define RINGSIDE_TESTS_PROTO_WIRE_FIXTURE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/checksum.h"
#include "proto/wire.h"
#include "tests/proto/wire_samples.h"

namespace ringside::proto {

inline constexpr size_t kHeadBytes = sizeof(WireHeader);

inline void ExpectSame(const AttributeList& a, const AttributeList& b) { EXPECT_TRUE(a == b); }

inline void ExpectSame(const StepRow& a, const StepRow& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.start_offset_ns, b.start_offset_ns);
  EXPECT_EQ(a.duration_ns, b.duration_ns);
  EXPECT_EQ(a.outcome, b.outcome);
  EXPECT_EQ(a.error_type, b.error_type);
  EXPECT_EQ(a.error_message, b.error_message);
  ExpectSame(a.attributes, b.attributes);
}

inline void ExpectSame(const RequestRow& a, const RequestRow& b) {
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

inline void ExpectSame(const ProducerDelta& a, const ProducerDelta& b) {
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

inline void ExpectSame(const Batch& a, const Batch& b) {
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
    EXPECT_THAT(decoded.message(), testing::HasSubstr(reason));
  }

  static void ExpectRefused(const Batch& batch, const std::string& reason) {
    ExpectRefused(EncodeBatch(batch), reason);
  }
};

}  // namespace ringside::proto

#endif  // RINGSIDE_TESTS_PROTO_WIRE_FIXTURE_H_
