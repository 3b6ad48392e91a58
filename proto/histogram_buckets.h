// A histogram's bytes (docs/histogram-encoding.md) from lists of its buckets, without a Histogram.
#ifndef RINGSIDE_PROTO_HISTOGRAM_BUCKETS_H_
#define RINGSIDE_PROTO_HISTOGRAM_BUCKETS_H_

#include <cstdint>
#include <string>
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

}  // namespace ringside::proto

#endif  // RINGSIDE_PROTO_HISTOGRAM_BUCKETS_H_
