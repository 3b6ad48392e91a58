#include "proto/msgpack_cursor.h"

#include <cmath>
#include <cstring>

namespace ringside::proto {
namespace {

const char* NameOf(MsgpackType type) {
  switch (type) {
    case MsgpackType::kNil:
      return "nil";
    case MsgpackType::kBool:
      return "a boolean";
    case MsgpackType::kUnsigned:
      return "an unsigned integer";
    case MsgpackType::kSigned:
      return "an integer";
    case MsgpackType::kDouble:
      return "a number";
    case MsgpackType::kString:
      return "a string";
    case MsgpackType::kBinary:
      return "binary";
    case MsgpackType::kArray:
      return "an array";
    case MsgpackType::kOther:
      return "something else";
  }
  return "something else";
}

std::string Expected(MsgpackType wanted, MsgpackType found) {
  return std::string("expected ") + NameOf(wanted) + ", found " + NameOf(found);
}

// The forms 0xc4 to 0xdf: what they hold, and how many bytes of number or length follow.
struct Form {
  MsgpackType type;
  uint8_t size_bytes;
  uint8_t extra_body;  // extension types: one byte of type
  uint8_t nested_per_element;
  uint8_t fixed_body;  // fixext
};

constexpr Form kForms[28] = {
    {MsgpackType::kBinary, 1, 0, 0, 0},    // 0xc4 bin 8
    {MsgpackType::kBinary, 2, 0, 0, 0},    // 0xc5 bin 16
    {MsgpackType::kBinary, 4, 0, 0, 0},    // 0xc6 bin 32
    {MsgpackType::kOther, 1, 1, 0, 0},     // 0xc7 ext 8
    {MsgpackType::kOther, 2, 1, 0, 0},     // 0xc8 ext 16
    {MsgpackType::kOther, 4, 1, 0, 0},     // 0xc9 ext 32
    {MsgpackType::kDouble, 4, 0, 0, 0},    // 0xca float 32
    {MsgpackType::kDouble, 8, 0, 0, 0},    // 0xcb float 64
    {MsgpackType::kUnsigned, 1, 0, 0, 0},  // 0xcc
    {MsgpackType::kUnsigned, 2, 0, 0, 0},  // 0xcd
    {MsgpackType::kUnsigned, 4, 0, 0, 0},  // 0xce
    {MsgpackType::kUnsigned, 8, 0, 0, 0},  // 0xcf
    {MsgpackType::kSigned, 1, 0, 0, 0},    // 0xd0
    {MsgpackType::kSigned, 2, 0, 0, 0},    // 0xd1
    {MsgpackType::kSigned, 4, 0, 0, 0},    // 0xd2
    {MsgpackType::kSigned, 8, 0, 0, 0},    // 0xd3
    {MsgpackType::kOther, 0, 0, 0, 2},     // 0xd4 fixext 1
    {MsgpackType::kOther, 0, 0, 0, 3},     // 0xd5 fixext 2
    {MsgpackType::kOther, 0, 0, 0, 5},     // 0xd6 fixext 4
    {MsgpackType::kOther, 0, 0, 0, 9},     // 0xd7 fixext 8
    {MsgpackType::kOther, 0, 0, 0, 17},    // 0xd8 fixext 16
    {MsgpackType::kString, 1, 0, 0, 0},    // 0xd9 str 8
    {MsgpackType::kString, 2, 0, 0, 0},    // 0xda str 16
    {MsgpackType::kString, 4, 0, 0, 0},    // 0xdb str 32
    {MsgpackType::kArray, 2, 0, 1, 0},     // 0xdc array 16
    {MsgpackType::kArray, 4, 0, 1, 0},     // 0xdd array 32
    {MsgpackType::kOther, 2, 0, 2, 0},     // 0xde map 16
    {MsgpackType::kOther, 4, 0, 2, 0},     // 0xdf map 32
};

int64_t SignExtend(uint64_t bits, size_t size_bytes) {
  switch (size_bytes) {
    case 1:
      return static_cast<int8_t>(bits);
    case 2:
      return static_cast<int16_t>(bits);
    case 4:
      return static_cast<int32_t>(bits);
    default:
      return static_cast<int64_t>(bits);
  }
}

}  // namespace

void MsgpackCursor::Fail(const char* field, const std::string& what) {
  if (failed_) return;
  failed_ = true;
  error_ = std::string(field) + ": " + what;
  at_ = end_;
}

uint64_t MsgpackCursor::BigEndian(size_t offset, size_t size) const {
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) value = value << 8 | static_cast<uint8_t>(at_[offset + i]);
  return value;
}

