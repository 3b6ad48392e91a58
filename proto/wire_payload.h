// What the writers of wire messages share: a payload under construction, texts cut to what the
// reader accepts, and the frame around it. Used inside proto/ only.
#ifndef RINGSIDE_PROTO_WIRE_PAYLOAD_H_
#define RINGSIDE_PROTO_WIRE_PAYLOAD_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <msgpack/pack.hpp>

#include "proto/series.h"
#include "proto/uuid.h"
#include "proto/wire_format.h"

namespace ringside::proto {

// Where msgpack-c's packer writes to.
struct StringSink {
  std::string* out;
  void write(const char* data, size_t size) {
    out->append(data, size);
  }  // NOLINT: the name it asks
};
using Packer = msgpack::packer<StringSink>;

// Bytes, and a packer that appends to them.
class Payload {
 public:
  Payload() = default;
  Payload(const Payload&) = delete;
  Payload& operator=(const Payload&) = delete;

  Packer* packer() { return &packer_; }
  Packer* operator->() { return &packer_; }
  std::string& bytes() { return bytes_; }

 private:
  std::string bytes_;
  StringSink sink_{&bytes_};
  Packer packer_{sink_};
};

template <typename T>
void PutLittleEndian(T value, std::string* out) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    out->push_back(static_cast<char>(static_cast<uint64_t>(value) >> (8 * i)));
  }
}

std::string Frame(MessageType type, const Uuid& agent, uint64_t epoch, uint64_t sequence,
                  std::string_view payload);

// Cut between two UTF-8 characters.
std::string_view Cut(std::string_view text, size_t most);
// At most kMaxTextBytes.
void PackText(std::string_view text, Packer* packer);
void PackBinary(std::string_view bytes, Packer* packer);
void PackUuid(const Uuid& uuid, Packer* packer);
void PackBool(bool value, Packer* packer);

// What the reader accepts: few labels, short keys, in rising order.
bool AreSendable(const LabelList& labels);
// A message that the aggregator cannot read would be sent for ever: what a caller got wrong costs a
// label, not the message.
LabelList MakeSendable(LabelList labels);

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_WIRE_PAYLOAD_H_
