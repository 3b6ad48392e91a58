// The wire between agent (DEALER) and aggregator (ROUTER): one ZeroMQ part a message, a fixed
// little-endian header, then msgpack. docs/wire.md.
//
//   agent -> aggregator: kHello, kBatch, kInFlight
//   aggregator -> agent: kWelcome, kRefuse, kAck, kLimits
//
// kAck comes only after the batch is durable. A batch once handed to a socket is immutable.
#ifndef RINGSIDE_PROTO_WIRE_FORMAT_H_
#define RINGSIDE_PROTO_WIRE_FORMAT_H_

#include <cstddef>
#include <cstdint>

namespace ringside::proto {

inline constexpr uint32_t kWireMagic = 0x31575352;  // "RSW1"
inline constexpr uint16_t kWireMajor = 1;           // another major: refused, naming both
inline constexpr uint16_t kWireMinor = 1;           // adds trailing array elements, message types

enum class MessageType : uint16_t {
  kHello = 1,    // Hello
  kWelcome = 2,  // Welcome
  kRefuse = 3,   // Refuse
  kBatch = 4,    // Batch; the header's sequence is the batch's
  kAck = 5,      // Ack
  // Since 1.1, and only between those that say so in Welcome::features. Neither is acknowledged,
  // spooled or archived; what is lost is replaced by the next.
  kInFlight = 6,  // InFlight (inflight.h)
  kLimits = 7,    // InFlightLimits
};

// Welcome::features: the aggregator takes kInFlight and answers kLimits.
inline constexpr uint64_t kTakesInFlight = 1;

struct WireHeader {
  uint32_t magic;
  uint16_t major_version;
  uint16_t minor_version;
  MessageType type;
  uint16_t reserved;
  uint32_t payload_bytes;
  uint64_t payload_checksum;  // proto/checksum.h over the payload
  uint8_t agent[16];
  uint64_t epoch;
  uint64_t sequence;
};
static_assert(sizeof(WireHeader) == 56);

inline constexpr size_t kTargetFrameBytes = size_t{64} * 1024;     // agents split batches near this
inline constexpr size_t kMaxFrameBytes = size_t{4} * 1024 * 1024;  // larger: refused unread

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_WIRE_FORMAT_H_
