#include "proto/histogram_tokens.h"

#include "proto/histogram_bytes.h"

namespace ringside::proto {
namespace {

uint64_t ReadVarint(const uint8_t** at) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const uint8_t byte = *(*at)++;
    value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return value;
  }
}

}  // namespace

std::optional<BucketTokens> TokensOf(std::string_view proved) {
  const auto* const begin = reinterpret_cast<const uint8_t*>(proved.data());
  histogram_bytes::Cursor cursor{begin, begin + proved.size()};
  histogram_bytes::Head head;
  if (!histogram_bytes::ReadHead(&cursor, &head)) return std::nullopt;
  const bool is_negative = head.positive.span == 0;
  const histogram_bytes::Run& run = is_negative ? head.negative : head.positive;
  if (run.span == 0 || (!is_negative && head.negative.span != 0)) return std::nullopt;
  return BucketTokens{is_negative, run.first, head.count_bits, cursor.at, cursor.end};
}

BucketToken ReadToken(int count_bits, const uint8_t** at) {
  const uint64_t token = ReadVarint(at);
  const uint64_t most = (uint64_t{1} << count_bits) - 1;
  const uint64_t low = token & most;
  const uint64_t more = low == most ? ReadVarint(at) : 0;
  return {token >> count_bits, low + 1 + more};
}

}  // namespace ringside::proto