MsgpackType MsgpackCursor::NextType() const {
  if (at_ == end_) return MsgpackType::kOther;
  const auto first = static_cast<uint8_t>(*at_);
  if (first < 0x80) return MsgpackType::kUnsigned;
  if (first < 0x90) return MsgpackType::kOther;
  if (first < 0xa0) return MsgpackType::kArray;
  if (first < 0xc0) return MsgpackType::kString;
  if (first >= 0xe0) return MsgpackType::kSigned;
  if (first == 0xc0) return MsgpackType::kNil;
  if (first == 0xc2 || first == 0xc3) return MsgpackType::kBool;
  return first < 0xc4 ? MsgpackType::kOther : kForms[first - 0xc4].type;
}

bool MsgpackCursor::SizedHead(const char* field, uint8_t first, Head* head) {
  const Form& form = kForms[first - 0xc4];
  head->bytes += form.size_bytes;
  if (Remaining() < head->bytes) {
    Fail(field, "truncated");
    return false;
  }
  head->bits = BigEndian(1, form.size_bytes);
  if (form.type == MsgpackType::kSigned) {
    head->bits = static_cast<uint64_t>(SignExtend(head->bits, form.size_bytes));
  }
  const bool is_number = first >= 0xca && first <= 0xd3;
  head->nested = head->bits * form.nested_per_element;
  head->body = form.fixed_body;
  if (!is_number && form.nested_per_element == 0) head->body += head->bits + form.extra_body;
  return true;
}

bool MsgpackCursor::ReadHead(const char* field, Head* head) {
  if (failed_) return false;
  if (at_ == end_) {
    Fail(field, "truncated");
    return false;
  }
  const auto first = static_cast<uint8_t>(*at_);
  head->type = NextType();
  head->bytes = 1;
  if (first < 0x80) {
    head->bits = first;
  } else if (first < 0x90) {
    head->nested = uint64_t{2} * (first & 0x0f);
  } else if (first < 0xa0) {
    head->bits = head->nested = first & 0x0f;
  } else if (first < 0xc0) {
    head->bits = head->body = first & 0x1f;
  } else if (first >= 0xe0) {
    head->bits = static_cast<uint64_t>(SignExtend(first, 1));
  } else if (first == 0xc1) {
    Fail(field, "not msgpack");
    return false;
  } else if (first < 0xc4) {
    head->bits = first & 1;
  } else if (!SizedHead(field, first, head)) {
    return false;
  }
  if (head->body > Remaining() - head->bytes) {
    Fail(field, std::to_string(head->body) + " bytes claimed, " +
                    std::to_string(Remaining() - head->bytes) + " left");
    return false;
  }
  return true;
}

uint64_t MsgpackCursor::ReadAnyUnsigned(const char* field, uint64_t most) {
  Head head;
  if (!ReadHead(field, &head)) return 0;
  const bool is_signed = head.type == MsgpackType::kSigned;
  if (head.type != MsgpackType::kUnsigned && !is_signed) {
    Fail(field, Expected(MsgpackType::kUnsigned, head.type));
    return 0;
  }
  if (is_signed && static_cast<int64_t>(head.bits) < 0) {
    Fail(field, std::to_string(static_cast<int64_t>(head.bits)) + " is negative");
    return 0;
  }
  if (head.bits > most) {
    Fail(field, std::to_string(head.bits) + ", at most " + std::to_string(most) + " allowed");
    return 0;
  }
  at_ += head.bytes;
  return head.bits;
}

int64_t MsgpackCursor::ReadAnySigned(const char* field) {
  Head head;
  if (!ReadHead(field, &head)) return 0;
  if (head.type == MsgpackType::kUnsigned && head.bits > static_cast<uint64_t>(INT64_MAX)) {
    Fail(field, std::to_string(head.bits) + " is above 63 bits");
    return 0;
  }
  if (head.type != MsgpackType::kUnsigned && head.type != MsgpackType::kSigned) {
    Fail(field, Expected(MsgpackType::kSigned, head.type));
    return 0;
  }
  at_ += head.bytes;
  return static_cast<int64_t>(head.bits);
}

