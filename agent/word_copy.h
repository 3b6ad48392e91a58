// Copies and comparisons of memory that another process is writing: in words of the alignment that
// both sides have, each read exactly once, so that a counter is never torn and a value never
// changes after it was checked.
#ifndef RINGSIDE_AGENT_WORD_COPY_H_
#define RINGSIDE_AGENT_WORD_COPY_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ringside::agent {

// SYNC extreme-tag, gauge-last (reader): upwards in memory, what follows a tag is as new as the
// tag.
template <typename Word>
Word LoadUntrusted(const std::byte* at) {
  return __atomic_load_n(reinterpret_cast<const Word*>(at), __ATOMIC_ACQUIRE);
}

inline bool AreAligned(const void* a, const void* b, uintptr_t alignment) {
  return ((reinterpret_cast<uintptr_t>(a) | reinterpret_cast<uintptr_t>(b)) & (alignment - 1)) == 0;
}

template <typename Word>
size_t CopyAs(std::byte* to, const std::byte* from, size_t at, size_t size) {
  for (; at + sizeof(Word) <= size; at += sizeof(Word)) {
    const Word word = LoadUntrusted<Word>(from + at);
    std::memcpy(to + at, &word, sizeof word);
  }
  return at;
}

inline void CopyWords(std::byte* to, const std::byte* from, size_t size) {
  size_t at = 0;
  if (AreAligned(to, from, 8)) at = CopyAs<uint64_t>(to, from, at, size);
  if (AreAligned(to + at, from + at, 4)) at = CopyAs<uint32_t>(to, from, at, size);
  CopyAs<uint8_t>(to, from, at, size);
}

// Advances *at to the first difference, or to where a word no longer fits.
template <typename Word>
bool EqualAs(const std::byte* ours, const std::byte* theirs, size_t* at, size_t size) {
  for (; *at + sizeof(Word) <= size; *at += sizeof(Word)) {
    Word word;
    std::memcpy(&word, ours + *at, sizeof word);
    if (word != LoadUntrusted<Word>(theirs + *at)) return false;
  }
  return true;
}

// `theirs` is the memory that another process writes.
inline bool EqualWords(const std::byte* ours, const std::byte* theirs, size_t size) {
  size_t at = 0;
  if (AreAligned(ours, theirs, 8) && !EqualAs<uint64_t>(ours, theirs, &at, size)) return false;
  if (AreAligned(ours + at, theirs + at, 4) && !EqualAs<uint32_t>(ours, theirs, &at, size)) {
    return false;
  }
  return EqualAs<uint8_t>(ours, theirs, &at, size);
}

inline bool IsZero(const std::byte* bytes, size_t size) {
  return size == 0 || (bytes[0] == std::byte{0} && std::memcmp(bytes, bytes + 1, size - 1) == 0);
}

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_WORD_COPY_H_
