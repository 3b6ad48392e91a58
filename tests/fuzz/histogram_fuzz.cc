// Any bytes, as an encoded histogram: refused without a trace, or the one form of what they hold.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "proto/histogram.h"

using ringside::proto::Histogram;
using ringside::proto::Result;

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

std::string BytesOf(const Histogram& histogram) {
  std::string bytes;
  histogram.Encode(&bytes);
  return bytes;
}

// Its window holds the cells of small integers, so that many inputs are merged straight into them.
Histogram MakeWide() {
  Histogram wide;
  for (const int64_t value : {1, 5000, -1, -5000}) wide.Record(value);
  return wide;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Histogram kWide = MakeWide();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);

  const Result<Histogram> decoded = Histogram::Decode(bytes);
  Histogram merged = kWide;
  const bool was_merged = merged.MergeEncoded(bytes).ok();
  Require(was_merged == decoded.ok());
  if (!decoded.ok()) {
    Require(merged == kWide);
    return 0;
  }
  Require(BytesOf(*decoded) == bytes);
  Histogram expected = kWide;
  expected.Merge(*decoded);
  Require(merged == expected);
  for (const double q : {0.0, 0.5, 0.99, 1.0}) static_cast<void>(merged.Quantile(q));
  return 0;
}
