// Bytes as text, for golden values in tests.
#ifndef RINGSIDE_TESTS_PROTO_HEX_H_
#define RINGSIDE_TESTS_PROTO_HEX_H_

#include <string>
#include <string_view>

namespace ringside::proto {

inline std::string ToHex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex += kDigits[static_cast<uint8_t>(c) >> 4];
    hex += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return hex;
}

// Spaces are for the reader.
inline std::string FromHex(std::string_view hex) {
  std::string bytes;
  int high = -1;
  for (const char c : hex) {
    if (c == ' ') continue;
    const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
    if (high < 0) {
      high = digit;
    } else {
      bytes += static_cast<char>(high << 4 | digit);
      high = -1;
    }
  }
  return bytes;
}

}  // namespace ringside::proto

#endif  // RINGSIDE_TESTS_PROTO_HEX_H_
