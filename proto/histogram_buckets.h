// A histogram's bytes (docs/histogram-encoding.md), without a Histogram: made from lists of its
// buckets, and how large it would be.
#ifndef RINGSIDE_PROTO_HISTOGRAM_BUCKETS_H_
#define RINGSIDE_PROTO_HISTOGRAM_BUCKETS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/histogram.h"

namespace ringside::proto {

struct HistogramForm {
  int scale;
  bool fractional;
  uint64_t zero_count;
};

// Buckets in rising order of index, none without a count. Appends to `out`.
void EncodeBuckets(const HistogramForm& form, const std::vector<BucketRange::Bucket>& positive,
                   const std::vector<BucketRange::Bucket>& negative, std::string* out);
// How many cells a Histogram of these bytes has, once its cells are needed; 0 where they are none.
size_t CellsOf(std::string_view bytes);

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_HISTOGRAM_BUCKETS_H_
