// Buckets as the archive writes them (docs/archive.md): [first_index,count,count,...]; an empty
// bucket is 0, n of them are -n.
#ifndef RINGSIDE_AGGREGATOR_ARCHIVE_BUCKETS_H_
#define RINGSIDE_AGGREGATOR_ARCHIVE_BUCKETS_H_

#include <string_view>
#include <vector>

#include "aggregator/json_pen.h"
#include "proto/histogram.h"
#include "proto/histogram_tokens.h"

namespace ringside::aggregator {

// With `key` in front, as `,"buckets":[`; nothing at all where there are none.
void AppendBuckets(std::string_view key, const std::vector<proto::BucketRange::Bucket>& buckets,
                   JsonPen* pen);
// The same from a histogram's bytes: most tokens are one byte, and a byte's text is looked up.
void AppendBuckets(std::string_view key, const proto::BucketTokens& buckets, JsonPen* pen);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_ARCHIVE_BUCKETS_H_