bool MsgpackCursor::ReadBool(const char* field) {
  Head head;
  if (!ReadHead(field, &head)) return false;
  if (head.type != MsgpackType::kBool) {
    Fail(field, Expected(MsgpackType::kBool, head.type));
    return false;
  }
  at_ += head.bytes;
  return head.bits != 0;
}

double MsgpackCursor::ReadDouble(const char* field) {
  Head head;
  if (!ReadHead(field, &head)) return 0;
  if (head.type != MsgpackType::kDouble) {
    Fail(field, Expected(MsgpackType::kDouble, head.type));
    return 0;
  }
  double value = 0;
  if (head.bytes == 1 + sizeof value) {
    std::memcpy(&value, &head.bits, sizeof value);
  } else {
    const auto bits = static_cast<uint32_t>(head.bits);
    float narrow = 0;
    std::memcpy(&narrow, &bits, sizeof narrow);
    value = static_cast<double>(narrow);
  }
  if (!std::isfinite(value)) {
    Fail(field, "not a finite number");
    return 0;
  }
  at_ += head.bytes;
  return value;
}

std::string_view MsgpackCursor::ReadBytes(const char* field, MsgpackType type, size_t most_bytes) {
  Head head;
  if (!ReadHead(field, &head)) return {};
  if (head.type != type) {
    Fail(field, Expected(type, head.type));
    return {};
  }
  if (head.body > most_bytes) {
    Fail(field,
         std::to_string(head.body) + " bytes, at most " + std::to_string(most_bytes) + " allowed");
    return {};
  }
  const std::string_view bytes(at_ + head.bytes, static_cast<size_t>(head.body));
  at_ += head.bytes + bytes.size();
  return bytes;
}

std::string_view MsgpackCursor::ReadString(const char* field, size_t most_bytes) {
  return ReadBytes(field, MsgpackType::kString, most_bytes);
}

std::string_view MsgpackCursor::ReadBinary(const char* field, size_t most_bytes) {
  return ReadBytes(field, MsgpackType::kBinary, most_bytes);
}

void MsgpackCursor::ReadNil(const char* field) {
  Head head;
  if (!ReadHead(field, &head)) return;
  if (head.type != MsgpackType::kNil) {
    Fail(field, Expected(MsgpackType::kNil, head.type));
    return;
  }
  at_ += head.bytes;
}

size_t MsgpackCursor::ReadArray(const char* field, size_t element_bytes) {
  Head head;
  if (!ReadHead(field, &head)) return 0;
  if (head.type != MsgpackType::kArray) {
    Fail(field, Expected(MsgpackType::kArray, head.type));
    return 0;
  }
  at_ += head.bytes;
  if (head.nested > Remaining() / element_bytes) {
    Fail(field, std::to_string(head.nested) + " elements claimed, " + std::to_string(Remaining()) +
                    " bytes left");
    return 0;
  }
  return static_cast<size_t>(head.nested);
}

size_t MsgpackCursor::ReadRow(const char* field, size_t known) {
  const size_t size = ReadArray(field);
  if (!ok()) return 0;
  if (size < known) {
    Fail(field, std::to_string(size) + " elements, at least " + std::to_string(known) + " needed");
    return 0;
  }
  return size - known;
}

void MsgpackCursor::SkipExtra(const char* field, size_t extra) {
  for (; extra > 0 && ok(); --extra) Skip(field, kMaxDepth);
}

void MsgpackCursor::Skip(const char* field, int depth) {
  Head head;
  if (!ReadHead(field, &head)) return;
  at_ += head.bytes + head.body;
  if (head.nested == 0) return;
  if (depth == 0) return Fail(field, "nested too deep");
  if (head.nested > Remaining()) return Fail(field, "more elements claimed than bytes left");
  for (uint64_t i = 0; i < head.nested && ok(); ++i) Skip(field, depth - 1);
}

}  // namespace ringside::proto
