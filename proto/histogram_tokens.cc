#include "proto/histogram_tokens.h"

#include "proto/histogram_bytes.h"

namespace ringside::proto {

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

BucketToken ReadToken(const BucketTokens& tokens, const uint8_t** at) {
  histogram_bytes::Cursor cursor{*at, tokens.end};
  uint64_t token = 0;
  uint64_t more = 0;
  cursor.Varint(&token);
  const uint64_t most = (uint64_t{1} << tokens.count_bits) - 1;
  const uint64_t low = token & most;
  if (low == most) cursor.Varint(&more);
  *at = cursor.at;
  return {token >> tokens.count_bits, low + 1 + more};
}

}  // namespace ringside::proto
