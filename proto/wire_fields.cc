#include "proto/wire_fields.h"

#include <cstring>

#include "proto/wire_limits.h"

namespace ringside::proto {
namespace {

std::string NameOf(MessageType type) {
  switch (type) {
    case MessageType::kHello:
      return "hello";
    case MessageType::kWelcome:
      return "welcome";
    case MessageType::kRefuse:
      return "refuse";
    case MessageType::kBatch:
      return "batch";
    case MessageType::kAck:
      return "ack";
    case MessageType::kInFlight:
      return "inflight";
    case MessageType::kLimits:
      return "limits";
  }
  return "type " + std::to_string(static_cast<int>(type));
}

}  // namespace

Status Expect(const FrameView& frame, MessageType type) {
  if (frame.header.type == type) return Status();
  return Status::Error("frame: expected " + NameOf(type) + ", found " + NameOf(frame.header.type));
}

// The one value that the payload is must end where the payload ends.
Status Finish(MsgpackCursor* cursor, const char* what) {
  if (cursor->ok() && cursor->Remaining() != 0) {
    cursor->Fail(what, std::to_string(cursor->Remaining()) + " trailing bytes");
  }
  return cursor->status();
}

Uuid ReadUuid(MsgpackCursor* cursor, const char* field) {
  Uuid uuid;
  const std::string_view bytes = cursor->ReadBinary(field, uuid.bytes.size());
  if (!cursor->ok()) return uuid;
  if (bytes.size() != uuid.bytes.size()) {
    cursor->Fail(field, std::to_string(bytes.size()) + " bytes instead of 16");
    return uuid;
  }
  std::memcpy(uuid.bytes.data(), bytes.data(), bytes.size());
  return uuid;
}

std::string ReadText(MsgpackCursor* cursor, const char* field) {
  return std::string(cursor->ReadString(field, kMaxTextBytes));
}

// The identity stands in the payload too, where the checksum covers it.
void ExpectIdentity(const WireHeader& header, const Uuid& agent, uint64_t epoch, uint64_t sequence,
                    MsgpackCursor* cursor) {
  if (!cursor->ok()) return;
  const bool same = std::memcmp(header.agent, agent.bytes.data(), agent.bytes.size()) == 0 &&
                    header.epoch == epoch && header.sequence == sequence;
  if (!same) cursor->Fail("frame", "header and payload name different identities");
}

}  // namespace ringside::proto
