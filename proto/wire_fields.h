// What the readers of wire messages share: fields that several of them have. Every byte is
// untrusted. Used inside proto/ only.
#ifndef RINGSIDE_PROTO_WIRE_FIELDS_H_
#define RINGSIDE_PROTO_WIRE_FIELDS_H_

#include <cstdint>
#include <string>

#include "proto/msgpack_cursor.h"
#include "proto/status.h"
#include "proto/uuid.h"
#include "proto/wire.h"

namespace ringside::proto {

Status Expect(const FrameView& frame, MessageType type);
// The one value that the payload is must end where the payload ends.
Status Finish(MsgpackCursor* cursor, const char* what);
Uuid ReadUuid(MsgpackCursor* cursor, const char* field);
std::string ReadText(MsgpackCursor* cursor, const char* field);
// The identity stands in the payload too, where the checksum covers it.
void ExpectIdentity(const WireHeader& header, const Uuid& agent, uint64_t epoch, uint64_t sequence,
                    MsgpackCursor* cursor);

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_WIRE_FIELDS_H_
