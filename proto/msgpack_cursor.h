// Walks untrusted msgpack bytes (https://msgpack.org), one value after the other, without building
// a tree. Nothing is read beyond the end; nothing is allocated; a declared length is compared with
// the bytes that are left before anyone can act on it.
//
// The first error sticks: later reads return zero values and keep the first message, which names
// the field. So a decoder reads a whole row and asks ok() where it loops or allocates.
#ifndef RINGSIDE_PROTO_MSGPACK_CURSOR_H_
#define RINGSIDE_PROTO_MSGPACK_CURSOR_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/status.h"

namespace ringside::proto {

enum class MsgpackType {
  kNil,
  kBool,
  kUnsigned,
  kSigned,
  kDouble,
  kString,
  kBinary,
  kArray,
  kOther
};

class MsgpackCursor {
 public:
  // Values nested deeper than this are refused, also where they would be skipped.
  static constexpr int kMaxDepth = 16;

  explicit MsgpackCursor(std::string_view bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}

  bool ok() const { return !failed_; }
  Status status() const { return failed_ ? Status::Error(error_) : Status(); }
  size_t Remaining() const { return static_cast<size_t>(end_ - at_); }
  // Notes the error unless there is one already: "<field>: <what>".
  void Fail(const char* field, const std::string& what);

  MsgpackType NextType() const;

  // Most numbers are of one byte.
  uint64_t ReadUnsigned(const char* field, uint64_t most = UINT64_MAX) {
    const uint64_t small = PeekByte();
    if (small >= 0x80 || small > most) return ReadAnyUnsigned(field, most);
    ++at_;
    return small;
  }
  int64_t ReadSigned(const char* field) {
    const uint64_t small = PeekByte();
    if (small >= 0x80) return ReadAnySigned(field);
    ++at_;
    return static_cast<int64_t>(small);
  }
  bool ReadBool(const char* field);
  double ReadDouble(const char* field);  // finite, or an error
  std::string_view ReadString(const char* field, size_t most_bytes);
  std::string_view ReadBinary(const char* field, size_t most_bytes);
  void ReadNil(const char* field);

  // How many elements follow. Refused when `element_bytes` each would not fit into what is left.
  size_t ReadArray(const char* field, size_t element_bytes = 1);
  // An array with fixed positions: at least `known` elements. Returns how many more there are, to
  // be handed to SkipExtra() after the known ones were read: what a newer minor version added.
  size_t ReadRow(const char* field, size_t known);
  void SkipExtra(const char* field, size_t extra);

 private:
  struct Head {
    MsgpackType type = MsgpackType::kOther;
    uint64_t bits = 0;    // the number, or the length of what follows
    size_t bytes = 0;     // of the head itself
    uint64_t nested = 0;  // values that belong to it
    uint64_t body = 0;    // bytes that belong to it
  };

  // 0xff, which is no number of one byte, where nothing is left: after an error, nothing is.
  uint8_t PeekByte() const { return at_ == end_ ? 0xff : static_cast<uint8_t>(*at_); }
  uint64_t ReadAnyUnsigned(const char* field, uint64_t most);
  int64_t ReadAnySigned(const char* field);
  // False, with an error, where the bytes end inside the head.
  bool ReadHead(const char* field, Head* head);
  bool SizedHead(const char* field, uint8_t first, Head* head);
  uint64_t BigEndian(size_t offset, size_t size) const;
  std::string_view ReadBytes(const char* field, MsgpackType type, size_t most_bytes);
  void Skip(const char* field, int depth);

  const char* at_;
  const char* end_;
  bool failed_ = false;
  std::string error_;
};

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_MSGPACK_CURSOR_H_
