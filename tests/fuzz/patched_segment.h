// How the fuzzers write a segment down: the file's size, then pieces of it. Small inputs, all of
// which count: of a real segment most is zero.
//
//   u32 size, then pieces: u32 offset, u16 length (bit 15: only after the first reading), bytes
#ifndef RINGSIDE_TESTS_FUZZ_PATCHED_SEGMENT_H_
#define RINGSIDE_TESTS_FUZZ_PATCHED_SEGMENT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::fuzz {

inline constexpr uint32_t kMaxSegment = 4u << 20;
inline constexpr uint16_t kLater = 0x8000;

struct Piece {
  uint32_t offset = 0;
  bool later = false;
  std::string_view bytes;
};

struct PatchedSegment {
  uint32_t size = 0;
  std::vector<Piece> pieces;  // all within `size`

  static PatchedSegment Parse(std::string_view input);
};

// The form that Parse reads, of pieces that need not be shorter than 32 KiB.
std::string Describe(uint32_t size, const std::vector<Piece>& pieces);

// The golden segment's text (tests/support/sparse_file.h) in that form.
std::string DescribeText(const std::string& sparse_text);

}  // namespace ringside::fuzz

#endif  // RINGSIDE_TESTS_FUZZ_PATCHED_SEGMENT_H_
