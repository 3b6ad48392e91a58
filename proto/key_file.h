// Files of keys for connections between machines: who an agent is, and whom an aggregator knows.
//
//   secret   one line "secret HEX"; mode 0600, of the user who reads it or of root
//   public   lines "NAME HEX"; an allow-list has one for each agent that may connect. A name may
//            have several keys (the old and the new one while they are changed), a key has one name
//
// HEX: 64 digits, 32 bytes of Curve25519. "#" begins a comment. What is readable or writable by
// others than it should be is refused: whoever can change such a file decides who gets in.
#ifndef RINGSIDE_PROTO_KEY_FILE_H_
#define RINGSIDE_PROTO_KEY_FILE_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/status.h"

namespace ringside::proto {

struct CurveKey {
  std::array<uint8_t, 32> bytes{};

  friend bool operator==(const CurveKey& a, const CurveKey& b) { return a.bytes == b.bytes; }
  friend bool operator!=(const CurveKey& a, const CurveKey& b) { return !(a == b); }
};

struct NamedKey {
  std::string name;
  CurveKey key;
};

std::string ToHex(const CurveKey& key);
// 1 to 64 letters, digits, and ". _ : -".
bool IsKeyName(std::string_view name);

// Errors name the file, the line, and the mend.
Result<CurveKey> ReadSecretKey(const std::string& path);
Result<std::vector<NamedKey>> ReadPublicKeys(const std::string& path);

// What the two files hold.
std::string SecretKeyText(const CurveKey& secret);
std::string PublicKeyText(const NamedKey& key);
// A file that is there already is never overwritten. On disk when it returns.
Status WriteNewKeyFile(const std::string& path, const std::string& text, unsigned mode);

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_KEY_FILE_H_
