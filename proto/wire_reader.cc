// Frames to structs: docs/wire.md describes every array. Every byte is untrusted.
#include <cstddef>
#include <cstring>
#include <string>

#include "proto/checksum.h"
#include "proto/msgpack_cursor.h"
#include "proto/wire.h"
#include "proto/wire_fields.h"

namespace ringside::proto {
namespace {

template <typename T>
T LittleEndian(std::string_view bytes, size_t offset) {
  uint64_t value = 0;
  for (size_t i = sizeof(T); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[offset + i]);
  return static_cast<T>(value);
}

}  // namespace

Result<FrameView> OpenFrame(std::string_view frame) {
  // Of another major, nothing but the place of the version is known.
  if (frame.size() < 8) return Status::Error("frame: truncated");
  if (LittleEndian<uint32_t>(frame, offsetof(WireHeader, magic)) != kWireMagic) {
    return Status::Error("frame: not a ringside frame (wrong magic)");
  }
  FrameView view;
  WireHeader& header = view.header;
  header.magic = kWireMagic;
  header.major_version = LittleEndian<uint16_t>(frame, offsetof(WireHeader, major_version));
  header.minor_version = LittleEndian<uint16_t>(frame, offsetof(WireHeader, minor_version));
  if (header.major_version != kWireMajor) {
    return Status::Error("frame: wire version " + std::to_string(header.major_version) + "." +
                         std::to_string(header.minor_version) + ", this side speaks " +
                         std::to_string(kWireMajor) + "." + std::to_string(kWireMinor));
  }
  if (frame.size() < sizeof(WireHeader)) return Status::Error("frame: truncated");
  if (frame.size() > kMaxFrameBytes) {
    return Status::Error("frame: " + std::to_string(frame.size()) + " bytes, at most " +
                         std::to_string(kMaxFrameBytes) + " allowed");
  }
  header.type = static_cast<MessageType>(LittleEndian<uint16_t>(frame, offsetof(WireHeader, type)));
  header.reserved = LittleEndian<uint16_t>(frame, offsetof(WireHeader, reserved));
  header.payload_bytes = LittleEndian<uint32_t>(frame, offsetof(WireHeader, payload_bytes));
  header.payload_checksum = LittleEndian<uint64_t>(frame, offsetof(WireHeader, payload_checksum));
  std::memcpy(header.agent, frame.data() + offsetof(WireHeader, agent), sizeof header.agent);
  header.epoch = LittleEndian<uint64_t>(frame, offsetof(WireHeader, epoch));
  header.sequence = LittleEndian<uint64_t>(frame, offsetof(WireHeader, sequence));
  view.payload = frame.substr(sizeof(WireHeader));
  if (header.payload_bytes != view.payload.size()) {
    return Status::Error("frame: payload of " + std::to_string(header.payload_bytes) +
                         " bytes announced, " + std::to_string(view.payload.size()) + " there");
  }
  if (Checksum(view.payload) != header.payload_checksum) {
    return Status::Error("frame: wrong checksum");
  }
  return view;
}

Result<Hello> DecodeHello(const FrameView& frame) {
  if (Status status = Expect(frame, MessageType::kHello); !status) return status;
  MsgpackCursor cursor(frame.payload);
  Hello hello;
  const size_t extra = cursor.ReadRow("hello", 7);
  hello.agent = ReadUuid(&cursor, "hello.agent");
  hello.epoch = cursor.ReadUnsigned("hello.epoch");
  hello.next_sequence = cursor.ReadUnsigned("hello.next_sequence");
  hello.host = ReadText(&cursor, "hello.host");
  hello.software_version = ReadText(&cursor, "hello.software_version");
  hello.boot_id = ReadText(&cursor, "hello.boot_id");
  hello.sent_unix_ns = cursor.ReadUnsigned("hello.sent_unix_ns");
  cursor.SkipExtra("hello", extra);
  ExpectIdentity(frame.header, hello.agent, hello.epoch, 0, &cursor);
  if (Status status = Finish(&cursor, "hello"); !status) return status;
  return hello;
}

Result<Welcome> DecodeWelcome(const FrameView& frame) {
  if (Status status = Expect(frame, MessageType::kWelcome); !status) return status;
  MsgpackCursor cursor(frame.payload);
  Welcome welcome;
  const size_t extra = cursor.ReadRow("welcome", 3);
  welcome.epoch = cursor.ReadUnsigned("welcome.epoch");
  welcome.applied_sequence = cursor.ReadUnsigned("welcome.applied_sequence");
  welcome.software_version = ReadText(&cursor, "welcome.software_version");
  if (extra > 0) welcome.features = cursor.ReadUnsigned("welcome.features");
  cursor.SkipExtra("welcome", extra > 0 ? extra - 1 : 0);
  if (Status status = Finish(&cursor, "welcome"); !status) return status;
  return welcome;
}

Result<Refuse> DecodeRefuse(const FrameView& frame) {
  if (Status status = Expect(frame, MessageType::kRefuse); !status) return status;
  MsgpackCursor cursor(frame.payload);
  Refuse refuse;
  const size_t extra = cursor.ReadRow("refuse", 1);
  refuse.reason = ReadText(&cursor, "refuse.reason");
  cursor.SkipExtra("refuse", extra);
  if (Status status = Finish(&cursor, "refuse"); !status) return status;
  return refuse;
}

Result<Ack> DecodeAck(const FrameView& frame) {
  if (Status status = Expect(frame, MessageType::kAck); !status) return status;
  MsgpackCursor cursor(frame.payload);
  Ack ack;
  const size_t extra = cursor.ReadRow("ack", 3);
  ack.epoch = cursor.ReadUnsigned("ack.epoch");
  ack.first_sequence = cursor.ReadUnsigned("ack.first_sequence");
  ack.last_sequence = cursor.ReadUnsigned("ack.last_sequence");
  cursor.SkipExtra("ack", extra);
  if (cursor.ok() && ack.first_sequence > ack.last_sequence) {
    cursor.Fail("ack.first_sequence", "after the last");
  }
  if (Status status = Finish(&cursor, "ack"); !status) return status;
  return ack;
}

}  // namespace ringside::proto
