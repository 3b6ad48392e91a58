// Hash and comparison of names, without a call for those of up to a few words.
#ifndef RINGSIDE_PROBE_SHORT_TEXT_H_
#define RINGSIDE_PROBE_SHORT_TEXT_H_

#include <cstdint>
#include <cstring>
#include <string_view>

namespace ringside::probe {

// The last 1 to 8 bytes of a text in one word; of shorter texts all bytes.
inline uint64_t LastWord(const char* data, size_t size) noexcept {
  uint64_t word = 0;
  if (size >= 8) {
    memcpy(&word, data + size - 8, 8);
  } else if (size >= 4) {
    uint32_t first = 0;
    uint32_t last = 0;
    memcpy(&first, data, 4);
    memcpy(&last, data + size - 4, 4);
    word = uint64_t{first} << 32 | last;
  } else if (size > 0) {
    word = uint64_t{static_cast<uint8_t>(data[0])} << 16 |
           uint64_t{static_cast<uint8_t>(data[size / 2])} << 8 |
           static_cast<uint8_t>(data[size - 1]);
  }
  return word;
}

inline uint64_t HashText(uint64_t hash, std::string_view text) noexcept {
  constexpr uint64_t kFactor = 0x9e3779b97f4a7c15u;
  hash = (hash ^ text.size()) * kFactor;
  const char* data = text.data();
  size_t left = text.size();
  for (; left > 8; data += 8, left -= 8) {
    uint64_t word = 0;
    memcpy(&word, data, 8);
    hash = (hash ^ word) * kFactor;
    hash ^= hash >> 29;
  }
  hash = (hash ^ LastWord(data, left)) * kFactor;
  return hash ^ hash >> 29;
}

// Size and both ends of a text: of up to 16 bytes they are all of it.
struct TextEnds {
  uint64_t first;
  uint64_t last;
  size_t size;

  static constexpr size_t kWhole = 16;

  static TextEnds Of(std::string_view text) noexcept {
    const uint64_t last = LastWord(text.data(), text.size());
    uint64_t first = last;
    if (text.size() > 8) memcpy(&first, text.data(), 8);
    return {first, last, text.size()};
  }
  uint64_t Hash() const noexcept {
    constexpr uint64_t kFactor = 0x9e3779b97f4a7c15u;
    return ((last ^ first * 3 ^ size) * kFactor) >> 32;
  }
  friend bool operator==(const TextEnds& a, const TextEnds& b) noexcept {
    return ((a.first ^ b.first) | (a.last ^ b.last) | (a.size ^ b.size)) == 0;
  }
};

inline bool SameText(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  const char* left = a.data();
  const char* right = b.data();
  size_t size = a.size();
  for (; size > 8; left += 8, right += 8, size -= 8) {
    uint64_t words[2];
    memcpy(&words[0], left, 8);
    memcpy(&words[1], right, 8);
    if (words[0] != words[1]) return false;
  }
  return LastWord(left, size) == LastWord(right, size);
}

}  // namespace ringside::probe

#endif  // RINGSIDE_PROBE_SHORT_TEXT_H_
