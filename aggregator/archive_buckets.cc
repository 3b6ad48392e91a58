#include "aggregator/archive_buckets.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace ringside::aggregator {
namespace {

constexpr ptrdiff_t kMostOfOne = 64;
static_assert(kMostOfOne <= JsonPen::kMostText, "there is always room for one");

char* PutBucket(uint64_t empty, uint64_t count, char* to) {
  *to++ = ',';
  if (empty != 0) {
    to = JsonPen::Put(empty == 1 ? 0 : -static_cast<int64_t>(empty), to);
    *to++ = ',';
  }
  return JsonPen::Put(count, to);
}

// What PutBucket makes of a token of one byte.
struct TokenText {
  std::array<char, 7> text;
  uint8_t size;
};

using proto::kLeastCountBits;
constexpr int kMostCountBits = 7;  // with more, few tokens are one byte
constexpr unsigned kTokens = 128;
using TokenTexts = std::array<TokenText, kTokens>;

std::array<TokenTexts, kMostCountBits - kLeastCountBits + 1> MakeTexts() {
  std::array<TokenTexts, kMostCountBits - kLeastCountBits + 1> texts{};
  for (int bits = kLeastCountBits; bits <= kMostCountBits; ++bits) {
    for (unsigned token = 0; token < kTokens; ++token) {
      if (!proto::IsWholeToken(static_cast<uint8_t>(token), bits)) continue;
      char text[kMostOfOne];
      const uint64_t count = (token & ((1u << bits) - 1)) + 1;
      const auto size = static_cast<size_t>(PutBucket(token >> bits, count, text) - text);
      TokenText& made = texts[static_cast<size_t>(bits - kLeastCountBits)][token];
      static_assert(sizeof made.text >= sizeof ",-15,7" - 1 &&
                    sizeof made.text >= sizeof ",0,63" - 1);
      std::memcpy(made.text.data(), text, size);
      made.size = static_cast<uint8_t>(size);
    }
  }
  return texts;
}

// Null where counts are large.
const TokenTexts* TextsFor(int count_bits) {
  static const auto kTexts = MakeTexts();
  if (count_bits > kMostCountBits) return nullptr;
  return &kTexts[static_cast<size_t>(count_bits - kLeastCountBits)];
}

// Whole tokens, as far as they go and there is room.
char* PutWholeTokens(const TokenTexts& texts, const uint8_t* end, const char* room_end,
                     const uint8_t** at, char* to) {
  while (*at != end && **at < kTokens && room_end - to >= kMostOfOne) {
    const TokenText& text = texts[**at];
    if (text.size == 0) break;
    std::memcpy(to, &text, sizeof text);
    to += text.size;
    ++*at;
  }
  return to;
}

}  // namespace

void AppendBuckets(std::string_view key, const std::vector<proto::BucketRange::Bucket>& buckets,
                   JsonPen* pen) {
  if (buckets.empty()) return;
  pen->Text(key);
  pen->Number(buckets.front().index);
  int64_t next = buckets.front().index;
  for (const auto& [index, count] : buckets) {
    pen->Wrote(PutBucket(static_cast<uint64_t>(index - next), count, pen->Room()));
    next = int64_t{index} + 1;
  }
  pen->Text("]");
}

void AppendBuckets(std::string_view key, const proto::BucketTokens& buckets, JsonPen* pen) {
  pen->Text(key);
  pen->Number(buckets.first_index);
  const TokenTexts* const texts = TextsFor(buckets.count_bits);
  for (const uint8_t* at = buckets.begin; at != buckets.end;) {
    char* to = pen->Room();
    if (texts != nullptr) to = PutWholeTokens(*texts, buckets.end, pen->End(), &at, to);
    if (at != buckets.end && pen->End() - to >= kMostOfOne) {
      const proto::BucketToken token = proto::ReadToken(buckets, &at);
      to = PutBucket(token.gap, token.count, to);
    }
    pen->Wrote(to);
  }
  pen->Text("]");
}

}  // namespace ringside::aggregator
