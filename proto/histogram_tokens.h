// The buckets in a histogram's bytes (docs/histogram-encoding.md) as they lie there, one token
// each: for who makes something else of every token, without a list of buckets in between. Only of
// bytes that are proved: Histogram::EncodedIfThere.
#ifndef RINGSIDE_PROTO_HISTOGRAM_TOKENS_H_
#define RINGSIDE_PROTO_HISTOGRAM_TOKENS_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace ringside::proto {

inline constexpr int kLeastCountBits = 3;

struct BucketTokens {
  bool is_negative = false;
  int32_t first_index = 0;  // of the first bucket
  int count_bits = 0;
  const uint8_t* begin = nullptr;
  const uint8_t* end = nullptr;
};

// None where there are no buckets, and where there are some of both signs: nothing says at which
// token the negative ones begin.
std::optional<BucketTokens> TokensOf(std::string_view proved);

struct BucketToken {
  uint64_t gap;  // empty cells before it
  uint64_t count;
};

// A byte that is a whole token; otherwise more bytes belong to it.
inline bool IsWholeToken(uint8_t byte, int count_bits) {
  const uint64_t most = (uint64_t{1} << count_bits) - 1;
  return byte < 0x80 && (byte & most) != most;
}

// The one at `*at`, which then is at the next.
BucketToken ReadToken(const BucketTokens& tokens, const uint8_t** at);

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_HISTOGRAM_TOKENS_H_
