#include "tests/fuzz/patched_segment.h"

#include <algorithm>
#include <cstring>
#include <sstream>

namespace ringside::fuzz {
namespace {

template <typename T>
bool Take(std::string_view* input, T* value) {
  if (input->size() < sizeof *value) return false;
  std::memcpy(value, input->data(), sizeof *value);
  input->remove_prefix(sizeof *value);
  return true;
}

template <typename T>
void Append(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

PatchedSegment PatchedSegment::Parse(std::string_view input) {
  PatchedSegment segment;
  if (!Take(&input, &segment.size)) return segment;
  segment.size = std::min(segment.size, kMaxSegment);
  Piece piece;
  uint16_t length = 0;
  while (Take(&input, &piece.offset) && Take(&input, &length)) {
    piece.later = (length & kLater) != 0;
    const size_t bytes = std::min<size_t>(length & ~kLater, input.size());
    piece.bytes = input.substr(0, bytes);
    input.remove_prefix(bytes);
    if (piece.offset <= segment.size && bytes <= segment.size - piece.offset) {
      segment.pieces.push_back(piece);
    }
  }
  return segment;
}

std::string Describe(uint32_t size, const std::vector<Piece>& pieces) {
  std::string text;
  Append(size, &text);
  for (const Piece& piece : pieces) {
    for (size_t at = 0; at < piece.bytes.size(); at += 0x7000) {
      const std::string_view part = piece.bytes.substr(at, 0x7000);
      Append(static_cast<uint32_t>(piece.offset + at), &text);
      Append(static_cast<uint16_t>(part.size() | (piece.later ? kLater : 0)), &text);
      text += part;
    }
  }
  return text;
}

std::string DescribeText(const std::string& sparse_text) {
  std::istringstream lines(sparse_text);
  std::string word;
  uint32_t size = 0;
  lines >> word >> std::hex >> size;  // "size: d1000"
  std::vector<std::pair<uint32_t, std::string>> runs;
  std::string offset_text;
  std::string hex;
  while (lines >> offset_text >> hex) {
    const auto offset = static_cast<uint32_t>(std::stoul(offset_text, nullptr, 16));
    std::string bytes;
    for (size_t i = 0; i + 1 < hex.size(); i += 2) {
      bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
    if (!runs.empty() && runs.back().first + runs.back().second.size() == offset) {
      runs.back().second += bytes;
    } else {
      runs.emplace_back(offset, bytes);
    }
  }
  std::vector<Piece> pieces;
  for (const auto& [offset, bytes] : runs) pieces.push_back({offset, false, bytes});
  return Describe(size, pieces);
}

}  // namespace ringside::fuzz
