// Any bytes, as a frame and as the payload of every message (behind a header that fits, since the
// checksum would refuse nearly everything): refused, or what is read can be written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "proto/inflight.h"
#include "proto/wire.h"
#include "tests/proto/wire_samples.h"

using namespace ringside::proto;  // NOLINT(google-build-using-namespace): a program of one file

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

// The header that the samples in the seeds have.
WireHeader HeaderOf(MessageType type, uint64_t sequence) {
  WireHeader header{};
  header.type = type;
  std::memcpy(header.agent, SampleUuid(1).bytes.data(), sizeof header.agent);
  header.epoch = SampleHello().epoch;
  header.sequence = sequence;
  return header;
}

void CheckBatch(std::string_view payload) {
  const Result<Batch> batch = DecodeBatch({HeaderOf(MessageType::kBatch, 12), payload});
  if (!batch.ok()) return;
  const std::string frame = EncodeBatch(*batch);
  if (frame.size() > kMaxFrameBytes) return;
  const Result<FrameView> view = OpenFrame(frame);
  Require(view.ok());
  const Result<Batch> again = DecodeBatch(*view);
  Require(again.ok());
  Require(EncodeBatch(*again) == frame);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Result<FrameView> view = OpenFrame(bytes);
  if (view.ok()) static_cast<void>(DecodeBatch(*view).ok());

  CheckBatch(bytes);
  const Result<Hello> hello = DecodeHello({HeaderOf(MessageType::kHello, 0), bytes});
  if (hello.ok()) Require(OpenFrame(EncodeHello(*hello)).ok());
  const Result<Ack> ack = DecodeAck({HeaderOf(MessageType::kAck, 0), bytes});
  if (ack.ok()) Require(ack->first_sequence <= ack->last_sequence);
  static_cast<void>(DecodeWelcome({HeaderOf(MessageType::kWelcome, 0), bytes}).ok());
  const Result<InFlight> in_flight = DecodeInFlight({HeaderOf(MessageType::kInFlight, 0), bytes});
  if (in_flight.ok()) Require(DecodeInFlight(*OpenFrame(EncodeInFlight(*in_flight))).ok());
  static_cast<void>(DecodeInFlightLimits({HeaderOf(MessageType::kLimits, 0), bytes}).ok());
  static_cast<void>(DecodeRefuse({HeaderOf(MessageType::kRefuse, 0), bytes}).ok());
  return 0;
}
