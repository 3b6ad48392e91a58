#include "proto/uuid.h"

#include <cstring>

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

namespace ringside::proto {
namespace {

void FillRandom(void* out, size_t size) {
  if (getrandom(out, size, GRND_NONBLOCK) == static_cast<ssize_t>(size)) return;
  // Early boot or a filtered system call: splitmix64 over clock, pid and address.
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  uint64_t state = static_cast<uint64_t>(now.tv_nsec) ^ (static_cast<uint64_t>(now.tv_sec) << 32) ^
                   (static_cast<uint64_t>(getpid()) << 16) ^ reinterpret_cast<uintptr_t>(out);
  auto* bytes = static_cast<uint8_t*>(out);
  for (size_t i = 0; i < size; ++i) {
    state += 0x9e3779b97f4a7c15u;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    bytes[i] = static_cast<uint8_t>((z ^ (z >> 27)) >> 56);
  }
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Uuid NewUuid() {
  Uuid uuid;
  FillRandom(uuid.bytes.data(), uuid.bytes.size());
  uuid.bytes[6] = static_cast<uint8_t>((uuid.bytes[6] & 0x0f) | 0x40);
  uuid.bytes[8] = static_cast<uint8_t>((uuid.bytes[8] & 0x3f) | 0x80);
  return uuid;
}

uint64_t NewRandom64() {
  uint64_t word = 0;
  FillRandom(&word, sizeof word);
  return word;
}

std::string ToString(const Uuid& uuid) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (size_t i = 0; i < uuid.bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kHex[uuid.bytes[i] >> 4];
    text += kHex[uuid.bytes[i] & 15];
  }
  return text;
}

bool ParseUuid(std::string_view text, Uuid* uuid) {
  if (text.size() != 36) return false;
  Uuid parsed;
  size_t at = 0;
  for (size_t i = 0; i < parsed.bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      if (text[at++] != '-') return false;
    }
    const int high = HexValue(text[at]);
    const int low = HexValue(text[at + 1]);
    if (high < 0 || low < 0) return false;
    parsed.bytes[i] = static_cast<uint8_t>(high << 4 | low);
    at += 2;
  }
  *uuid = parsed;
  return true;
}

}  // namespace ringside::proto
