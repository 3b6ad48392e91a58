// 16 random bytes (RFC 4122 version 4) that name a producer, an agent or a request.
#ifndef RINGSIDE_PROTO_UUID_H_
#define RINGSIDE_PROTO_UUID_H_

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace ringside::proto {

struct Uuid {
  std::array<uint8_t, 16> bytes{};

  friend bool operator==(const Uuid& a, const Uuid& b) { return a.bytes == b.bytes; }
  friend bool operator!=(const Uuid& a, const Uuid& b) { return !(a == b); }
  friend bool operator<(const Uuid& a, const Uuid& b) { return a.bytes < b.bytes; }
  bool IsZero() const { return *this == Uuid{}; }
};

// From the kernel's random source; never fails (getrandom, then the clock and pid mixed in).
Uuid NewUuid();
uint64_t NewRandom64();
// "8-4-4-4-12" in lower-case hex.
std::string ToString(const Uuid& uuid);
// False when `text` is not of that form; `uuid` is then untouched.
bool ParseUuid(std::string_view text, Uuid* uuid);

}  // namespace ringside::proto

template <>
struct std::hash<ringside::proto::Uuid> {
  size_t operator()(const ringside::proto::Uuid& uuid) const noexcept {
    uint64_t word = 0;
    __builtin_memcpy(&word, uuid.bytes.data(), sizeof word);  // random bytes: already a good hash
    return static_cast<size_t>(word);
  }
};

#endif  // RINGSIDE_PROTO_UUID_H_
